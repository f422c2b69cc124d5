// Elementwise kernels against their definitions: every operation, every way of broadcasting, special values.
#include <cmath>
#include <vector>

#include "kernels/elementwise/collapse.hpp"
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

constexpr Binary binaries[] = {Binary::add,     Binary::sub,     Binary::mul, Binary::div,
                               Binary::maximum, Binary::minimum, Binary::pow};
constexpr Compare compares[] = {Compare::eq, Compare::ne, Compare::lt, Compare::le, Compare::gt, Compare::ge};
constexpr Unary unaries[] = {Unary::neg,    Unary::exp,        Unary::log,  Unary::sqrt, Unary::rsqrt, Unary::abs,
                             Unary::square, Unary::reciprocal, Unary::sign, Unary::sin,  Unary::cos};
constexpr Scalar scalars[] = {Scalar::add,     Scalar::mul,  Scalar::pow, Scalar::maximum,
                              Scalar::minimum, Scalar::rdiv, Scalar::rsub};

// Equal to a few units in the last place of T (of the larger of result and 1e-30), infinities and NaN exactly.
template <class T>
void require_close(double got, double want, double units = 4) {
  if (std::isnan(want)) {
    REQUIRE(std::isnan(got));
  } else if (std::isinf(want) || std::abs(want) > std::numeric_limits<T>::max()) {
    REQUIRE(got == static_cast<double>(static_cast<T>(want)));
  } else {
    REQUIRE(std::abs(got - want) <= units * std::numeric_limits<T>::epsilon() * std::abs(want) + std::numeric_limits<T>::min());
  }
}

struct Case {
  const char* name;
  ElementShape shape;
};
std::vector<Case> shapes() {
  return {
      {"scalar", {}},
      {"vector", {1, {37}, {1}, {1}}},
      {"vector and number", {1, {37}, {1}, {0}}},
      {"number and vector", {1, {37}, {0}, {1}}},
      {"two numbers", {1, {37}, {0}, {0}}},
      {"dense 3d", {3, {3, 5, 7}, {35, 7, 1}, {35, 7, 1}}},
      {"row broadcast", {2, {6, 19}, {19, 1}, {0, 1}}},
      {"column broadcast", {2, {6, 19}, {19, 1}, {1, 0}}},
      {"outer sum", {2, {6, 19}, {1, 0}, {0, 1}}},
      {"channel bias", {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {0, 1, 0, 0}}},
      {"image broadcast over a batch", {4, {2, 3, 4, 5}, {60, 20, 5, 1}, {0, 20, 5, 1}}},
      {"transposed", {2, {6, 19}, {1, 6}, {19, 1}}},
      {"every other", {2, {6, 19}, {76, 2}, {1, 6}}},
      {"channels last", {4, {2, 4, 5, 3}, {60, 5, 1, 20}, {60, 15, 3, 1}}},
      {"alternating broadcast", {8, {2, 2, 3, 2, 1, 2, 3, 2}, {0, 24, 0, 12, 5, 6, 0, 3}, {1, 0, 2, 0, 9, 0, 6, 18}}},
      {"ones between", {5, {1, 6, 1, 19, 1}, {7, 19, 5, 1, 3}, {9, 0, 11, 1, 2}}},
      {"empty", {3, {4, 0, 5}, {0, 5, 1}, {1, 1, 1}}},
      {"rows of whole vectors", {2, {5, 24}, {24, 1}, {0, 1}}},
      {"rows of whole vectors, a number each", {2, {5, 24}, {1, 0}, {24, 1}}},
      {"rows of whole vectors at odd places", {2, {5, 24}, {25, 1}, {24, 1}}},
      {"long", {2, {3, 70001}, {70001, 1}, {70001, 1}}},
      {"long rows", {2, {2, 100003}, {100003, 1}, {0, 1}}},
      {"many short rows", {2, {30011, 7}, {7, 1}, {0, 1}}},
      {"reversed roles", {2, {30011, 7}, {0, 1}, {1, 0}}},
  };
}

std::size_t reach(const std::vector<std::int64_t>& offsets) {
  std::int64_t most = 0;
  for (auto o : offsets) most = std::max(most, o);
  return static_cast<std::size_t>(most + 1);
}

template <class T>
std::vector<T> operands(std::size_t count, std::uint64_t seed) {
  auto values = std::is_integral_v<T> ? made_up<T>(count, -9, 9.99, seed) : made_up<T>(count, -3, 3, seed);
  return values;
}

}  // namespace

TEMPLATE_TEST_CASE("binary operations and comparisons over every kind of broadcast", "[elementwise]", float, double, BFloat16,
                   std::int64_t) {
  using T = TestType;
  for (const auto& backend : backends<ElementwiseKernels<T>>())
    for (const auto& [name, shape] : shapes()) {
      if (backend.emulated() && shape.count() > 10000) continue;
      INFO(backend.name << ": " << name);
      const auto offsets = element_offsets(shape);
      const auto stored_a = operands<T>(reach(offsets.a), 1), stored_b = operands<T>(reach(offsets.b), 2);
      const auto count = static_cast<std::size_t>(shape.count());
      auto da = backend.buffer(stored_a), db = backend.buffer(stored_b);
      const auto a = wide(stored_a), b = wide(stored_b);
      for (Binary op : binaries) {
        if (std::is_integral_v<T> && (op == Binary::div || op == Binary::pow)) continue;  // a test of their own, below
        const auto y = wide(same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<T>(count + 1, T{42}));
          backend.table->binary({}, op, shape, da, db, out);
          return out.host();
        }));
        for (std::size_t i = 0; i < count; ++i)
          require_close<double>(static_cast<double>(y[i]),
                                static_cast<double>(static_cast<Wide<T>>(
                                    reference(op, static_cast<double>(a[offsets.a[i]]), static_cast<double>(b[offsets.b[i]])))),
                                (sizeof(T) <= 4 ? 0x1p31 : 8) + storage_error<T> * 0x1p52);
        REQUIRE(y[count] == 42);
      }
      for (Compare op : compares) {
        if (!backend.table->compare) break;
        auto out = backend.buffer(std::vector<T>(count + 1, T{42}));
        backend.table->compare({}, op, shape, da, db, out);
        const auto y = wide(out.host());
        for (std::size_t i = 0; i < count; ++i)
          if (y[i] != reference(op, static_cast<double>(a[offsets.a[i]]), static_cast<double>(b[offsets.b[i]])))
            REQUIRE(i == count);
        REQUIRE(y[count] == 42);
      }
    }
}

TEST_CASE("a shape is cut into parts that 32 bits can count", "[elementwise]") {
  for (const auto& [name, shape] : shapes())
    for (std::int64_t limit : {1, 7, 50, 1000}) {
      INFO(name << ", limit " << limit);
      if (shape.count() > 1000) continue;
      const auto whole = element_offsets(shape);
      ElementOffsets parts;
      each_part(shape, limit, [&](const ElementShape& part, std::int64_t a, std::int64_t b, std::int64_t first) {
        REQUIRE(first == static_cast<std::int64_t>(parts.a.size()));
        REQUIRE(part.count() <= limit);
        const auto offsets = element_offsets(part);
        for (std::size_t i = 0; i < offsets.a.size(); ++i) {
          REQUIRE(std::max(offsets.a[i], offsets.b[i]) < limit);
          parts.a.push_back(a + offsets.a[i]);
          parts.b.push_back(b + offsets.b[i]);
        }
      });
      REQUIRE(parts.a == whole.a);
      REQUIRE(parts.b == whole.b);
    }
}

TEMPLATE_TEST_CASE("unary operations over their whole range", "[elementwise]", float, double) {
  using T = TestType;
  const double inf = INFINITY;
  for (const auto& backend : backends<ElementwiseKernels<T>>())
    for (Unary op : unaries) {
      INFO(backend.name << ": operation " << static_cast<int>(op));
      auto x = made_up<T>(1001, -20, 20);
      for (double v : {0.0, -0.0, 1.0, -1.0, inf, -inf, std::nan(""), 88.0, -87.0, 709.0, -708.0, 1e-37, 3.4e38, -3.4e38, 1e30,
                       0.999, 1.001})
        x.push_back(static_cast<T>(v));
      const bool wave = op == Unary::sin || op == Unary::cos;
      auto dx = backend.buffer(x);
      auto out = backend.buffer(std::vector<T>(x.size()));
      backend.table->unary({}, op, static_cast<std::int64_t>(x.size()), dx, out);
      const auto& y = out.host();
      for (std::size_t i = 0; i < x.size(); ++i) {
        INFO("x = " << x[i]);
        if (wave && std::abs(x[i]) > 1e4) continue;
        require_close<T>(static_cast<double>(y[i]), reference(op, static_cast<double>(x[i])), wave ? 16 : 4);
      }
      backend.table->unary({}, op, static_cast<std::int64_t>(x.size()), dx, dx);  // in place
      const auto& z = dx.host();
      for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(((z[i] == y[i]) || (std::isnan(z[i]) && std::isnan(y[i]))));
    }
}

TEST_CASE("exp and log keep their accuracy over a fine grid", "[elementwise][large]") {
  for (const auto& backend : backends<ElementwiseKernels<float>>()) {
    INFO(backend.name);
    const auto exponents = made_up<float>(200000, -87.3, 88.7);
    std::vector<float> positive(exponents.size());
    for (std::size_t i = 0; i < positive.size(); ++i) positive[i] = std::exp(exponents[i]);
    for (Unary op : {Unary::exp, Unary::log}) {
      auto x = backend.buffer(op == Unary::exp ? exponents : positive);
      auto y = backend.buffer(std::vector<float>(exponents.size()));
      backend.table->unary({}, op, static_cast<std::int64_t>(exponents.size()), x, y);
      double worst = 0;
      for (std::size_t i = 0; i < exponents.size(); ++i) {
        const double want = reference(op, static_cast<double>(x.host()[i]));
        worst = std::max(worst, std::abs(static_cast<double>(y.host()[i]) - want) / std::abs(want));
      }
      REQUIRE(worst < 3 * 0x1p-23);
    }
  }
}

TEMPLATE_TEST_CASE("operations with a number, and accumulation", "[elementwise]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<ElementwiseKernels<T>>()) {
    INFO(backend.name);
    const auto stored = made_up<T>(backend.emulated() ? 4007 : 40007, 0.1, 3);
    const auto x = wide(stored);
    auto dx = backend.buffer(stored);
    if (backend.table->scalar)
      for (Scalar op : scalars)
        for (double s : {2.0, 0.5, -1.0, 3.0, 1.7}) {
          const auto y = wide(same_on_any_threads([&] {
            auto out = backend.buffer(std::vector<T>(x.size()));
            backend.table->scalar({}, op, static_cast<std::int64_t>(x.size()), dx, static_cast<Wide<T>>(s), out);
            return out.host();
          }));
          for (std::size_t i = 0; i < x.size(); i += 97) {
            const double want = reference(op, static_cast<double>(x[i]), static_cast<double>(static_cast<Wide<T>>(s)));
            INFO("operation " << static_cast<int>(op) << " x = " << x[i] << " s = " << s);
            REQUIRE(std::abs(static_cast<double>(y[i]) - want) <=
                    4 * std::numeric_limits<Wide<T>>::epsilon() * std::max(1.0, std::abs(want)));
          }
        }
    const auto start = made_up<T>(x.size(), -1, 1, 5);
    auto y = backend.buffer(start);
    backend.table->add_scaled({}, static_cast<std::int64_t>(x.size()), dx, -0.25f, y);
    const auto before = wide(start), after = wide(y.host());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = static_cast<double>(before[i]) - 0.25 * static_cast<double>(x[i]);
      REQUIRE(std::abs(static_cast<double>(after[i]) - want) <= 1e-6 + storage_error<T> * std::abs(want));
    }
  }
}

TEMPLATE_TEST_CASE("maximum and minimum pass NaN on; comparisons with it are false", "[elementwise]", float, double, BFloat16) {
  using T = TestType;
  const T nan(std::nanf("")), one(1.0f), two(2.0f), three(3.0f);
  const ElementShape shape{1, {4}, {1}, {1}};
  for (const auto& backend : backends<ElementwiseKernels<T>>()) {
    INFO(backend.name);
    auto a = backend.buffer(std::vector<T>{nan, one, nan, two}), b = backend.buffer(std::vector<T>{one, nan, nan, three});
    auto y = backend.buffer(std::vector<T>(4));
    for (Binary op : {Binary::maximum, Binary::minimum}) {
      backend.table->binary({}, op, shape, a, b, y);
      const auto values = wide(y.host());
      for (int i = 0; i < 3; ++i) REQUIRE(std::isnan(values[i]));
      REQUIRE(values[3] == (op == Binary::maximum ? 3 : 2));
    }
    if (!backend.table->compare) continue;
    for (Compare op : compares) {
      backend.table->compare({}, op, shape, a, b, y);
      for (int i = 0; i < 3; ++i) REQUIRE(wide(y.host())[i] == (op == Compare::ne ? 1 : 0));
    }
    for (Scalar op : {Scalar::maximum, Scalar::minimum}) {
      backend.table->scalar({}, op, 4, a, 0, y);
      REQUIRE(std::isnan(wide(y.host())[0]));
      REQUIRE(wide(y.host())[1] == (op == Scalar::maximum ? 1 : 0));
    }
  }
}

TEST_CASE("integers: division towards zero, whole powers, wrap-around, no trap", "[elementwise]") {
  using T = std::int64_t;
  const T least = std::numeric_limits<T>::min();
  for (const auto& backend : backends<ElementwiseKernels<T>>()) {
    INFO(backend.name);
    const std::vector<T> a = {7, -7, 7, 5, least, 2, -2, 3, 1, -1, 0, 10};
    const std::vector<T> b = {2, 2, -2, 0, -1, 10, 3, -1, -5, -3, 0, 18};
    const std::vector<T> quotient = {3, -3, -3, 0, least, 0, 0, -3, 0, 0, 0, 0};
    const std::vector<T> power = {49, 49, 0, 1, 0, 1024, -8, 0, 1, -1, 1, 1000000000000000000};
    const ElementShape shape{1, {static_cast<T>(a.size())}, {1}, {1}};
    auto da = backend.buffer(a), db = backend.buffer(b), y = backend.buffer(std::vector<T>(a.size()));
    backend.table->binary({}, Binary::div, shape, da, db, y);
    REQUIRE(y.host() == quotient);
    backend.table->binary({}, Binary::pow, shape, da, db, y);
    REQUIRE(y.host() == power);
    backend.table->binary({}, Binary::sub, shape, da, db, y);
    REQUIRE(y.host()[4] == least + 1);
    backend.table->unary({}, Unary::neg, 12, da, y);
    REQUIRE(y.host()[4] == least);
    backend.table->unary({}, Unary::sqrt, 12, da, y);
    REQUIRE(y.host()[0] == 2);
    REQUIRE(y.host()[1] == 0);
    backend.table->scalar({}, Scalar::pow, 12, da, 3, y);
    REQUIRE(y.host()[1] == -343);
    for (Unary op : unaries) {
      backend.table->unary({}, op, 12, da, y);
      if (op != Unary::rsqrt && op != Unary::log)  // of 10, and exactly whole only by chance
        REQUIRE(y.host()[11] == static_cast<T>(op == Unary::sqrt ? 3 : reference(op, 10)));
    }
    for (Scalar op : scalars) {
      backend.table->scalar({}, op, 12, da, 3, y);
      REQUIRE(y.host()[1] == static_cast<T>(reference(op, -7, 3)));
    }
    backend.table->add_scaled({}, 12, da, -2, y);  // y was 3 - a
    REQUIRE(y.host()[1] == 24);
    // Quotients and powers over a broadcast: a column of 7 and -7, a row.
    const ElementShape outer{2, {2, 12}, {1, 0}, {0, 1}}, odd{2, {2, 11}, {1, 0}, {0, 1}};
    auto z = backend.buffer(std::vector<T>(24));
    for (const auto& s : {outer, odd})
      for (Binary op : {Binary::div, Binary::pow}) {
        backend.table->binary({}, op, s, da, db, z);
        const T n = s.size[1];
        REQUIRE(z.host()[0] == (op == Binary::div ? 3 : 49));
        REQUIRE(z.host()[static_cast<std::size_t>(n + 6)] == (op == Binary::div ? -2 : -343));
      }
  }
}
