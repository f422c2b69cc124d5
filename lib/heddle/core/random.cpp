#include "heddle/core/random.hpp"

#include <exception>
#include <numeric>

#include "heddle/core/dispatch.hpp"
#include "heddle/core/recording.hpp"
#include "heddle/core/write.hpp"
#include "kernels/random/random.hpp"

namespace heddle {

void Generator::manual_seed(std::uint64_t seed) {
  state_ = {.seed = seed};
}

void Generator::begin_step(std::uint64_t step) {
  state_.step = step;
  state_.call = 0;
}

kernels::RandomKey Generator::next(kernels::Purpose purpose) {
  constexpr std::uint64_t call_limit = 1 << 24;
  const auto [seed, step, call] = state_;
  ++state_.call;
  return {.seed = seed,
          .step = step + call / call_limit,
          .call = static_cast<std::uint32_t>(call % call_limit),
          .purpose = purpose,
          .device_step = this == &default_generator() ? detail::device_step() : nullptr};
}

namespace {
thread_local const std::uint64_t* step_place = nullptr;
}
detail::DeviceStep::DeviceStep(const std::uint64_t* place) { step_place = place; }
detail::DeviceStep::~DeviceStep() { step_place = nullptr; }
const std::uint64_t* detail::device_step() { return step_place; }

Generator& default_generator() {
  thread_local Generator generator;
  return generator;
}

namespace {
enum class Law { uniform, normal };

void fill_random(Tensor& t, Law law, double first, double second, Generator& generator, std::string_view where) {
  check(t.is_contiguous(), where, "expected a dense tensor, got strides {} for shape {}", t.strides(), t.shape());
  detail::begin_write(t, where);
  if (t.dtype() == bfloat16) {
    Tensor wide = empty(t.shape(), {float32, t.device()});
    fill_random(wide, law, first, second, generator, where);
    detail::copy_values(wide, t);
    return;
  }
  const auto key = generator.next(kernels::Purpose::sample);
  visit_floating(t.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (t.numel() == 0) return;
    const auto& table = kernels_for<kernels::RandomKernels<T>>(t.device());
    auto fill = law == Law::uniform ? table.uniform : table.normal;
    fill(stream_of(t), t.numel(), key, static_cast<T>(first), static_cast<T>(second), t.data<T>());
  });
}
}  // namespace

void uniform_(Tensor& t, double low, double high, Generator& generator) { fill_random(t, Law::uniform, low, high, generator, "uniform_"); }
void normal_(Tensor& t, double mean, double deviation, Generator& generator) {
  fill_random(t, Law::normal, mean, deviation, generator, "normal_");
}

Tensor rand(const Shape& shape, TensorOptions options, Generator& generator) {
  Tensor result = empty(shape, options);
  uniform_(result, 0, 1, generator);
  return result;
}

Tensor randn(const Shape& shape, TensorOptions options, Generator& generator) {
  Tensor result = empty(shape, options);
  normal_(result, 0, 1, generator);
  return result;
}

std::vector<std::int64_t> randperm(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  check(n >= 0 && n <= std::int64_t{1} << 32, "randperm", "expected from 0 to 2^32 numbers, got {}", n);
  std::vector<std::int64_t> order;
  try {
    order.resize(static_cast<std::size_t>(n));
  } catch (const std::exception&) {
    fail("randperm", strings::format("expected memory for {} numbers, got none", n));
  }
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const kernels::RandomKey key{.seed = seed, .step = epoch, .call = 0, .purpose = kernels::Purpose::shuffle};
  for (std::int64_t i = n - 1; i > 0; --i) {
    // 64 bits scaled down to [0, i]: the bias is below 2^-40 for any data set that fits a disk.
    const auto block = kernels::philox(key, static_cast<std::uint32_t>(i));
    const auto word = std::uint64_t{block.word[0]} << 32 | block.word[1];
    const auto j = static_cast<std::int64_t>(static_cast<unsigned __int128>(word) * static_cast<std::uint64_t>(i + 1) >> 64);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
  }
  return order;
}

}  // namespace heddle
