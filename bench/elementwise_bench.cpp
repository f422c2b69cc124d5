// Elementwise arithmetic, reductions, copies and random numbers, in GB/s of memory they must move.
//
// The large cases are activations of 128 x 32 x 32 x 32 floats (16 MB), out of any cache; the small ones 16,384 floats.
#include <cmath>
#include <cstring>
#include <numeric>

#include "bench/support.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/memory/memory.hpp"
#include "kernels/random/random.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Elementwise = ElementwiseKernels<float>;
constexpr std::int64_t batch = 128, large = batch * 32 * 32 * 32, small = 16384;

// Sizes of an outermost dimension: small on the emulator.
std::int64_t some(const auto& b, std::int64_t n) {
  return sized(b, n, std::max<std::int64_t>(n > small ? n / 1024 : n / 12, 1));
}
ElementShape some(const auto& b, ElementShape s) {
  s.size[0] = some(b, s.size[0]);
  return s;
}

// One kernel: up to two inputs that rotate, and an output; how many elements each has.
template <class Table>
struct Case {
  std::int64_t a = 0, b = 0, y = 0;
  double bytes = 0, items = 0;
  bool cold = true;
  double tolerance = 0;
  std::function<void(const Table&, Stream, const float* a, const float* b, float* y, void* workspace)> call;
  std::function<std::size_t(const Table&)> workspace = [](const Table&) { return std::size_t{0}; };
};

// Its buffers in one kernel's memory.
template <class Table>
struct Data {
  Rotating<float> a, b, y;
  Workspace workspace;
  Data(const Case<Table>& c, const Table& table, Where where, bool cold)
      : a(where, made_up<float>(c.a, 0.5, 2), cold),
        b(where, made_up<float>(c.b, 0.5, 2), cold && c.a == c.b),
        y(where, std::vector<float>(c.y, 1), cold),
        workspace(where, static_cast<std::int64_t>(c.workspace(table))) {}
};

template <class Table>
Ready ready(const std::string& name, const Backend<Table>& backend, const Case<Table>& c) {
  const Table &k = *backend.table, &naive = reference<Table>();
  const auto run = [call = c.call](const Table& table, Stream stream, const Data<Table>& d) {
    call(table, stream, d.a.next(), d.b.next(), d.y.next(), d.workspace);
  };
  const Data<Table> d(c, k, backend.where, c.cold), want(c, naive, Where::host, false);
  run(k, {}, d), run(naive, {}, want);
  require_near(name, d.y.host(), want.y.host(), c.tolerance);
  return {{.bytes = c.bytes, .items = c.items}, [=, &k](Stream stream) { run(k, stream, d); }};
}

void add_binary(const std::string& name, const ElementShape& full, std::int64_t size_b, bool cold) {
  add<Elementwise>(name, [=](const Backend<Elementwise>& b) {
    const ElementShape shape = some(b, full);
    const std::int64_t count = shape.count(), other = size_b == full.count() ? count : size_b;
    return ready<Elementwise>(name, b,
                              {.a = count,
                               .b = other,
                               .y = count,
                               .bytes = 4.0 * static_cast<double>(2 * count + other),
                               .cold = cold,
                               .call = [=](const Elementwise& k, Stream stream, const float* x, const float* z, float* y,
                                           void*) { k.binary(stream, Binary::add, shape, x, z, y); }});
  });
}

void add_unary(const std::string& name, Unary op) {
  add<Elementwise>(name, [=](const Backend<Elementwise>& b) {
    const std::int64_t count = some(b, large);
    return ready<Elementwise>(name, b,
                              {.a = count,
                               .y = count,
                               .bytes = 8.0 * static_cast<double>(count),
                               .tolerance = 2e-6,
                               .call = [=](const Elementwise& k, Stream stream, const float* x, const float*, float* y, void*) {
                                 k.unary(stream, op, count, x, y);
                               }});
  });
}

void add_scaled() {
  add<Elementwise>("add_scaled", [=](const Backend<Elementwise>& b) {
    const std::int64_t count = some(b, large);
    return ready<Elementwise>("add_scaled", b,
                              {.a = count,
                               .y = count,
                               .bytes = 12.0 * static_cast<double>(count),
                               .tolerance = 1e-6,
                               .call = [=](const Elementwise& k, Stream stream, const float* x, const float*, float* y, void*) {
                                 k.add_scaled(stream, count, x, 0.5f, y);
                               }});
  });
}

void add_reduce(const std::string& name, Reduce op, const ReduceShape& full) {
  using Kernels = ReduceKernels<float>;
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    ReduceShape s = full;
    (s.outer > 1 ? s.outer : s.reduced) = some(b, s.outer > 1 ? s.outer : s.reduced);
    const std::int64_t count = s.outer * s.reduced * s.inner;
    // Numbers of mean 1.25 are added up.
    const double tolerance = op == Reduce::sum ? 1e-6 * 1.25 * static_cast<double>(s.reduced) : 0;
    return ready<Kernels>(name, b,
                          {.a = count,
                           .y = s.outer * s.inner,
                           .bytes = 4.0 * static_cast<double>(count),
                           .tolerance = tolerance,
                           .call = [=](const Kernels& k, Stream stream, const float* x, const float*, float* y,
                                       void* workspace) { k.reduce(stream, op, s, x, y, workspace); },
                           .workspace = [=](const Kernels& k) { return k.workspace(s); }});
  });
}

void add_argmax(const std::string& name, const ReduceShape& full) {
  using Kernels = ReduceKernels<float>;
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    ReduceShape s = full;
    s.outer = some(b, s.outer);
    const std::int64_t count = s.outer * s.reduced * s.inner, results = s.outer * s.inner;
    const auto values = made_up<float>(count);
    const auto run = [s](const Kernels& k, Stream stream, const auto& x, const auto& y, const auto& workspace) {
      k.argmax(stream, s, x.next(), y.next(), workspace);
    };
    const Kernels &k = *b.table, &naive = reference<Kernels>();
    const Rotating<float> x(b.where, values), want_x(Where::host, values, false);
    const Rotating<std::int64_t> y(b.where, results), want(Where::host, results, false);
    const Workspace workspace(b.where, static_cast<std::int64_t>(k.workspace(s))),
        want_workspace(Where::host, static_cast<std::int64_t>(naive.workspace(s)));
    run(k, {}, x, y, workspace), run(naive, {}, want_x, want, want_workspace);
    require_near(name, y.host(), want.host(), 0);
    return Ready{{.bytes = 4.0 * static_cast<double>(count) + 8.0 * static_cast<double>(results)},
                 [=, &k](Stream stream) { run(k, stream, x, y, workspace); }};
  });
}

// All rows of a data set in a random order, as an epoch's batches take them one after the other.
void add_gather_rows(const std::string& name, std::int64_t all, std::int64_t row_bytes) {
  add<MemoryKernels>(name, [=](const Backend<MemoryKernels>& b) {
    const std::int64_t rows = some(b, all);
    const auto bytes = made_up<std::uint8_t>(rows * row_bytes, 0, 256);
    std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    const auto places = made_up<std::int64_t>(rows, 0, static_cast<double>(rows));
    for (std::size_t i = 0; i < order.size(); ++i) std::swap(order[i], order[static_cast<std::size_t>(places[i])]);
    const Rotating<std::uint8_t> x(b.where, bytes), y(b.where, rows * row_bytes);
    const Fixed<std::int64_t> index(b.where, order);
    const MemoryKernels& k = *b.table;
    const auto call = [=, &k](Stream stream) { k.gather_rows(stream, rows, row_bytes, x.next(), index, y.next()); };
    call({});
    const auto got = y.host();
    for (std::int64_t i = 0; i < rows * row_bytes; ++i)
      require_near(name, got[static_cast<std::size_t>(i)],
                   bytes[static_cast<std::size_t>(order[static_cast<std::size_t>(i / row_bytes)] * row_bytes + i % row_bytes)],
                   0);
    return Ready{{.bytes = static_cast<double>(rows) * static_cast<double>(2 * row_bytes + 8)}, call};
  });
}

void add_copy(const std::string& name, const ElementShape& full) {
  add<MemoryKernels>(name, [=](const Backend<MemoryKernels>& b) {
    ElementShape shape = full;
    if (full.dims != 2) shape = some(b, full);  // a transposition's rows are its columns
    if (full.dims == 2 && b.emulated()) shape.size[0] = shape.size[1] = shape.stride_a[1] = 96;
    const std::int64_t count = shape.count();
    return ready<MemoryKernels>(name, b,
                                {.a = count,
                                 .y = count,
                                 .bytes = 8.0 * static_cast<double>(count),
                                 .call = [=](const MemoryKernels& k, Stream stream, const float* x, const float*, float* y,
                                             void*) { k.copy(stream, float32, shape, x, y); }});
  });
}

void add_fill() {
  add<MemoryKernels>("fill", [=](const Backend<MemoryKernels>& b) {
    const std::int64_t count = some(b, large);
    return ready<MemoryKernels>("fill", b,
                                {.y = count,
                                 .bytes = 4.0 * static_cast<double>(count),
                                 .call = [=](const MemoryKernels& k, Stream stream, const float*, const float*, float* y,
                                             void*) { k.fill(stream, float32, count, 2.5, y); }});
  });
}

// y holds the doubles as pairs of floats, which are compared as such.
void add_cast() {
  add<MemoryKernels>("cast, float to double", [=](const Backend<MemoryKernels>& b) {
    const std::int64_t count = some(b, large);
    return ready<MemoryKernels>("cast", b,
                                {.a = count,
                                 .y = 2 * count,
                                 .bytes = 12.0 * static_cast<double>(count),
                                 .call = [=](const MemoryKernels& k, Stream stream, const float* x, const float*, float* y,
                                             void*) { k.cast(stream, float32, float64, count, x, y); }});
  });
}

void add_random(const std::string& name, bool normal) {
  using Kernels = RandomKernels<float>;
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    const std::int64_t count = some(b, large);
    const auto elements = static_cast<double>(count);
    return ready<Kernels>(name, b,
                          {.y = count,
                           .bytes = 4 * elements,
                           .items = elements,
                           .tolerance = 1e-5,
                           .call = [=](const Kernels& k, Stream stream, const float*, const float*, float* y, void*) {
                             (normal ? k.normal : k.uniform)(stream, count, {.seed = 1, .step = 3}, 0, 1, y);
                           }});
  });
}

void add_all() {
  add("memcpy (for comparison)", "cpu", Where::host, [] {
    const Rotating<float> x(Where::host, made_up<float>(large)), y(Where::host, large);
    return Ready{{.bytes = 8.0 * large}, [=](Stream) { std::memcpy(y.next(), x.next(), 4 * large); }};
  });
  add_binary("add", {1, {large}, {1}, {1}}, large, true);
  add_binary("add, a row to each", {2, {large / 1024, 1024}, {1024, 1}, {0, 1}}, 1024, true);
  add_binary("add, a number to each channel", {3, {128, 32, 1024}, {32768, 1024, 1}, {0, 1, 0}}, 32, true);
  add_binary("add, small", {1, {small}, {1}, {1}}, small, false);
  add_binary("add, rows of ten", {2, {12800, 10}, {10, 1}, {0, 1}}, 10, false);
  add_scaled();
  add_unary("exp", Unary::exp);
  add_unary("log", Unary::log);
  add_unary("sqrt", Unary::sqrt);
  add_reduce("sum of all", Reduce::sum, {1, large, 1});
  add_reduce("sum of rows of 1024", Reduce::sum, {large / 1024, 1024, 1});
  add_reduce("sum of rows of ten", Reduce::sum, {large / 10, 10, 1});
  add_reduce("sum of 32 columns", Reduce::sum, {1, large / 32, 32});
  add_reduce("sum over channels", Reduce::sum, {128, 32, 1024});
  add_reduce("max of rows of 1024", Reduce::max, {large / 1024, 1024, 1});
  add_argmax("argmax of rows of ten", {large / 10, 10, 1});
  add_argmax("argmax of rows of 1024", {large / 1024, 1024, 1});
  add_argmax("argmax over channels", {128, 32, 1024});
  add_gather_rows("gather_rows, images of 3072 bytes", small, 3072);
  add_gather_rows("gather_rows, rows of ten floats", 1 << 20, 40);
  add_copy("copy, dense", {1, {large}, {1}, {}});
  add_copy("copy, to channels last", {4, {128, 32, 32, 32}, {32768, 32, 1, 1024}, {}});
  add_copy("copy, from channels last", {4, {128, 32, 32, 32}, {32768, 1, 1024, 32}, {}});
  add_copy("copy, transpose 2048 x 2048", {2, {2048, 2048}, {1, 2048}, {}});
  add_fill();
  add_cast();
  add_random("uniform", false);
  add_random("normal", true);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
