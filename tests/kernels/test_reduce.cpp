// Reductions against sums in long double, and argmax's choice among equals and NaN.
#include <cmath>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_elementwise.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

std::vector<ReduceShape> shapes() {
  return {{1, 1, 1},      {1, 7, 1},       {5, 31, 1},     {3, 32, 1},    {3, 100, 1},   {2, 1024, 1}, {2, 1057, 1},
          {1, 200003, 1}, {2, 65536, 1},   {10007, 10, 1}, {1, 5, 3},     {4, 9, 10},    {2, 17, 127}, {2, 16, 128},
          {3, 8, 129},    {1, 3000, 1024}, {1, 50001, 10}, {128, 10, 64}, {1, 1, 70000}, {0, 4, 5},    {3, 4, 0}};
}
// Those that a backend is to be tried with: an emulated GPU is spared the ones that differ from others in size alone.
template <class Backend>
std::vector<ReduceShape> shapes_for(const Backend& backend) {
  std::vector<ReduceShape> all = shapes();
  if (backend.emulated())
    std::erase_if(all,
                  [](const ReduceShape& s) { return s.outer * s.inner > 10000 || s.outer * s.reduced * s.inner > 1000000; });
  return all;
}
std::size_t size(const ReduceShape& s) {
  return static_cast<std::size_t>(s.outer * s.reduced * s.inner);
}

// Runs the kernels with a workspace of just the size they ask for.
template <class T>
void reduce(const Backend<ReduceKernels<T>>& backend, Reduce op, const ReduceShape& s, const T* x, T* y) {
  auto workspace = backend.buffer(std::vector<std::byte>(backend.table->workspace(s)));
  backend.table->reduce({}, op, s, x, y, workspace.get());
}
template <class T>
void argmax(const Backend<ReduceKernels<T>>& backend, const ReduceShape& s, const T* x, std::int64_t* y) {
  auto workspace = backend.buffer(std::vector<std::byte>(backend.table->workspace(s)));
  backend.table->argmax({}, s, x, y, workspace.get());
}

}  // namespace

TEMPLATE_TEST_CASE("sum, mean, max and min over every layout", "[reduce]", float, double, std::int64_t) {
  using T = TestType;
  for (const auto& backend : backends<ReduceKernels<T>>())
    for (const auto& s : shapes_for(backend)) {
      INFO(backend.name << ": " << s.outer << " x " << s.reduced << " x " << s.inner);
      const auto x = std::is_integral_v<T> ? made_up<T>(size(s), -1000, 1000) : made_up<T>(size(s), -1, 2);
      auto dx = backend.buffer(x);
      for (Reduce op : {Reduce::sum, Reduce::mean, Reduce::max, Reduce::min}) {
        const auto want = reference_reduce(op, s, x);
        const auto y = same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<T>(want.size() + 1, T{42}));
          reduce<T>(backend, op, s, dx, out);
          return out.host();
        });
        // Exact for max and min; a mean is off by rounding alone, a sum by a few units of the magnitudes' sum.
        const double units = op == Reduce::max || op == Reduce::min ? 0 : 4 * std::numeric_limits<T>::epsilon();
        // The naive kernel adds one after the other, in double at least.
        const double patience = backend.name == "cuda naive" && sizeof(T) == 8 ? 16 : 1;
        const double scale = patience * (op == Reduce::sum ? static_cast<double>(s.reduced) : 1);
        for (std::size_t i = 0; i < want.size(); ++i) {
          const double exact = std::is_integral_v<T> ? std::trunc(want[i]) : want[i];
          if (!(std::abs(static_cast<double>(y[i]) - exact) <= units * scale)) REQUIRE(static_cast<double>(y[i]) == exact);
        }
        REQUIRE(y[want.size()] == 42);
      }
    }
}

TEST_CASE("a float sum of two million elements is good to a few units in the last place", "[reduce][large]") {
  for (const auto& backend : backends<ReduceKernels<float>>())
    for (std::int64_t inner : {1, 4}) {
      INFO(backend.name << ", inner " << inner);
      const auto x = made_up<float>(2000000, 0, 1);
      auto dx = backend.buffer(x);
      auto y = backend.buffer(std::vector<float>(4));
      const ReduceShape s{1, 2000000 / inner, inner};
      reduce<float>(backend, Reduce::sum, s, dx, y);
      const auto want = reference_reduce(Reduce::sum, s, x);
      for (std::size_t i = 0; i < want.size(); ++i) REQUIRE(std::abs(static_cast<double>(y.host()[i]) / want[i] - 1) < 2e-7);
    }
}

TEMPLATE_TEST_CASE("reducing nothing gives the neutral element; max and min pass NaN on", "[reduce]", float, double) {
  using T = TestType;
  for (const auto& backend : backends<ReduceKernels<T>>()) {
    INFO(backend.name);
    auto none = backend.buffer(std::vector<T>{});
    auto y = backend.buffer(std::vector<T>(2, T{42}));
    reduce<T>(backend, Reduce::sum, {2, 0, 1}, none, y);
    REQUIRE(y.host() == std::vector<T>{0, 0});
    reduce<T>(backend, Reduce::mean, {2, 0, 1}, none, y);
    REQUIRE(std::isnan(y.host()[0]));
    reduce<T>(backend, Reduce::max, {1, 0, 2}, none, y);
    REQUIRE(y.host()[1] == -std::numeric_limits<T>::infinity());

    for (std::int64_t at : {0, 31, 40, 99}) {
      auto x = made_up<T>(100);
      x[static_cast<std::size_t>(at)] = std::numeric_limits<T>::quiet_NaN();
      auto dx = backend.buffer(x);
      for (Reduce op : {Reduce::max, Reduce::min}) {
        reduce<T>(backend, op, {1, 100, 1}, dx, y);
        REQUIRE(std::isnan(y.host()[0]));
        reduce<T>(backend, op, {1, 50, 2}, dx, y);
        REQUIRE(std::isnan(y.host()[static_cast<std::size_t>(at % 2)]));
        REQUIRE_FALSE(std::isnan(y.host()[static_cast<std::size_t>(1 - at % 2)]));
      }
    }
  }
}

TEMPLATE_TEST_CASE("argmax takes the first of equals, and the first NaN before all", "[reduce]", float, double, std::int64_t) {
  using T = TestType;
  for (const auto& backend : backends<ReduceKernels<T>>())
    for (const auto& s : shapes_for(backend)) {
      INFO(backend.name << ": " << s.outer << " x " << s.reduced << " x " << s.inner);
      const auto raw = made_up<std::int64_t>(size(s), 0, 6.99);  // small whole numbers: many equals
      std::vector<T> x(raw.begin(), raw.end());
      if constexpr (std::is_floating_point_v<T>)
        for (std::size_t i = 50; i < x.size(); i += 211) x[i] = std::numeric_limits<T>::quiet_NaN();
      auto dx = backend.buffer(x);
      const auto y = same_on_any_threads([&] {
        auto out = backend.buffer(std::vector<std::int64_t>(static_cast<std::size_t>(s.outer * s.inner), 77));
        argmax<T>(backend, s, dx, out);
        return out.host();
      });
      for (std::int64_t o = 0; o < s.outer; ++o)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          std::int64_t best = 0;
          auto value = [&](std::int64_t r) { return x[static_cast<std::size_t>((o * s.reduced + r) * s.inner + i)]; };
          for (std::int64_t r = 1; r < s.reduced; ++r)
            if (value(best) == value(best) && (value(r) > value(best) || value(r) != value(r))) best = r;
          if (y[static_cast<std::size_t>(o * s.inner + i)] != best)
            REQUIRE(y[static_cast<std::size_t>(o * s.inner + i)] == best);
        }
    }
}
