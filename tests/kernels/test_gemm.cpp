// Matrix products against sums in double, over transposes, batches, odd sizes and every edge of the tiles.
#include <cmath>
#include <vector>

#include "kernels/gemm/gemm.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/rounded.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

struct Sizes {
  std::int64_t m, n, k;
};

template <class T>
void check_gemm(const Backend<GemmKernels<T>>& backend, const GemmShape& s, bool with_bias) {
  INFO(backend.name << ": " << s.m << " x " << s.n << " x " << s.k << (s.transpose_a ? ", A transposed" : "")
                    << (s.transpose_b ? ", B transposed" : "") << ", batch " << s.batch << " " << s.batch_stride_a << " "
                    << s.batch_stride_b << (with_bias ? ", bias" : "") << ", precision " << static_cast<int>(s.precision));
  auto a = made_up<T>(static_cast<std::size_t>((s.batch - 1) * s.batch_stride_a + s.m * s.k), -1, 1, 1);
  auto b = made_up<T>(static_cast<std::size_t>((s.batch - 1) * s.batch_stride_b + s.k * s.n), -1, 1, 2);
  const auto bias = made_up<T>(static_cast<std::size_t>(s.n), -1, 1, 3);
  auto da = backend.buffer(a), db = backend.buffer(b), dbias = backend.buffer(bias);
  const auto count = static_cast<std::size_t>(s.batch * s.m * s.n);
  const auto c = same_on_any_threads([&] {
    auto out = backend.buffer(std::vector<T>(count + 1, std::numeric_limits<T>::quiet_NaN()));
    auto memory = backend.buffer(std::vector<unsigned char>(backend.table->workspace(s), 0xff));
    backend.table->gemm({}, s, da, db, with_bias ? dbias.get() : nullptr, out, memory.get());
    auto values = out.host();
    if (!std::isnan(values[count])) FAIL("wrote past the end");
    values[count] = 0;
    return values;
  });
  a = rounded(a, precision_of<T>(backend, s.precision));
  b = rounded(b, precision_of<T>(backend, s.precision));
  const double tolerance = std::numeric_limits<T>::epsilon() * (2 + static_cast<double>(s.k) / 4);
  for (std::int64_t item = 0; item < s.batch; ++item)
    for (std::int64_t i = 0; i < s.m; ++i)
      for (std::int64_t j = 0; j < s.n; ++j) {
        double want = with_bias ? static_cast<double>(bias[static_cast<std::size_t>(j)]) : 0;
        for (std::int64_t p = 0; p < s.k; ++p)
          want += static_cast<double>(
                      a[static_cast<std::size_t>(item * s.batch_stride_a + (s.transpose_a ? p * s.m + i : i * s.k + p))]) *
                  static_cast<double>(
                      b[static_cast<std::size_t>(item * s.batch_stride_b + (s.transpose_b ? j * s.k + p : p * s.n + j))]);
        const double got = static_cast<double>(c[static_cast<std::size_t>((item * s.m + i) * s.n + j)]);
        if (!(std::abs(got - want) <= tolerance)) {
          INFO("element " << item << " " << i << " " << j);
          REQUIRE(got == Approx(want).margin(tolerance));
        }
      }
}

}  // namespace

TEMPLATE_TEST_CASE("products over transposes and odd sizes", "[gemm]", float, double) {
  const Sizes sizes[] = {{1, 1, 1},     {1, 10, 32},   {2, 3, 5},     {5, 33, 7},    {13, 31, 17},  {12, 32, 16},
                         {24, 64, 256}, {25, 65, 257}, {128, 10, 32}, {10, 32, 128}, {128, 32, 10}, {97, 101, 300},
                         {1, 500, 300}, {50, 300, 20}, {300, 1, 70},  {100, 513, 3}, {193, 40, 520}};
  for (const auto& backend : backends<GemmKernels<TestType>>())
    for (const auto& [m, n, k] : sizes)
      for (bool ta : {false, true})
        for (bool tb : {false, true})
          check_gemm<TestType>(backend, {.m = m, .n = n, .k = k, .transpose_a = ta, .transpose_b = tb}, ta == tb);
}

TEMPLATE_TEST_CASE("every edge of a tile", "[gemm]", float, double) {
  for (const auto& backend : backends<GemmKernels<TestType>>()) {
    for (std::int64_t m = 1; m <= 27; ++m) check_gemm<TestType>(backend, {.m = m, .n = 19, .k = 5}, true);
    for (std::int64_t n = 1; n <= 67; ++n)
      check_gemm<TestType>(backend, {.m = 7, .n = n, .k = 5, .transpose_b = n % 2 == 0}, true);
  }
}

TEMPLATE_TEST_CASE("batches, with matrices of their own or shared", "[gemm]", float, double) {
  for (const auto& backend : backends<GemmKernels<TestType>>())
    for (const auto& [m, n, k] : {Sizes{3, 4, 5}, Sizes{30, 70, 40}, Sizes{17, 33, 300}})
      for (bool tb : {false, true}) {
        check_gemm<TestType>(
            backend, {.m = m, .n = n, .k = k, .transpose_b = tb, .batch = 5, .batch_stride_a = m * k, .batch_stride_b = k * n},
            false);
        check_gemm<TestType>(backend, {.m = m, .n = n, .k = k, .transpose_b = tb, .batch = 5, .batch_stride_b = k * n}, true);
        check_gemm<TestType>(backend, {.m = m, .n = n, .k = k, .transpose_b = tb, .batch = 5, .batch_stride_a = m * k}, true);
        check_gemm<TestType>(
            backend,
            {.m = m, .n = n, .k = k, .transpose_b = tb, .batch = 5, .batch_stride_a = m * k + 3, .batch_stride_b = k * n + 1},
            false);
      }
}

TEMPLATE_TEST_CASE("enough work for large tiles", "[gemm]", float, double) {
  for (const auto& backend : backends<GemmKernels<TestType>>())
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        check_gemm<TestType>(
            backend, {.m = 130, .n = 66, .k = 20, .transpose_a = ta, .transpose_b = tb, .batch = 24, .batch_stride_b = 66 * 20},
            ta);
}

TEST_CASE("products in tf32 and bf16", "[gemm]") {
  for (const auto& backend : backends<GemmKernels<float>>())
    for (Precision precision : {Precision::tf32, Precision::bf16})
      for (const auto& [m, n, k] : {Sizes{1, 1, 1}, Sizes{5, 33, 7}, Sizes{65, 70, 50}, Sizes{128, 10, 32}, Sizes{32, 64, 128}})
        for (bool ta : {false, true})
          for (bool tb : {false, true})
            check_gemm<float>(backend,
                              {.m = m,
                               .n = n,
                               .k = k,
                               .transpose_a = ta,
                               .transpose_b = tb,
                               .batch = 2,
                               .batch_stride_a = m * k,
                               .precision = precision},
                              tb);
}

TEMPLATE_TEST_CASE("empty products", "[gemm]", float, double) {
  for (const auto& backend : backends<GemmKernels<TestType>>()) {
    check_gemm<TestType>(backend, {.m = 3, .n = 4, .k = 0}, true);
    check_gemm<TestType>(backend, {.m = 3, .n = 4, .k = 0}, false);
    check_gemm<TestType>(backend, {.m = 0, .n = 4, .k = 2}, false);
    check_gemm<TestType>(backend, {.m = 3, .n = 0, .k = 2}, false);
  }
}
