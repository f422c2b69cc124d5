// Matrix products in GFLOP/s: squares, and the shapes of linear layers; the naive variant for comparison.
#include <memory>

#include "bench/support.hpp"
#include "kernels/gemm/gemm.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

template <class T>
void add_gemm(const std::string& name, const GemmShape& s, Variant variant = Variant::fast) {
  const auto& k = GemmKernels<T>::cpu(variant);
  const auto a_values = made_up<T>(s.m * s.k * s.batch), b_values = made_up<T>(s.k * s.n * s.batch);
  auto a = std::make_shared<Rotating<T>>(a_values), b = std::make_shared<Rotating<T>>(b_values);
  auto c = std::make_shared<Rotating<T>>(std::vector<T>(static_cast<std::size_t>(s.m * s.n * s.batch)));
  auto memory = std::make_shared<std::vector<char>>(k.workspace(s));
  T* pc = c->next();
  k.gemm({}, s, a->next(), b->next(), nullptr, pc, memory->data());
  for (std::int64_t at : {std::int64_t{0}, s.m * s.n - 1, s.m * s.n / 2}) {
    const std::int64_t i = at / s.n, j = at % s.n;
    double want = 0;
    for (std::int64_t p = 0; p < s.k; ++p)
      want += static_cast<double>(a_values[static_cast<std::size_t>(s.transpose_a ? p * s.m + i : i * s.k + p)]) *
              static_cast<double>(b_values[static_cast<std::size_t>(s.transpose_b ? j * s.k + p : p * s.n + j)]);
    require_near(name, static_cast<double>(pc[at]), want, 1e-4);
  }
  add(name, {.flops = 2.0 * static_cast<double>(s.m * s.n * s.k * s.batch), .element_size = static_cast<int>(sizeof(T))},
      [=, &k] { k.gemm({}, s, a->next(), b->next(), nullptr, c->next(), memory->data()); });
}

}  // namespace

int main(int argc, char** argv) {
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
  add_gemm<float>("float 256, naive", {.m = 256, .n = 256, .k = 256}, Variant::naive);
  return run(argc, argv);
}
