// Optimizer steps: a small network of the examples (48,000 parameters in 32 tensors, in cache) and 16 million parameters.
#include "bench/support.hpp"
#include "kernels/optim/optim.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = OptimKernels<float>;

struct Parameters {
  Fixed<float> value, gradient, state0, state1;
  Fixed<double> norm;
  std::vector<ParameterSlice<float>> slices;

  Parameters(Where where, int tensors, std::int64_t size)
      : value(where, made_up<float>(tensors * size)),
        gradient(where, made_up<float>(tensors * size, -0.01, 0.01)),
        state0(where, std::vector<float>(tensors * size)),
        state1(where, std::vector<float>(tensors * size)),
        norm(where, std::vector<double>{1}) {
    for (std::int64_t at = 0; at < tensors * size; at += size)
      slices.push_back({value + at, gradient + at, state0 + at, state1 + at, size});
  }
  int count() const { return static_cast<int>(slices.size()); }
};

// One kernel over `tensors` of `size`; `first` is checked in its stead, where its own options would hardly change a number.
using Call = std::function<void(const Kernels&, Stream, const Parameters&, void* workspace)>;
void add_kernel(const std::string& name, int tensors, std::int64_t size, double bytes, Call first, Call call) {
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t each = sized(b, size, std::int64_t{3000});
    const auto p = std::make_shared<Parameters>(b.where, tensors, each);
    const Parameters want(Where::host, tensors, each);
    const Workspace room(b.where, static_cast<std::int64_t>(k.workspace(p->count(), p->slices.data())));
    const Workspace host_room(Where::host,
                              static_cast<std::int64_t>(reference<Kernels>().workspace(want.count(), want.slices.data())));
    first(k, {}, *p, room), first(reference<Kernels>(), {}, want, host_room);
    require_near(name, p->value.host(), want.value.host(), 1e-6);
    require_near(name + ": gradient", p->gradient.host(), want.gradient.host(), 1e-6);
    require_near(name + ": state0", p->state0.host(), want.state0.host(), 1e-6);
    require_near(name + ": state1", p->state1.host(), want.state1.host(), 1e-6);
    require_near(name + ": norm", p->norm.host(), want.norm.host(), 1e-6);
    const double count = static_cast<double>(each * tensors);
    return Ready{{.bytes = bytes * count}, [=, &k](Stream stream) { call(k, stream, *p, room); }};
  });
}

void add_steps(const std::string& name, int tensors, std::int64_t size) {
  const auto sgd = [](SgdOptions options) {
    return [=](const Kernels& k, Stream stream, const Parameters& p, void*) {
      k.sgd(stream, p.count(), p.slices.data(), options, nullptr);
    };
  };
  const auto adam = [](AdamOptions options) {
    return [=](const Kernels& k, Stream stream, const Parameters& p, void*) {
      k.adam(stream, p.count(), p.slices.data(), options, nullptr);
    };
  };
  const auto norm = [](const Kernels& k, Stream stream, const Parameters& p, void* workspace) {
    k.gradient_norm(stream, p.count(), p.slices.data(), p.norm, workspace);
  };
  add_kernel("sgd, momentum, " + name, tensors, size, 20, sgd({.lr = 0.1, .momentum = 0.9, .first_step = true}),
             sgd({.lr = 1e-6, .momentum = 0.9}));
  add_kernel("adam, " + name, tensors, size, 28, adam({.lr = 0.1, .step = 1}), adam({.lr = 1e-6, .step = 10}));
  add_kernel("gradient_norm, " + name, tensors, size, 4, norm, norm);
  // By the norm that is there, 1: checked where it halves the gradients, timed where it takes a millionth off them.
  const auto clip = [](double most) {
    return [=](const Kernels& k, Stream stream, const Parameters& p, void*) {
      k.clip(stream, p.count(), p.slices.data(), most, p.norm);
    };
  };
  add_kernel("clip, " + name, tensors, size, 8, clip(0.5), clip(1));
}

void add_all() {
  add_steps("32 tensors of 1500", 32, 1500);
  add_steps("16 tensors of 1048576", 16, 1 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
