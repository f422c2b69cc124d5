// Depthwise convolution over the layers of the dilated system at batch 128, and a few larger ones. Bytes are the least that
// must move; "% roofline" holds them against the device's copy bandwidth.
#include "bench/support.hpp"
#include "kernels/depthwise/depthwise.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = DepthwiseKernels<float>;

Work work_of(const ConvShape& s) {
  return {.bytes = 4.0 * static_cast<double>(s.x_size() + s.y_size()),
          .flops = 2.0 * s.kh * s.kw * static_cast<double>(s.y_size())};
}

void add_depthwise(const std::string& layer, ConvShape full) {
  full.groups = full.c;
  const auto shape = [=](const Backend<Kernels>& b) {
    ConvShape s = full;
    s.n = sized(b, s.n, 2), s.h = sized(b, s.h, 16), s.w = sized(b, s.w, 16);
    return s;
  };
  add<Kernels>("forward/" + layer, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const ConvShape s = shape(b);
    const auto values = made_up<float>(s.x_size()), weights = made_up<float>(s.w_size());
    const Rotating<float> x(b.where, values), y(b.where, s.y_size());
    const Fixed<float> weight(b.where, weights);
    k.forward({}, s, x.next(), weight, nullptr, y.next(), nullptr);
    std::vector<float> want(s.y_size());
    reference<Kernels>().forward({}, s, values.data(), weights.data(), nullptr, want.data(), nullptr);
    require_near(layer + " forward", y.host(), want, 1e-5);
    return Ready{work_of(s), [=, &k](Stream stream) { k.forward(stream, s, x.next(), weight, nullptr, y.next(), nullptr); }};
  });
  add<Kernels>("grad_input/" + layer, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const ConvShape s = shape(b);
    const auto gradient = made_up<float>(s.y_size(), -1, 1, 2), weights = made_up<float>(s.w_size());
    const Rotating<float> dy(b.where, gradient), dx(b.where, s.x_size());
    const Fixed<float> weight(b.where, weights);
    k.grad_input({}, s, dy.next(), weight, dx.next(), nullptr);
    std::vector<float> want(s.x_size());
    reference<Kernels>().grad_input({}, s, gradient.data(), weights.data(), want.data(), nullptr);
    require_near(layer + " grad_input", dx.host(), want, 1e-5);
    return Ready{work_of(s), [=, &k](Stream stream) { k.grad_input(stream, s, dy.next(), weight, dx.next(), nullptr); }};
  });
  add<Kernels>("grad_weight/" + layer, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const ConvShape s = shape(b);
    const auto values = made_up<float>(s.x_size()), gradient = made_up<float>(s.y_size(), -1, 1, 2);
    const Rotating<float> x(b.where, values), dy(b.where, gradient);
    const Fixed<float> dweight(b.where, s.w_size());
    const Workspace workspace(b.where, static_cast<std::int64_t>(k.workspace(s, ConvPass::grad_weight)));
    k.grad_weight({}, s, x.next(), dy.next(), dweight, nullptr, workspace);
    std::vector<float> want(s.w_size());
    reference<Kernels>().grad_weight({}, s, values.data(), gradient.data(), want.data(), nullptr, nullptr);
    require_near(layer + " grad_weight", dweight.host(), want, 2e-3);
    return Ready{work_of(s),
                 [=, &k](Stream stream) { k.grad_weight(stream, s, x.next(), dy.next(), dweight, nullptr, workspace); }};
  });
}

ConvShape shape(int n, int c, int size) {
  ConvShape s;
  s.n = n, s.c = s.k = c, s.h = s.w = size, s.kh = s.kw = 3, s.pad_h = s.pad_w = 1;
  return s;
}

void add_all() {
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
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
