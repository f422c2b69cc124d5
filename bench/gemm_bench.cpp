// Matrix products: squares, and the shapes of linear layers; on a GPU in each precision.
#include "bench/support.hpp"
#include "kernels/gemm/gemm.hpp"
#include "tests/support/rounded.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

template <class T>
Ready make(const std::string& name, const Backend<GemmKernels<T>>& b, GemmShape s) {
  const auto small = [&](std::int64_t n) { return sized(b, n, std::int64_t{128}); };
  s.m = small(s.m), s.n = small(s.n), s.k = small(s.k), s.batch = sized(b, s.batch, std::int64_t{3});
  if (s.batch_stride_a) s.batch_stride_a = s.m * s.k;
  if (s.batch_stride_b) s.batch_stride_b = s.k * s.n;
  const GemmKernels<T>& k = *b.table;
  const std::int64_t size_a = s.m * s.k * s.batch, size_b = s.k * s.n * s.batch, size_c = s.m * s.n * s.batch;
  const auto a_values = made_up<T>(size_a), b_values = made_up<T>(size_b);
  const Rotating<T> left(b.where, a_values), right(b.where, b_values), c(b.where, size_c);
  const Workspace memory(b.where, static_cast<std::int64_t>(k.workspace(s)));
  k.gemm({}, s, left.next(), right.next(), nullptr, c.next(), memory);
  const auto got = c.host(), factors_a = test::rounded(a_values, s.precision), factors_b = test::rounded(b_values, s.precision);
  const std::int64_t last = s.batch - 1;
  const T *last_a = &factors_a[last * s.batch_stride_a], *last_b = &factors_b[last * s.batch_stride_b];
  for (std::int64_t at = 0; at < s.m * s.n; at += 1 + s.m * s.n / 1009) {
    const std::int64_t i = at / s.n, j = at % s.n;
    double want = 0;
    for (std::int64_t p = 0; p < s.k; ++p)
      want += static_cast<double>(last_a[s.transpose_a ? p * s.m + i : i * s.k + p]) *
              static_cast<double>(last_b[s.transpose_b ? j * s.k + p : p * s.n + j]);
    require_near(name, static_cast<double>(got[last * s.m * s.n + at]), want,
                 b.where == Where::host ? 1e-4 : 1e-4 + 1e-6 * static_cast<double>(s.k));  // mma cuts off what it adds up
  }
  const double bytes = static_cast<double>(sizeof(T)) * static_cast<double>(size_a + size_b + size_c);
  return {{.bytes = bytes,
           .flops = 2.0 * static_cast<double>(s.m * s.n * s.k * s.batch),
           .element_size = static_cast<int>(sizeof(T)),
           .precision = s.precision},
          [=, &k](Stream stream) { k.gemm(stream, s, left.next(), right.next(), nullptr, c.next(), memory); }};
}

template <class T>
void add_gemm(const std::string& name, GemmShape s) {
  constexpr std::pair<const char*, Precision> precisions[] = {
      {"", Precision::float32}, {", tf32", Precision::tf32}, {", bf16", Precision::bf16}};
  for (const auto& backend : backends<GemmKernels<T>>())
    for (const auto& [suffix, precision] : precisions) {
      s.precision = precision;
      if (test::precision_of<T>(backend, precision) != precision) continue;
      add(name + suffix, backend.name, backend.where, [=] { return make(name, backend, s); });
    }
}

void add_all() {
  for (std::int64_t n : {16, 32, 64, 128, 256, 512, 1024})
    add_gemm<float>("float " + std::to_string(n), {.m = n, .n = n, .k = n});
  add_gemm<float>("float 512, A transposed", {.m = 512, .n = 512, .k = 512, .transpose_a = true});
  add_gemm<float>("float 512, B transposed", {.m = 512, .n = 512, .k = 512, .transpose_b = true});
  add_gemm<float>("linear forward, batch 128, 512 to 10", {.m = 128, .n = 10, .k = 512, .transpose_b = true});
  add_gemm<float>("linear grad_weight, batch 128, 512 to 10", {.m = 10, .n = 512, .k = 128, .transpose_a = true});
  add_gemm<float>("linear grad_input, batch 128, 512 to 10", {.m = 128, .n = 512, .k = 10});
  add_gemm<float>("one row times 1024 x 1024", {.m = 1, .n = 1024, .k = 1024});
  add_gemm<float>("64 products of 64",
                  {.m = 64, .n = 64, .k = 64, .batch = 64, .batch_stride_a = 4096, .batch_stride_b = 4096});
  add_gemm<double>("double 256", {.m = 256, .n = 256, .k = 256});
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
