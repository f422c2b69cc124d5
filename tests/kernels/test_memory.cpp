// Filling, copying between layouts, conversion and gathering.
#include <cmath>
#include <vector>

#include "kernels/memory/memory.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_elementwise.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

// BFloat16 converts by way of float, and compares as what it stands for.
template <class T>
double number(T value) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return static_cast<float>(value);
  else
    return static_cast<double>(value);
}
template <class T>
T stored(double value) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return BFloat16(static_cast<float>(value));
  else
    return static_cast<T>(value);
}
template <class T>
std::vector<T> bits(const std::vector<T>& values) {
  return values;
}
std::vector<std::uint16_t> bits(const std::vector<BFloat16>& values) {
  std::vector<std::uint16_t> all;
  for (BFloat16 value : values) all.push_back(value.bits);
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("fill and arange", "[memory]", float, double, std::int64_t, std::uint8_t, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<MemoryKernels>())
    for (std::int64_t count : {0, 1, 17, backend.emulated() ? 10003 : 100003}) {
      INFO(backend.name << ", " << count);
      auto y = backend.buffer(std::vector<T>(static_cast<std::size_t>(count) + 1, stored<T>(9)));
      backend.table->fill({}, dtype_of<T>, count, 3.5, y);
      const double want = number(stored<T>(3.5));
      for (std::int64_t i = 0; i < count; ++i)
        if (number(y.host()[static_cast<std::size_t>(i)]) != want) REQUIRE(i == count);
      REQUIRE(number(y.host()[static_cast<std::size_t>(count)]) == 9);
      backend.table->arange({}, dtype_of<T>, count, 2, 0.25, y);
      for (std::int64_t i = 0; i < count; ++i) {
        double v = 2 + 0.25 * static_cast<double>(i);
        if (std::is_same_v<T, std::uint8_t>) v = std::min(v, 255.0);
        if (number(y.host()[static_cast<std::size_t>(i)]) != number(stored<T>(v))) REQUIRE(i == count);
      }
    }
}

namespace {

template <class From, class To>
void check_cast(const Backend<MemoryKernels>& backend) {
  const auto x = made_up<From>(backend.emulated() ? 7001 : 70001, std::is_same_v<From, std::uint8_t> ? 0 : -100, 200);
  auto dx = backend.buffer(x);
  auto y = backend.buffer(std::vector<To>(x.size()));
  backend.table->cast({}, dtype_of<From>, dtype_of<To>, static_cast<std::int64_t>(x.size()), dx, y);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = number(x[i]);
    const double want = number(stored<To>(std::is_same_v<To, std::uint8_t> && v < 0 ? 0.0 : v));
    if (number(y.host()[i]) != want) REQUIRE(number(y.host()[i]) == want);
  }
}
template <class From>
void check_casts(const Backend<MemoryKernels>& backend) {
  check_cast<From, float>(backend);
  check_cast<From, double>(backend);
  check_cast<From, std::int64_t>(backend);
  check_cast<From, std::uint8_t>(backend);
  check_cast<From, BFloat16>(backend);
}

}  // namespace

TEST_CASE("conversion between every two types", "[memory]") {
  for (const auto& backend : backends<MemoryKernels>()) {
    INFO(backend.name);
    check_casts<float>(backend);
    check_casts<double>(backend);
    check_casts<std::int64_t>(backend);
    check_casts<std::uint8_t>(backend);
    check_casts<BFloat16>(backend);
  }
}

TEST_CASE("conversion to integers truncates, and has an answer for what they cannot hold", "[memory]") {
  for (const auto& backend : backends<MemoryKernels>()) {
    INFO(backend.name);
    const std::vector<float> x = {1.9f, -1.9f, 300, -300, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 254.9f};
    auto dx = backend.buffer(x);
    auto whole = backend.buffer(std::vector<std::int64_t>(x.size()));
    auto byte = backend.buffer(std::vector<std::uint8_t>(x.size()));
    backend.table->cast({}, float32, int64, 10, dx, whole);
    backend.table->cast({}, float32, uint8, 10, dx, byte);
    const std::int64_t low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
    REQUIRE(whole.host() == std::vector<std::int64_t>{1, -1, 300, -300, high, low, high, low, 0, 254});
    REQUIRE(byte.host() == std::vector<std::uint8_t>{1, 0, 255, 0, 255, 0, 255, 0, 0, 254});
  }
}

TEMPLATE_TEST_CASE("copy between layouts: slices, permutations, broadcasts", "[memory]", float, double, std::int64_t,
                   std::uint8_t, BFloat16) {
  using T = TestType;
  struct Case {
    const char* name;
    ElementShape shape;  // stride_b all 0: a dense output
  };
  const std::vector<Case> cases = {
      {"number", {}},
      {"dense", {2, {5, 7}, {7, 1}, {}}},
      {"long dense", {1, {200003}, {1}, {}}},
      {"broadcast number", {2, {5, 70}, {0, 0}, {}}},
      {"broadcast rows", {2, {5, 70}, {0, 1}, {}}},
      {"broadcast columns", {2, {5, 70}, {1, 0}, {}}},
      {"slice", {2, {5, 70}, {100, 1}, {}}},
      {"every third", {1, {70}, {3}, {}}},
      {"transpose", {2, {130, 67}, {1, 130}, {}}},
      {"transpose of a slice", {2, {61, 35}, {1, 200}, {}}},
      {"to channels last", {4, {3, 9, 11, 5}, {495, 11, 1, 99}, {}}},
      {"from channels last", {4, {3, 5, 9, 11}, {495, 1, 55, 5}, {}}},
      {"three turned around", {3, {31, 33, 35}, {1, 31, 1023}, {}}},
      {"large transpose", {2, {700, 900}, {1, 700}, {}}},
      {"turned rows of a few columns", {2, {40, 3}, {1, 40}, {}}},
      {"turned planes with room between", {3, {3, 20, 33}, {1000, 1, 25}, {700, 35, 1}}},
      {"rows of whole vectors", {2, {5, 16}, {48, 1}, {32, 1}}},
      {"rows of whole vectors, a number each", {2, {5, 48}, {1, 0}, {48, 1}}},
      {"into a slice", {2, {5, 7}, {7, 1}, {20, 1}}},
      {"into every other", {2, {5, 7}, {7, 1}, {14, 2}}},
      {"into a transpose", {2, {67, 130}, {130, 1}, {1, 67}}},
      {"both turned around", {3, {4, 5, 6}, {1, 4, 20}, {30, 6, 1}}},
      {"same turn on both sides", {3, {4, 5, 6}, {1, 4, 20}, {1, 4, 20}}},
      {"ones", {4, {1, 6, 1, 4}, {9, 4, 7, 1}, {}}},
      {"empty", {2, {0, 7}, {7, 1}, {}}},
  };
  for (const auto& backend : backends<MemoryKernels>())
    for (const auto& [name, shape] : cases) {
      if (backend.emulated() && shape.count() > 50000) continue;
      INFO(backend.name << ": " << name);
      ElementShape s = shape;
      bool dense = true;
      for (int d = 0; d < s.dims; ++d) dense = dense && s.stride_b[d] == 0;
      std::int64_t step = 1;
      if (dense)
        for (int d = s.dims - 1; d >= 0; step *= s.size[d--]) s.stride_b[d] = step;
      const auto offsets = element_offsets(s);
      std::int64_t reach_a = 0, reach_b = 0;
      for (std::size_t i = 0; i < offsets.a.size(); ++i)
        reach_a = std::max(reach_a, offsets.a[i]), reach_b = std::max(reach_b, offsets.b[i]);
      const auto x = made_up<T>(static_cast<std::size_t>(reach_a) + 1, 0, 250);
      std::vector<T> want(static_cast<std::size_t>(reach_b) + 2, stored<T>(251));
      for (std::size_t i = 0; i < offsets.a.size(); ++i) want[offsets.b[i]] = x[offsets.a[i]];
      auto dx = backend.buffer(x);
      const auto y = same_on_any_threads([&] {
        auto out = backend.buffer(std::vector<T>(want.size(), stored<T>(251)));
        backend.table->copy({}, dtype_of<T>, shape, dx, out);
        return bits(out.host());
      });
      REQUIRE(y == bits(want));
    }
}

TEST_CASE("gather_rows takes whole rows in the order asked for", "[memory]") {
  for (const auto& backend : backends<MemoryKernels>())
    for (std::int64_t row_bytes : {1, 3, 8, 3072}) {
      INFO(backend.name << ", " << row_bytes);
      const auto x = made_up<std::uint8_t>(static_cast<std::size_t>(100 * row_bytes), 0, 256);
      const auto index = made_up<std::int64_t>(307, 0, 100);
      auto dx = backend.buffer(x);
      auto di = backend.buffer(index);
      const auto y = same_on_any_threads([&] {
        auto out = backend.buffer(std::vector<std::uint8_t>(static_cast<std::size_t>(307 * row_bytes)));
        backend.table->gather_rows({}, 307, row_bytes, dx, di, out);
        return out.host();
      });
      for (std::int64_t i = 0; i < 307 * row_bytes; ++i) {
        const auto want =
            x[static_cast<std::size_t>(index[static_cast<std::size_t>(i / row_bytes)] * row_bytes + i % row_bytes)];
        if (y[static_cast<std::size_t>(i)] != want) REQUIRE(i == -1);
      }
    }
}
