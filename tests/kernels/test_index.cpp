// Gathering, scattering and choosing against the definitions in index.hpp.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/index/index.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_elementwise.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

struct Case {
  IndexShape shape;
  bool vector;  // one number a row of y, alike for all lines
};

std::vector<Case> cases(bool emulated) {
  std::vector<Case> all;
  for (const auto& [outer, size, count, inner] : std::vector<std::array<std::int64_t, 4>>{{1, 1, 1, 1},
                                                                                          {1, 7, 20, 1},
                                                                                          {3, 5, 4, 1},
                                                                                          {2, 10, 33, 7},
                                                                                          {1, 50, 300, 65},
                                                                                          {5, 3, 0, 4},
                                                                                          {4, 6, 9, 16},
                                                                                          {1, 2000, 3, 130},
                                                                                          {0, 4, 2, 3}}) {
    all.push_back({{outer, size, count, inner, 0, 1, 0}, true});
    all.push_back({{outer, size, count, inner, count * inner, inner, 1}, false});
  }
  if (!emulated) all.push_back({{1, 1000, 100000, 16, 0, 1, 0}, true});
  return all;
}

std::size_t elements(std::int64_t a, std::int64_t b, std::int64_t c) {
  return static_cast<std::size_t>(a * b * c);
}

// Numbers for every place, some of them out of range.
std::vector<std::int64_t> numbers_for(const Case& c) {
  const IndexShape& s = c.shape;
  auto numbers = made_up<std::int64_t>(c.vector ? static_cast<std::size_t>(s.count) : elements(s.outer, s.count, s.inner), 0,
                                       static_cast<double>(s.size), 3);
  for (std::size_t i = 5; i < numbers.size(); i += 17) numbers[i] = i % 2 ? s.size : -1;
  if (numbers.empty()) numbers.push_back(0);
  return numbers;
}

// Calls f(place in x or -1, place in y) in order of i.
template <class F>
void each(const IndexShape& s, const std::vector<std::int64_t>& index, F&& f) {
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.count; ++i)
      for (std::int64_t k = 0; k < s.inner; ++k) {
        const std::int64_t n = index[static_cast<std::size_t>(o * s.stride_outer + i * s.stride + k * s.stride_inner)];
        f(n < 0 || n >= s.size ? -1 : (o * s.size + n) * s.inner + k,
          static_cast<std::size_t>((o * s.count + i) * s.inner + k));
      }
}

template <class T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values, std::size_t count) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
  return {begin, begin + count * sizeof(T)};
}

}  // namespace

TEMPLATE_TEST_CASE("gather and scatter move elements of any type", "[index]", float, double, std::int64_t, std::uint8_t,
                   BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<IndexKernels>())
    for (const Case& c : cases(backend.emulated())) {
      const IndexShape& s = c.shape;
      INFO(backend.name << ": " << s.outer << ", " << s.size << " to " << s.count << ", " << s.inner
                        << (c.vector ? ", a vector" : ""));
      const auto index = numbers_for(c);
      const std::size_t size_x = elements(s.outer, s.size, s.inner), size_y = elements(s.outer, s.count, s.inner);
      const auto raw_x = made_up<float>(size_x + 1, 0, 250), raw_y = made_up<float>(size_y + 1, 0, 250, 2);
      std::vector<T> x, y;
      for (float v : raw_x) x.push_back(static_cast<T>(v));
      for (float v : raw_y) y.push_back(static_cast<T>(v));
      std::vector<T> gathered = y, scattered = x;
      each(s, index, [&](std::int64_t from, std::size_t to) {
        if (from >= 0)
          gathered[to] = x[static_cast<std::size_t>(from)];
        else
          std::fill_n(reinterpret_cast<std::uint8_t*>(&gathered[to]), sizeof(T), std::uint8_t{0xFF});
      });
      each(s, index, [&](std::int64_t to, std::size_t from) {
        if (to >= 0) scattered[static_cast<std::size_t>(to)] = y[from];
      });
      auto dx = backend.buffer(x), dy = backend.buffer(y);
      auto di = backend.buffer(index);
      REQUIRE(same_on_any_threads([&] {
                auto out = backend.buffer(y);
                backend.table->gather({}, dtype_of<T>, s, dx, di, out);
                return bytes_of(out.host(), size_y + 1);
              }) == bytes_of(gathered, size_y + 1));
      REQUIRE(same_on_any_threads([&] {
                auto out = backend.buffer(x);
                backend.table->scatter({}, dtype_of<T>, s, di, dy, out);
                return bytes_of(out.host(), size_x + 1);
              }) == bytes_of(scattered, size_x + 1));
    }
}

TEMPLATE_TEST_CASE("scatter_add adds in order, to the bit", "[index]", float, double, std::int64_t) {
  using T = TestType;
  for (const auto& backend : backends<IndexKernels>())
    for (const Case& c : cases(backend.emulated())) {
      const IndexShape& s = c.shape;
      INFO(backend.name << ": " << s.outer << ", " << s.size << " to " << s.count << ", " << s.inner
                        << (c.vector ? ", a vector" : ""));
      const auto index = numbers_for(c);
      const std::size_t size_x = elements(s.outer, s.size, s.inner), size_y = elements(s.outer, s.count, s.inner);
      const auto x = made_up<T>(size_x + 1, -100, 100), y = made_up<T>(size_y + 1, -100, 100, 2);
      std::vector<T> want = x;
      each(s, index, [&](std::int64_t to, std::size_t from) {
        if (to >= 0) want[static_cast<std::size_t>(to)] += y[from];
      });
      auto dy = backend.buffer(y);
      auto di = backend.buffer(index);
      REQUIRE(same_on_any_threads([&] {
                auto out = backend.buffer(x);
                backend.table->scatter_add({}, dtype_of<T>, s, di, dy, out);
                return out.host();
              }) == want);
    }
}

TEMPLATE_TEST_CASE("select takes elements where a mask is true", "[index]", float, double, std::uint8_t, BFloat16) {
  using T = TestType;
  const std::vector<ElementShape> shapes = {{},
                                            {1, {40000}, {1}, {1}},
                                            {2, {5, 70}, {70, 1}, {0, 0}},
                                            {2, {5, 70}, {0, 1}, {70, 1}},
                                            {3, {4, 3, 9}, {0, 1, 0}, {1, 36, 4}},
                                            {2, {0, 7}, {7, 1}, {7, 1}}};
  for (const auto& backend : backends<IndexKernels>())
    for (const ElementShape& shape : shapes) {
      INFO(backend.name << ": " << shape.count());
      const auto offsets = element_offsets(shape);
      const auto count = static_cast<std::size_t>(shape.count());
      const auto mask = made_up<std::uint8_t>(50000, 0, 3);
      const auto raw = made_up<float>(50000, 0, 250), before = made_up<float>(count + 1, 0, 250, 2);
      std::vector<T> x, y;
      for (float v : raw) x.push_back(static_cast<T>(v));
      for (float v : before) y.push_back(static_cast<T>(v));
      std::vector<T> want = y;
      for (std::size_t i = 0; i < offsets.a.size(); ++i)
        if (mask[offsets.a[i]]) want[i] = x[offsets.b[i]];
      auto dx = backend.buffer(x);
      auto dm = backend.buffer(mask);
      REQUIRE(same_on_any_threads([&] {
                auto out = backend.buffer(y);
                backend.table->select({}, dtype_of<T>, shape, dm, dx, out);
                return bytes_of(out.host(), count + 1);
              }) == bytes_of(want, count + 1));
    }
}

TEST_CASE("nonzero knows both zeros of floating point", "[index]") {
  for (const auto& backend : backends<IndexKernels>()) {
    INFO(backend.name);
    const auto run = [&](DType type, auto values) {
      auto x = backend.buffer(values);
      auto y = backend.buffer(std::vector<std::uint8_t>(values.size() + 1, 7));
      backend.table->nonzero({}, type, static_cast<std::int64_t>(values.size()), x, y);
      return y.host();
    };
    using V = std::vector<std::uint8_t>;
    const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
    CHECK(run(float32, std::vector<float>{0, -0.0f, 1, -0.5f, nan, infinity, 1e-45f}) == V{0, 0, 1, 1, 1, 1, 1, 7});
    CHECK(run(float64, std::vector<double>{0, -0.0, 1, -1e-320}) == V{0, 0, 1, 1, 7});
    CHECK(run(bfloat16, std::vector<BFloat16>{BFloat16(0), BFloat16(-0.0f), BFloat16(2)}) == V{0, 0, 1, 7});
    CHECK(run(int64, std::vector<std::int64_t>{0, std::numeric_limits<std::int64_t>::min(), -1}) == V{0, 1, 1, 7});
    CHECK(run(uint8, std::vector<std::uint8_t>{0, 128, 1}) == V{0, 1, 1, 7});
  }
}
