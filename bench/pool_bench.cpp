// Pooling over the layers of the example systems at batch 128. Bytes are the least that must move; "% roofline" holds them
// against the device's copy bandwidth.
#include "bench/support.hpp"
#include "kernels/pool/pool.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = PoolKernels<float>;

// Buffers of one shape: its input, output, their gradients and the winners.
struct Data {
  Rotating<float> x, y, dy, dx;
  Rotating<std::uint8_t> winners;
  Data(Where where, std::int64_t in, std::int64_t out)
      : x(where, made_up<float>(in)), y(where, out), dy(where, made_up<float>(out)), dx(where, in), winners(where, out) {}
};

// Registers `call`, of which `result` is the output; `before` runs once, for what `call` reads.
void add_pass(const std::string& name, std::int64_t planes, std::int64_t in, std::int64_t out, double bytes_a_plane,
              Rotating<float> Data::*result, std::function<void(const Kernels&, std::int64_t planes, const Data&)> before,
              std::function<void(const Kernels&, Stream, std::int64_t planes, const Data&)> call) {
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t n = sized(b, planes, std::int64_t{24});
    const Data d(b.where, n * in, n * out), want(Where::host, n * in, n * out);
    if (before) before(k, n, d), before(reference<Kernels>(), n, want);
    call(k, {}, n, d), call(reference<Kernels>(), {}, n, want);
    require_near(name, (d.*result).host(), (want.*result).host(), 1e-5);
    require_near(name + " winners", d.winners.host(), want.winners.host(), 0);
    return Ready{{.bytes = bytes_a_plane * static_cast<double>(n)}, [=, &k](Stream stream) { call(k, stream, n, d); }};
  });
}

void add_pool(const std::string& layer, PoolShape s) {
  const std::int64_t in = s.h * s.w, out = s.out_h * s.out_w, planes = s.planes;
  const double both = 4.0 * static_cast<double>(in + out), index = static_cast<double>(out);
  const auto shape = [s](std::int64_t n) {
    PoolShape some = s;
    some.planes = n;
    return some;
  };
  const auto find_winners = [=](const Kernels& k, std::int64_t n, const Data& d) {
    for (std::uint8_t* first = nullptr;;) {  // in every copy of them
      std::uint8_t* const arg = d.winners.next();
      if (arg == first) return;
      if (!first) first = arg;
      k.max({}, shape(n), d.x.next(), d.y.next(), arg);
    }
  };
  add_pass("max/forward/" + layer, planes, in, out, both + index, &Data::y, nullptr,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.max(stream, shape(n), d.x.next(), d.y.next(), d.winners.next());
           });
  add_pass("max/backward/" + layer, planes, in, out, both + index, &Data::dx, find_winners,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.max_backward(stream, shape(n), d.dy.next(), d.winners.next(), d.dx.next());
           });
  add_pass("average/forward/" + layer, planes, in, out, both, &Data::y, nullptr,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.average(stream, shape(n), d.x.next(), d.y.next());
           });
  add_pass("average/backward/" + layer, planes, in, out, both, &Data::dx, nullptr,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.average_backward(stream, shape(n), d.dy.next(), d.dx.next());
           });
}

void add_global(const std::string& layer, std::int64_t planes, std::int64_t inner) {
  const double bytes = 4.0 * static_cast<double>(inner + 1);
  add_pass("global/forward/" + layer, planes, inner, 1, bytes, &Data::y, nullptr,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.global_average(stream, n, inner, d.x.next(), d.y.next());
           });
  add_pass("global/backward/" + layer, planes, inner, 1, bytes, &Data::dx, nullptr,
           [=](const Kernels& k, Stream stream, std::int64_t n, const Data& d) {
             k.global_average_backward(stream, n, inner, d.dy.next(), d.dx.next());
           });
}

PoolShape halving(std::int64_t planes, int size) {
  PoolShape s;
  s.planes = planes, s.h = s.w = size, s.out_h = s.out_w = size / 2;
  return s;
}

void add_all() {
  add_pool("transition 32@32", halving(128 * 32, 32));
  add_pool("bottleneck 10@32", halving(128 * 10, 32));
  add_pool("residual 16@16", halving(128 * 16, 16));
  PoolShape overlapping = halving(128 * 64, 32);
  overlapping.kh = overlapping.kw = 3, overlapping.pad_h = overlapping.pad_w = 1;
  add_pool("3 x 3, stride 2, 64@32", overlapping);
  add_global("bottleneck 32@8", 128 * 32, 64);
  add_global("dilated 10@6", 128 * 10, 36);
  add_global("512@16", 128 * 512, 256);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
