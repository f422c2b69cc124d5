// Sorting against std::stable_sort: equal elements, NaN, infinities, lines of any length and layout.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/sort/sort.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

TEMPLATE_TEST_CASE("argsort is stable, in both directions, with NaN the greatest", "[sort]", float, double, std::int64_t) {
  using T = TestType;
  const std::vector<ReduceShape> shapes = {{1, 1, 1},   {3, 2, 1},    {2, 15, 1},    {2, 16, 1}, {1, 17, 1},
                                           {4, 100, 1}, {1, 1000, 1}, {2, 33, 5},    {3, 5, 64}, {5, 1, 3},
                                           {1, 513, 2}, {700, 10, 1}, {1, 20000, 1}, {0, 4, 1},  {2, 0, 3}};
  for (const auto& backend : backends<SortKernels<T>>())
    for (const ReduceShape& s : shapes)
      for (const bool descending : {false, true}) {
        if (backend.emulated() && s.reduced > 1000) continue;
        INFO(backend.name << ": " << s.outer << " x " << s.reduced << " x " << s.inner << (descending ? " descending" : ""));
        const auto size = static_cast<std::size_t>(s.outer * s.reduced * s.inner);
        // Few different numbers in the first half: many are equal.
        std::vector<T> x = made_up<T>(size, -1000, 1000);
        for (std::size_t i = 0; i < size / 2; ++i) x[i] = static_cast<T>(static_cast<std::int64_t>(x[i]) % 5);
        if constexpr (std::is_floating_point_v<T>) {
          for (std::size_t i = 3; i < size; i += 13) x[i] = std::numeric_limits<T>::quiet_NaN();
          for (std::size_t i = 5; i < size; i += 37)
            x[i] = i % 2 ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
        }
        std::vector<std::int64_t> want(size);
        for (std::int64_t o = 0; o < s.outer; ++o)
          for (std::int64_t k = 0; k < s.inner; ++k) {
            const auto value = [&](std::int64_t i) { return x[static_cast<std::size_t>((o * s.reduced + i) * s.inner + k)]; };
            const auto greater = [](T a, T b) { return b == b && (a != a || a > b); };
            std::vector<std::int64_t> places(static_cast<std::size_t>(s.reduced));
            std::iota(places.begin(), places.end(), 0);
            std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
              return descending ? greater(value(a), value(b)) : greater(value(b), value(a));
            });
            for (std::int64_t i = 0; i < s.reduced; ++i)
              want[static_cast<std::size_t>((o * s.reduced + i) * s.inner + k)] = places[static_cast<std::size_t>(i)];
          }
        want.push_back(77);
        auto dx = backend.buffer(x);
        const auto y = same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<std::int64_t>(size + 1, 77));
          auto workspace = backend.buffer(std::vector<std::byte>(backend.table->workspace(s)));
          backend.table->argsort({}, descending, s, dx, out, workspace.get());
          return out.host();
        });
        REQUIRE(y == want);
      }
}
