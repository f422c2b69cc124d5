// Elementwise arithmetic, reductions, copies and random numbers, in GB/s of memory they must move.
//
// The large cases are activations of 128 x 32 x 32 x 32 floats (16 MB), out of any cache; the small ones 16,384 floats.
#include <cstring>
#include <memory>

#include "bench/support.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/memory/memory.hpp"
#include "kernels/random/random.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

constexpr std::int64_t large = 128 * 32 * 32 * 32, small = 16384;

using Floats = std::shared_ptr<Rotating<float>>;
Floats floats(std::int64_t count, bool cold = true, double low = 0.5, double high = 2) {
  return std::make_shared<Rotating<float>>(made_up<float>(count, low, high), cold);
}

void add_binary(const std::string& name, const ElementShape& shape, std::int64_t size_b, bool cold) {
  const auto& k = ElementwiseKernels<float>::cpu();
  const std::int64_t count = shape.count();
  auto a = floats(count, cold), b = floats(size_b, cold && size_b == count), y = floats(count, cold);
  const float *pa = a->next(), *pb = b->next();
  float* py = y->next();
  k.binary({}, Binary::add, shape, pa, pb, py);
  std::int64_t offset_b = 0, rest = count - 1;
  for (int d = shape.dims - 1; d >= 0; rest /= shape.size[d--]) offset_b += rest % shape.size[d] * shape.stride_b[d];
  require_near(name, static_cast<double>(py[count - 1]), static_cast<double>(pa[count - 1] + pb[offset_b]), 0);
  add(name, {.bytes = 4.0 * static_cast<double>(2 * count + size_b)},
      [=, &k] { k.binary({}, Binary::add, shape, a->next(), b->next(), y->next()); });
}

void add_unary(const std::string& name, Unary op, double (*want)(double)) {
  const auto& k = ElementwiseKernels<float>::cpu();
  auto x = floats(large), y = floats(large);
  float *px = x->next(), *py = y->next();
  k.unary({}, op, large, px, py);
  require_near(name, static_cast<double>(py[77]), want(static_cast<double>(px[77])), 1e-6);
  add(name, {.bytes = 8.0 * large}, [=, &k] { k.unary({}, op, large, x->next(), y->next()); });
}

void add_reduce(const std::string& name, Reduce op, const ReduceShape& s) {
  const auto& k = ReduceKernels<float>::cpu();
  const std::int64_t count = s.outer * s.reduced * s.inner;
  auto x = floats(count);
  auto y = std::make_shared<std::vector<float>>(static_cast<std::size_t>(s.outer * s.inner));
  auto workspace = std::make_shared<std::vector<std::byte>>(k.workspace(s));
  const float* px = x->next();
  k.reduce({}, op, s, px, y->data(), workspace->data());
  double sum = 0;
  for (std::int64_t r = 0; r < s.reduced; ++r) sum += static_cast<double>(px[r * s.inner]);
  if (op == Reduce::sum) require_near(name, static_cast<double>((*y)[0]) / sum, 1, 1e-6);
  add(name, {.bytes = 4.0 * static_cast<double>(count)}, [=, &k] { k.reduce({}, op, s, x->next(), y->data(), workspace->data()); });
}

void add_copy(const std::string& name, const ElementShape& shape) {
  const auto& k = MemoryKernels::cpu();
  const std::int64_t count = shape.count();
  auto x = floats(count), y = floats(count);
  float *px = x->next(), *py = y->next();
  k.copy({}, float32, shape, px, py);
  std::int64_t offset = 0, rest = 12345;
  for (int d = shape.dims - 1; d >= 0; rest /= shape.size[d--]) offset += rest % shape.size[d] * shape.stride_a[d];
  require_near(name, static_cast<double>(py[12345]), static_cast<double>(px[offset]), 0);
  add(name, {.bytes = 8.0 * static_cast<double>(count)}, [=, &k] { k.copy({}, float32, shape, x->next(), y->next()); });
}

}  // namespace

int main(int argc, char** argv) {
  {
    auto x = floats(large), y = floats(large);
    add("memcpy (for comparison)", {.bytes = 8.0 * large}, [=] { std::memcpy(y->next(), x->next(), 4 * large); });
  }
  add_binary("add", {1, {large}, {1}, {1}}, large, true);
  add_binary("add, a row to each", {2, {large / 1024, 1024}, {1024, 1}, {0, 1}}, 1024, true);
  add_binary("add, a number to each channel", {3, {128, 32, 1024}, {32768, 1024, 1}, {0, 1, 0}}, 32, true);
  add_binary("add, small", {1, {small}, {1}, {1}}, small, false);
  add_binary("add, rows of ten", {2, {12800, 10}, {10, 1}, {0, 1}}, 10, false);
  {
    const auto& k = ElementwiseKernels<float>::cpu();
    auto x = floats(large), y = floats(large);
    add("add_scaled", {.bytes = 12.0 * large}, [=, &k] { k.add_scaled({}, large, x->next(), 0.5f, y->next()); });
  }
  add_unary("exp", Unary::exp, [](double v) { return std::exp(v); });
  add_unary("log", Unary::log, [](double v) { return std::log(v); });
  add_unary("sqrt", Unary::sqrt, [](double v) { return std::sqrt(v); });
  add_reduce("sum of all", Reduce::sum, {1, large, 1});
  add_reduce("sum of rows of 1024", Reduce::sum, {large / 1024, 1024, 1});
  add_reduce("sum of rows of ten", Reduce::sum, {large / 10, 10, 1});
  add_reduce("sum of 32 columns", Reduce::sum, {1, large / 32, 32});
  add_reduce("sum over channels", Reduce::sum, {128, 32, 1024});
  add_reduce("max of rows of 1024", Reduce::max, {large / 1024, 1024, 1});
  add_copy("copy, dense", {1, {large}, {1}, {}});
  add_copy("copy, to channels last", {4, {128, 32, 32, 32}, {32768, 32, 1, 1024}, {}});
  add_copy("copy, from channels last", {4, {128, 32, 32, 32}, {32768, 1, 1024, 32}, {}});
  add_copy("copy, transpose 2048 x 2048", {2, {2048, 2048}, {1, 2048}, {}});
  for (bool normal : {false, true}) {
    const auto& k = RandomKernels<float>::cpu();
    auto y = floats(large);
    add(normal ? "normal" : "uniform", {.bytes = 4.0 * large, .items = large}, [=, &k, step = std::uint64_t{0}]() mutable {
      (normal ? k.normal : k.uniform)({}, large, {.seed = 1, .step = step++}, 0, 1, y->next());
    });
  }
  return run(argc, argv);
}
