// Convolution over the layers of the five systems, and a few larger ones: each pass by each algorithm that serves it, on a GPU
// in each precision.
//
// GFLOP/s counts a direct convolution's operations whatever the algorithm, so Winograd's may exceed the machine's; GB/s counts
// each operand once. Every algorithm is held against the naive kernels before its first timing (conv_operands.hpp).
#include "bench/conv_operands.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "tests/support/conv_layers.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = Conv2dKernels<float>;
using Kernel = Backend<Kernels>;
template <class T>
using KernelOf = Backend<Conv2dKernels<T>>;

// What can compute a pass on the CPU: the library's own choice, and whatever it chooses from.
std::vector<Kernel> algorithms(const ConvShape& s, ConvPass pass) {
  std::vector<Kernel> all{{"auto", &Kernels::cpu(), Where::host}};
  const auto offer = [&](const char* name, const auto& algorithm) {
    if (algorithm.serves(s, pass)) all.push_back({name, &algorithm.kernels, Where::host});
  };
  offer("direct", cpu_table<ConvAlgorithm<float, DirectConv>>({}));
  offer("direct", cpu_table<ConvAlgorithm<float, DirectWeightConv>>({}));
  offer("pointwise", cpu_table<ConvAlgorithm<float, PointwiseConv>>({}));
  offer("pointwise", cpu_table<ConvAlgorithm<float, PointwiseWeightConv>>({}));
  offer("winograd", cpu_table<ConvAlgorithm<float, WinogradConv>>({}));
  offer("winograd", cpu_table<ConvAlgorithm<float, WinogradWeightConv>>({}));
  offer("few", cpu_table<ConvAlgorithm<float, FewChannelsWeightConv>>({}));
  offer("images", cpu_table<ConvAlgorithm<float, WinogradImagesConv>>({}));
  offer("images", cpu_table<ConvAlgorithm<float, WinogradImagesWeightConv>>({}));
  return all;
}

template <class T>
Ready make(const std::string& what, const KernelOf<T>& kernel, ConvShape s, ConvPass pass) {
  s.n = sized(kernel, s.n, 1), s.h = sized(kernel, s.h, 8), s.w = sized(kernel, s.w, 8);
  const auto& k = *kernel.table;
  const auto own = conv_operands<T>(kernel.where, s);
  const Workspace workspace(kernel.where, static_cast<std::int64_t>(k.workspace(s, pass)));
  own->check(what, k, s, pass, workspace, own->expected(s, pass));
  return {work_of<T>(s), [=, &k](Stream stream) { own->run(k, stream, s, pass, workspace); }};
}

// What a convolution does for its neighbours: z and its moments for a batch norm, ReLU in between.
template <class T>
Ready make_to_norm(const std::string& what, const KernelOf<T>& kernel, ConvShape s) {
  s.n = sized(kernel, s.n, 1), s.h = sized(kernel, s.h, 8), s.w = sized(kernel, s.w, 8);
  const auto& k = *kernel.table;
  const auto own = conv_operands<T>(kernel.where, s);
  const int parts = k.moment_parts(s, false);
  const Workspace workspace(kernel.where, static_cast<std::int64_t>(k.workspace(s, ConvPass::forward)));
  const Fixed<float> moments(kernel.where, std::int64_t{3} * s.k * parts);
  const auto run = [=, &k](Stream stream, T* z) {
    k.forward_to_norm(stream, s, {.relu_before = true}, own->x.next(), own->weight, own->bias, z,
                      reinterpret_cast<PartialMoments<float>*>(moments.next()), workspace);
  };
  const Fixed<T> out(kernel.where, s.y_size());
  run({}, out);
  auto expected = own->expected(s, ConvPass::forward);
  for (float& v : expected.values) v = std::max(v, 0.0f);
  const auto z = test::wide(out.host()), partial = moments.host();
  own->compare(what, s, ConvPass::forward, z, expected);
  const std::int64_t plane = s.y_size() / s.n / s.k;
  for (int channel = 0; channel < s.k; ++channel) {
    double sum = 0, joined = 0;
    for (std::int64_t i = 0; i < s.n * plane; ++i) sum += z[(i / plane * s.k + channel) * plane + i % plane];
    for (int p = 0; p < parts; ++p)
      joined += double{partial[(channel * parts + p) * 3]} * partial[(channel * parts + p) * 3 + 1];
    require_near(what + " mean", joined / static_cast<double>(s.n * plane), sum / static_cast<double>(s.n * plane),
                 1e-4 + test::storage_error<T>);
  }
  Work work = work_of<T>(s);
  work.bytes += 12.0 * s.k * parts;
  return {work, [=](Stream stream) { run(stream, own->y.next()); }};
}

// Both gradients in one.
template <class T>
Ready make_gradients(const std::string& what, const KernelOf<T>& kernel, ConvShape s) {
  s.n = sized(kernel, s.n, 1), s.h = sized(kernel, s.h, 8), s.w = sized(kernel, s.w, 8);
  const auto& k = *kernel.table;
  const auto own = conv_operands<T>(kernel.where, s);
  const Workspace workspace(kernel.where, static_cast<std::int64_t>(k.workspace(s, ConvPass::grad_weight)));
  const auto by_x = own->expected(s, ConvPass::grad_input), by_weight = own->expected(s, ConvPass::grad_weight);
  const Fixed<T> dx(kernel.where, s.x_size()), some_dy(kernel.where, own->stored(by_weight.some_dy));
  const Fixed<float> dweight(kernel.where, s.w_size());
  k.gradients({}, s, own->x.next(), some_dy, own->weight, dx, dweight, own->dbias, workspace);
  own->compare(what, s, ConvPass::grad_input, test::wide(dx.host()), by_x);
  own->compare(what, s, ConvPass::grad_weight, dweight.host(), by_weight);
  Work work = work_of<T>(s);
  work.flops *= 2,
      work.bytes += static_cast<double>(sizeof(T)) * static_cast<double>(s.x_size()) + 4.0 * static_cast<double>(s.w_size());
  return {work, [=, &k](Stream stream) {
            k.gradients(stream, s, own->x.next(), own->dy.next(), own->weight, own->dx.next(), own->dweight, own->dbias,
                        workspace);
          }};
}

// What a table has of these two.
template <class T>
void add_neighbours(const std::string& layer, const KernelOf<T>& kernel, const ConvShape& s, const std::string& name) {
  if (kernel.table->moment_parts && kernel.table->moment_parts(s, false) > 0) {
    const std::string what = "forward_to_norm/" + layer + "/" + name;
    add(what, kernel.name, kernel.where, [=] { return make_to_norm<T>(what, kernel, s); });
  }
  if (kernel.table->gradients) {
    const std::string what = "gradients/" + layer + "/" + name;
    add(what, kernel.name, kernel.where, [=] { return make_gradients<T>(what, kernel, s); });
  }
}

// With bfloat16 activations, where there are tables for it.
void add_bf16_layer([[maybe_unused]] const std::string& layer, [[maybe_unused]] ConvShape s) {
#if defined(HEDDLE_TEST_CUDA)
  s.precision = Precision::bf16;
  if (s.kh > 3) return;
  for (const auto& kernel : backends<Conv2dKernels<BFloat16>>()) {
    for (ConvPass pass : conv_passes) {
      const std::string what = std::string(name_of(pass)) + "/" + layer + "/activations in bf16";
      add(what, kernel.name, kernel.where, [=] { return make<BFloat16>(what, kernel, s, pass); });
    }
    add_neighbours<BFloat16>(layer, kernel, s, "activations in bf16");
  }
#endif
}

// On the CPU by each algorithm, elsewhere in each precision.
void add_layer(const std::string& layer, ConvShape s) {
  for (ConvPass pass : conv_passes) {
    const std::string what = std::string(name_of(pass)) + "/" + layer + "/";
    for (const Kernel& a : algorithms(s, pass))
      add(what + a.name, "cpu", a.where, [=] { return make<float>(what + a.name, a, s, pass); });
    for (const Kernel& kernel : backends<Kernels>()) {
      if (kernel.name == "cpu") continue;
      for (Precision precision : conv_precisions) {
        s.precision = precision;
        if (test::precision_of<float>(kernel, precision) != precision) continue;
        if (precision != Precision::float32 && s.kh > 3) continue;  // not every tile for tensor cores holds their patches
        const std::string full = what + name_of(precision);
        add(full, kernel.name, kernel.where, [=, shape = s] { return make<float>(full, kernel, shape, pass); });
      }
      s.precision = Precision::float32;
    }
  }
  for (const Kernel& kernel : backends<Kernels>())
    for (Precision precision : conv_precisions) {
      s.precision = precision;
      if (kernel.name == "cpu naive" || test::precision_of<float>(kernel, precision) != precision) continue;
      if (precision != Precision::float32 && s.kh > 3) continue;
      add_neighbours<float>(layer, kernel, s, kernel.where == Where::host ? "auto" : name_of(precision));
    }
  add_bf16_layer(layer, s);
}

ConvShape large(int n, int c, int k, int size, int kernel, int stride) {
  return {.n = n,
          .c = c,
          .h = size,
          .w = size,
          .k = k,
          .kh = kernel,
          .kw = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = kernel / 2,
          .pad_w = kernel / 2};
}

void add_all() {
  for (const auto& layer : test::conv_layers()) add_layer(layer.name, layer.shape);
  add_layer("large 64->64@56", large(8, 64, 64, 56, 3, 1));
  add_layer("large 128->128@28", large(16, 128, 128, 28, 3, 1));
  add_layer("large 256->256@14", large(32, 256, 256, 14, 3, 1));
  add_layer("large 256->256@14 1x1", large(32, 256, 256, 14, 1, 1));
  add_layer("large 64->128@56 stride 2", large(8, 64, 128, 56, 3, 2));
  add_layer("large 3->64@112 7x7 stride 2", large(8, 3, 64, 112, 7, 2));
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
