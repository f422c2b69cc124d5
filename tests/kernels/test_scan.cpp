// Running sums and products against loops in long double.
#include <cmath>
#include <vector>

#include "kernels/scan/scan.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

TEMPLATE_TEST_CASE("running sums and products, both ways, with and without their own element", "[scan]", float, double,
                   std::int64_t) {
  using T = TestType;
  const std::vector<ReduceShape> shapes = {{1, 1, 1}, {3, 7, 1},    {2, 63, 1},   {2, 64, 1},  {1, 1000, 1}, {4, 257, 1},
                                           {2, 5, 3}, {3, 40, 129}, {1, 1025, 2}, {5, 1, 200}, {0, 3, 2},    {2, 0, 3}};
  for (const auto& backend : backends<ScanKernels<T>>())
    for (const ReduceShape& s : shapes)
      for (Scan op : {Scan::sum, Scan::product})
        for (int way = 0; way < 4; ++way) {
          const ScanKind kind{op, way % 2 == 1, way / 2 == 1};
          INFO(backend.name << ": " << s.outer << " x " << s.reduced << " x " << s.inner << ", " << way
                            << (op == Scan::sum ? " sum" : " product"));
          const auto size = static_cast<std::size_t>(s.outer * s.reduced * s.inner);
          // Products stay near 1; whole numbers of 1 and -1.
          std::vector<T> x = std::is_integral_v<T> ? made_up<T>(size, -100, 100) : made_up<T>(size, -1, 2);
          if (op == Scan::product)
            for (T& v : x) v = static_cast<T>(std::is_integral_v<T> ? (v < 0 ? -1 : 1) : 1 + static_cast<double>(v) / 1000);
          std::vector<double> want(size);
          for (std::int64_t o = 0; o < s.outer; ++o)
            for (std::int64_t k = 0; k < s.inner; ++k) {
              long double total = op == Scan::sum ? 0 : 1;
              for (std::int64_t i = 0; i < s.reduced; ++i) {
                const auto at =
                    static_cast<std::size_t>((o * s.reduced + (kind.reverse ? s.reduced - 1 - i : i)) * s.inner + k);
                const long double before = total;
                total = op == Scan::sum ? total + static_cast<long double>(x[at]) : total * static_cast<long double>(x[at]);
                want[at] = static_cast<double>(kind.exclusive ? before : total);
              }
            }
          auto dx = backend.buffer(x);
          const auto y = same_on_any_threads([&] {
            auto out = backend.buffer(std::vector<T>(size + 1, T{42}));
            backend.table->scan({}, kind, s, dx, out);
            return out.host();
          });
          const double tolerance = std::is_integral_v<T> ? 0 : sizeof(T) == 4 ? 1e-7 : 1e-12;
          for (std::size_t i = 0; i < size; ++i)
            if (!(std::abs(static_cast<double>(y[i]) - want[i]) <= tolerance * (1 + std::abs(want[i])))) {
              INFO("element " << i);
              REQUIRE(static_cast<double>(y[i]) == want[i]);
            }
          REQUIRE(y[size] == 42);
        }
}

TEST_CASE("a scan may write over what it reads", "[scan]") {
  for (const auto& backend : backends<ScanKernels<float>>())
    for (const bool exclusive : {false, true}) {
      INFO(backend.name);
      const ReduceShape s{2, 300, 3};
      const auto x = made_up<float>(1800);
      auto apart = backend.buffer(std::vector<float>(1800)), from = backend.buffer(x), same = backend.buffer(x);
      backend.table->scan({}, {.exclusive = exclusive}, s, from, apart);
      backend.table->scan({}, {.exclusive = exclusive}, s, same, same);
      REQUIRE(apart.host() == same.host());
    }
}
