// Convolution over the layers of the five systems, and a few larger ones: each pass by each algorithm that serves it, on a GPU
// in each precision.
//
// GFLOP/s counts a direct convolution's operations whatever the algorithm, so Winograd's may exceed the machine's; GB/s counts
// each operand once. Every algorithm is held against the naive kernels before its first timing: forward and the gradient
// of x on the first, middle and last image, the gradient of the weights with a dy that is zero on all others.
#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/support.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "tests/support/conv_layers.hpp"
#include "tests/support/rounded.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = Conv2dKernels<float>;
using Kernel = Backend<Kernels>;

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

void compare(const std::string& what, const float* got, const float* want, std::int64_t count, double tolerance) {
  for (std::int64_t i = 0; i < count; ++i) require_near(what, got[i], want[i], tolerance);
}

// A layer's operands in one memory.
struct Operands {
  Where where;
  ConvShape shape;
  std::vector<float> values, gradient, weights, biases;
  Rotating<float> x, dy, y, dx;
  Fixed<float> weight, bias, dweight, dbias;

  Operands(Where w, const ConvShape& s)
      : where(w),
        shape(s),
        values(made_up<float>(s.x_size())),
        gradient(made_up<float>(s.y_size(), -1, 1, 2)),
        weights(made_up<float>(s.w_size(), -1, 1, 3)),
        biases(made_up<float>(s.k)),
        x(w, values),
        dy(w, gradient),
        y(w, s.y_size()),
        dx(w, s.x_size()),
        weight(w, weights),
        bias(w, biases),
        dweight(w, s.w_size()),
        dbias(w, s.k) {}

  // out: y, dx or dweight.
  void run(const Kernels& k, Stream stream, const ConvShape& s, ConvPass pass, const float* some_dy, float* out,
           void* workspace) const {
    if (pass == ConvPass::forward) k.forward(stream, s, x.next(), weight, bias, out, workspace);
    if (pass == ConvPass::grad_input) k.grad_input(stream, s, some_dy, weight, out, workspace);
    if (pass == ConvPass::grad_weight) k.grad_weight(stream, s, x.next(), some_dy, out, dbias, workspace);
  }
  void run(const Kernels& k, Stream stream, const ConvShape& s, ConvPass pass, void* workspace) const {
    if (pass == ConvPass::forward) run(k, stream, s, pass, nullptr, y.next(), workspace);
    if (pass == ConvPass::grad_input) run(k, stream, s, pass, dy.next(), dx.next(), workspace);
    if (pass == ConvPass::grad_weight) run(k, stream, s, pass, dy.next(), dweight, workspace);
  }

  // The naive kernels are given what the precision makes of the factors; a bias's gradient has none.
  void check(const std::string& what, const Kernels& k, const ConvShape& s, ConvPass pass, void* workspace) const {
    const Kernels& naive = reference<Kernels>();
    ConvShape one = s;
    one.n = 1;
    const auto factors = [&](const std::vector<float>& all) { return test::rounded(all, s.precision); };
    const auto own_x = factors(values), own_dy = factors(gradient), own_weight = factors(weights);
    const std::int64_t x_image = one.x_size(), y_image = one.y_size(), plane = y_image / s.k;
    std::vector<float> some(s.y_size()), part(std::max(x_image, y_image)), weight_part(s.w_size()), weight_sum(s.w_size()),
        bias_sum(s.k);
    std::vector<std::int64_t> images{0, s.n / 2, s.n - 1};
    images.erase(std::unique(images.begin(), images.end()), images.end());
    for (std::int64_t n : images) std::copy_n(&gradient[n * y_image], y_image, &some[n * y_image]);
    // An output of its own, of NaN: others' may be right already.
    const Fixed<float> out(where, pass == ConvPass::forward      ? s.y_size()
                                  : pass == ConvPass::grad_input ? s.x_size()
                                                                 : s.w_size());
    run(k, {}, s, pass, Fixed<float>(where, some), out, workspace);
    const auto got = out.host();
    for (std::int64_t n : images) {
      const float *x_of_n = &own_x[n * x_image], *dy_of_n = &own_dy[n * y_image];
      if (pass == ConvPass::forward) {
        naive.forward({}, one, x_of_n, own_weight.data(), biases.data(), part.data(), nullptr);
        compare(what, &got[n * y_image], part.data(), y_image, 1e-5 * s.c * s.kh);
      } else if (pass == ConvPass::grad_input) {
        naive.grad_input({}, one, dy_of_n, own_weight.data(), part.data(), nullptr);
        compare(what, &got[n * x_image], part.data(), x_image, 1e-5 * s.k * s.kh);
      } else {
        naive.grad_weight({}, one, x_of_n, dy_of_n, weight_part.data(), nullptr, nullptr);
        for (std::size_t j = 0; j < weight_sum.size(); ++j) weight_sum[j] += weight_part[j];
        for (std::int64_t j = 0; j < y_image; ++j) bias_sum[j / plane] += some[n * y_image + j];
      }
    }
    if (pass != ConvPass::grad_weight) return;
    const double tolerance = 1e-4 * std::sqrt(static_cast<double>(plane)) + 1e-5;
    require_near(what, got, weight_sum, tolerance);
    require_near(what + " dbias", dbias.host(), bias_sum, tolerance);
  }
};

// Those of the latest layer, which its passes and algorithms share.
std::shared_ptr<Operands> operands(Where where, ConvShape s) {
  static std::weak_ptr<Operands> latest;
  s.precision = Precision::float32;
  auto own = latest.lock();
  if (!own || own->where != where || own->shape != s) latest = own = std::make_shared<Operands>(where, s);
  return own;
}

Ready make(const std::string& what, const Kernel& kernel, ConvShape s, ConvPass pass) {
  s.n = sized(kernel, s.n, 1), s.h = sized(kernel, s.h, 8), s.w = sized(kernel, s.w, 8);
  const Kernels& k = *kernel.table;
  const auto own = operands(kernel.where, s);
  const Workspace workspace(kernel.where, static_cast<std::int64_t>(k.workspace(s, pass)));
  own->check(what, k, s, pass, workspace);
  const double moved = static_cast<double>(s.x_size() + s.y_size() + s.w_size());
  const double flops = 2.0 * s.c / s.groups * s.kh * s.kw * static_cast<double>(s.y_size());
  return {{.bytes = 4 * moved, .flops = flops, .precision = s.precision},
          [=, &k](Stream stream) { own->run(k, stream, s, pass, workspace); }};
}

// On the CPU by each algorithm, elsewhere in each precision.
void add_layer(const std::string& layer, ConvShape s) {
  constexpr const char* names[] = {"forward", "grad_input", "grad_weight"};
  constexpr std::pair<const char*, Precision> precisions[] = {
      {"float32", Precision::float32}, {"tf32", Precision::tf32}, {"bf16", Precision::bf16}};
  for (ConvPass pass : {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight}) {
    const std::string what = std::string(names[static_cast<int>(pass)]) + "/" + layer + "/";
    for (const Kernel& a : algorithms(s, pass))
      add(what + a.name, "cpu", a.where, [=] { return make(what + a.name, a, s, pass); });
    for (const Kernel& kernel : test::backends<Kernels>()) {
      if (kernel.name == "cpu") continue;
      for (const auto& [name, precision] : precisions) {
        s.precision = precision;
        if (test::precision_of<float>(kernel, precision) != precision) continue;
        if (precision != Precision::float32 && s.kh > 3) continue;  // not every tile for tensor cores holds their patches
        const std::string full = what + name;
        add(full, kernel.name, kernel.where, [=, shape = s] { return make(full, kernel, shape, pass); });
      }
      s.precision = Precision::float32;
    }
  }
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

}  // namespace

int main(int argc, char** argv) {
  for (const auto& layer : test::conv_layers()) add_layer(layer.name, layer.shape);
  add_layer("large 64->64@56", large(8, 64, 64, 56, 3, 1));
  add_layer("large 128->128@28", large(16, 128, 128, 28, 3, 1));
  add_layer("large 256->256@14", large(32, 256, 256, 14, 3, 1));
  add_layer("large 256->256@14 1x1", large(32, 256, 256, 14, 1, 1));
  add_layer("large 64->128@56 stride 2", large(8, 64, 128, 56, 3, 2));
  add_layer("large 3->64@112 7x7 stride 2", large(8, 3, 64, 112, 7, 2));
  return run(argc, argv);
}
