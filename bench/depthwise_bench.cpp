// Depthwise convolution over the layers of the dilated system at batch 128, and a few larger ones. Bytes are the least that must
// move; "% roofline" holds them against this machine's copy bandwidth.
#include <memory>

#include "bench/support.hpp"
#include "kernels/depthwise/depthwise.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

void compare(const std::string& name, const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  for (std::size_t i = 0; i < want.size(); ++i) require_near(name, got[i], want[i], tolerance);
}

void add_depthwise(const std::string& layer, ConvShape s) {
  s.groups = s.c;
  const auto& k = DepthwiseKernels<float>::cpu();
  const auto& naive = DepthwiseKernels<float>::cpu(Variant::naive);
  const auto values = made_up<float>(s.x_size()), gradient = made_up<float>(s.y_size());
  auto weight = std::make_shared<std::vector<float>>(made_up<float>(s.w_size())), dweight = std::make_shared<std::vector<float>>(s.w_size());
  auto workspace = std::make_shared<std::vector<double>>(k.workspace(s, ConvPass::grad_weight) / sizeof(double) + 1);
  std::vector<float> y(s.y_size()), y2 = y, dx(s.x_size()), dx2 = dx, dw(s.w_size());
  naive.forward({}, s, values.data(), weight->data(), nullptr, y.data(), nullptr);
  k.forward({}, s, values.data(), weight->data(), nullptr, y2.data(), nullptr);
  compare(layer + " forward", y2, y, 1e-5);
  naive.grad_input({}, s, gradient.data(), weight->data(), dx.data(), nullptr);
  k.grad_input({}, s, gradient.data(), weight->data(), dx2.data(), nullptr);
  compare(layer + " grad_input", dx2, dx, 1e-5);
  naive.grad_weight({}, s, values.data(), gradient.data(), dw.data(), nullptr, nullptr);
  k.grad_weight({}, s, values.data(), gradient.data(), dweight->data(), nullptr, workspace->data());
  compare(layer + " grad_weight", *dweight, dw, 2e-3);

  auto x = std::make_shared<Rotating<float>>(values), dy = std::make_shared<Rotating<float>>(gradient);
  auto to = std::make_shared<Rotating<float>>(y), back = std::make_shared<Rotating<float>>(dx);
  const Work work{.bytes = 4.0 * static_cast<double>(s.x_size() + s.y_size()), .flops = 2.0 * s.kh * s.kw * static_cast<double>(s.y_size())};
  add("forward/" + layer, work, [=, &k] { k.forward({}, s, x->next(), weight->data(), nullptr, to->next(), nullptr); });
  add("grad_input/" + layer, work, [=, &k] { k.grad_input({}, s, dy->next(), weight->data(), back->next(), nullptr); });
  add("grad_weight/" + layer, work, [=, &k] { k.grad_weight({}, s, x->next(), dy->next(), dweight->data(), nullptr, workspace->data()); });
}

ConvShape shape(int n, int c, int size) {
  ConvShape s;
  s.n = n, s.c = s.k = c, s.h = s.w = size, s.kh = s.kw = 3, s.pad_h = s.pad_w = 1;
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  add_depthwise("dilated 64@16", shape(128, 64, 16));
  add_depthwise("dilated 32@4", shape(128, 32, 4));
  add_depthwise("64@32", shape(128, 64, 32));
  add_depthwise("256@14", shape(32, 256, 14));
  add_depthwise("32@112", shape(8, 32, 112));
  ConvShape strided = shape(32, 64, 56);
  strided.stride_h = strided.stride_w = 2;
  add_depthwise("64@56, stride 2", strided);
  ConvShape wide = shape(32, 64, 28);
  wide.kh = wide.kw = 5, wide.pad_h = wide.pad_w = 2;
  add_depthwise("64@28, 5 x 5", wide);
  return run(argc, argv);
}
