// Convolution over the layers of the five systems, and a few larger ones: each pass by each algorithm that serves it.
//
// GFLOP/s counts a direct convolution's operations whatever the algorithm, so Winograd's may exceed the machine's; GB/s counts
// each operand once. Every algorithm is held against the naive kernels before its first timing: forward and the gradient
// of x on the first, middle and last image, the gradient of the weights with a dy that is zero on all others.
#include <map>
#include <memory>

#include "bench/support.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "tests/support/conv_layers.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = Conv2dKernels<float>;

struct Algorithm {
  const char* name;
  const Kernels* kernels;
};

// What can compute a pass: the library's own choice, and whatever it chooses from.
std::vector<Algorithm> algorithms(const ConvShape& s, ConvPass pass) {
  std::vector<Algorithm> all{{"auto", &Kernels::cpu()}};
  const auto offer = [&](const char* name, const auto& algorithm) {
    if (algorithm.serves(s, pass)) all.push_back({name, &algorithm.kernels});
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

// One layer's buffers; made when a benchmark of the layer begins, and only kept until another layer's does.
class LayerData {
 public:
  explicit LayerData(const ConvShape& s)
      : shape_(s),
        values_(made_up<float>(s.x_size())),
        gradient_(made_up<float>(s.y_size())),
        weight_(made_up<float>(s.w_size())),
        bias_(made_up<float>(s.k)),
        x_(values_),
        dy_(gradient_),
        y_(gradient_),
        dx_(values_),
        dweight_(s.w_size()),
        dbias_(s.k) {
    for (ConvPass pass : {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight})
      for (const Algorithm& a : algorithms(s, pass)) bytes_ = std::max(bytes_, a.kernels->workspace(s, pass));
    memory_.resize(bytes_ + 64);
  }

  void run(const Kernels& k, ConvPass pass, const float* x, const float* dy, float* y, float* dx) {
    void* const workspace = memory_.data() + (64 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 64) % 64;
    if (pass == ConvPass::forward) k.forward({}, shape_, x, weight_.data(), bias_.data(), y, workspace);
    if (pass == ConvPass::grad_input) k.grad_input({}, shape_, dy, weight_.data(), dx, workspace);
    if (pass == ConvPass::grad_weight) k.grad_weight({}, shape_, x, dy, dweight_.data(), dbias_.data(), workspace);
  }
  void run(const Kernels& k, ConvPass pass) { run(k, pass, x_.next(), dy_.next(), y_.next(), dx_.next()); }

  void check(const std::string& what, const Kernels& k, ConvPass pass) {
    const ConvShape& s = shape_;
    const Kernels& naive = Kernels::cpu(Variant::naive);
    ConvShape one = s;
    one.n = 1;
    const std::int64_t x_image = one.x_size(), y_image = one.y_size();
    std::vector<float> y(s.y_size()), dx(s.x_size()), some(s.y_size()), dweight(s.w_size()), dbias(s.k);
    const std::vector<std::int64_t> images{0, s.n / 2, s.n - 1};
    for (std::int64_t n : images) std::copy_n(&gradient_[n * y_image], y_image, &some[n * y_image]);
    run(k, pass, values_.data(), some.data(), y.data(), dx.data());
    std::vector<float> part(std::max(x_image, y_image)), bias_part(s.k), weight_part(s.w_size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::int64_t n = images[i];
      const float *x = &values_[n * x_image], *dy = &gradient_[n * y_image];
      if (pass == ConvPass::forward) {
        naive.forward({}, one, x, weight_.data(), bias_.data(), part.data(), nullptr);
        compare(what, &y[n * y_image], part.data(), y_image, 1e-5 * s.c * s.kh);
      } else if (pass == ConvPass::grad_input) {
        naive.grad_input({}, one, dy, weight_.data(), part.data(), nullptr);
        compare(what, &dx[n * x_image], part.data(), x_image, 1e-5 * s.k * s.kh);
      } else if (i == 0 || n != images[i - 1]) {
        naive.grad_weight({}, one, x, dy, weight_part.data(), bias_part.data(), nullptr);
        for (std::size_t j = 0; j < dweight.size(); ++j) dweight[j] += weight_part[j];
        for (std::size_t j = 0; j < dbias.size(); ++j) dbias[j] += bias_part[j];
      }
    }
    if (pass != ConvPass::grad_weight) return;
    const double tolerance = 1e-4 * std::sqrt(static_cast<double>(y_image / s.k)) + 1e-5;
    compare(what, dweight_.data(), dweight.data(), s.w_size(), tolerance);
    compare(what + " dbias", dbias_.data(), dbias.data(), s.k, tolerance);
  }

 private:
  ConvShape shape_;
  std::vector<float> values_, gradient_, weight_, bias_;
  Rotating<float> x_, dy_, y_, dx_;
  std::vector<float> dweight_, dbias_;
  std::size_t bytes_ = 0;
  std::vector<char> memory_;
};

void add_layer(const std::string& layer, const ConvShape& s) {
  static std::map<std::string, bool> checked;
  static std::unique_ptr<LayerData> data;
  static std::string whose;
  constexpr const char* names[] = {"forward", "grad_input", "grad_weight"};
  for (ConvPass pass : {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight}) {
    const double moved = static_cast<double>(s.x_size() + s.y_size() + s.w_size());
    const Work work{.bytes = 4 * moved, .flops = 2.0 * s.c / s.groups * s.kh * s.kw * static_cast<double>(s.y_size())};
    for (const Algorithm& a : algorithms(s, pass))
      for (int threads : {1, 2}) {
        const std::string what = std::string(names[static_cast<int>(pass)]) + "/" + layer + "/" + a.name;
        const auto body = [=](benchmark::State& state) {
          if (whose != layer) data.reset(), data = std::make_unique<LayerData>(s), whose = layer;
          if (!checked[what]) data->check(what, *a.kernels, pass);
          checked[what] = true;
          set_num_threads(threads);
          for (auto _ : state) data->run(*a.kernels, pass);
          set_num_threads(0);
          set_rates(state, work, threads);
        };
        benchmark::RegisterBenchmark((what + "/threads:" + std::to_string(threads)).c_str(), body)->UseRealTime();
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
