#include "heddle/core/random.hpp"

#include <unistd.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/fork.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/noted.hpp"
#include "heddle/core/recording.hpp"
#include "heddle/core/write.hpp"
#include "kernels/random/random.hpp"

namespace heddle {

void Generator::manual_seed(std::uint64_t seed) {
  state_ = {.seed = seed};
  follows_ = false;
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

namespace {

// The last manual_seed(), and who has followed it. `seedings` counts the calls; it is written, and the rest read and written,
// under the mutex.
constinit std::atomic<std::uint64_t> seedings = 1;
struct Seeding {
  detail::ForkMutex mutex;
  std::uint64_t seed = 0;
  std::uint64_t threads = 0;  // that have followed
};
Seeding& last_seeding() {
  static Seeding& last = *new Seeding;  // never destroyed, for threads at exit
  return last;
}

// The seed of thread `number`: the seed itself for 0, else another for each pair. Steele, Lea, Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014.
std::uint64_t seed_of_thread(std::uint64_t seed, std::uint64_t number) {
  if (number == 0) return seed;
  const auto mix = [](std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  };
  return mix(mix(seed + 0x9e3779b97f4a7c15) + number * 0x9e3779b97f4a7c15);
}

bool is_main_thread() { return ::gettid() == ::getpid(); }

// This thread's generator, the manual_seed() that it is up to date with, and what stands in for it.
thread_local constinit std::uint64_t followed = 0;
thread_local constinit Generator* stand_in = nullptr;

}  // namespace

Generator& default_generator() {
  thread_local constinit Generator generator = Generator::following(0);
  if (stand_in) return *stand_in;
  if (followed == seedings.load(std::memory_order_relaxed)) [[likely]] return generator;
  Seeding& seeding = last_seeding();
  const std::lock_guard lock(seeding.mutex);
  followed = seedings.load(std::memory_order_relaxed);
  if (!generator.follows_) return generator;
  const bool first = followed == 1 && is_main_thread();
  generator = Generator::following(seed_of_thread(seeding.seed, first ? 0 : ++seeding.threads));
  return generator;
}

void manual_seed(std::uint64_t seed) {
  Generator& mine = default_generator();
  mine.manual_seed(seed);
  Seeding& seeding = last_seeding();
  const std::lock_guard lock(seeding.mutex);
  seeding.seed = seed;
  seeding.threads = 0;
  followed = seedings.load(std::memory_order_relaxed) + 1;
  seedings.store(followed, std::memory_order_relaxed);
}

detail::GeneratorScope::GeneratorScope(Generator& generator) : before_(std::exchange(stand_in, &generator)) {}
detail::GeneratorScope::~GeneratorScope() { stand_in = before_; }

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
  const GeneratorState place = generator.get_state();
  const auto key = generator.next(kernels::Purpose::sample);
  detail::Storage& storage = *t.impl()->storage;
  if (t.numel() == 0) return;
  // The whole storage's numbers are remembered, a part's not.
  if (static_cast<std::size_t>(t.numel()) * size_of(t.dtype()) == storage.bytes) {
    const bool again = storage.draw && storage.draw->seed == place.seed && storage.draw->step == place.step;
    const std::uint64_t first_call = again ? storage.draw->first_call : place.call;
    if (!storage.draw) storage.draw = std::make_unique<detail::Draw>();
    *storage.draw = {law == Law::uniform, first, second, place.seed, place.step, first_call, place.call, storage.version};
    detail::note(t.impl());
  }
  visit_floating(t.dtype(), where, [&]<class T>(TypeTag<T>) {
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
