#include "model.hpp"

namespace cifar10 {

using namespace heddle;

Tensor Net::forward(const Tensor& x) {
  Tensor y = x;
  std::vector<Tensor> kept(skips_.size());
  for (int i = 0; i < static_cast<int>(stages_.size()); ++i) {
    for (std::size_t s = 0; s < skips_.size(); ++s)
      if (skips_[s].from == i) kept[s] = y;
    y = (*stages_[static_cast<std::size_t>(i)])(y);
    for (std::size_t s = 0; s < skips_.size(); ++s)
      if (skips_[s].to == i) y = y + std::exchange(kept[s], {});
  }
  return y.flatten(1);
}

void Net::members(nn::Members& m) {
  for (std::size_t i = 0; i < stages_.size(); ++i) m.module("stages." + std::to_string(i), *stages_[i]);
}

nn::Conv2d conv(int in, int out, int kernel, bool bias) {
  return nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = kernel, .padding = (kernel - 1) / 2, .bias = bias});
}

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> all = {transition(), dilated(), residual(), bottleneck(), compact()};
  return all;
}

const Architecture& find_architecture(const std::string& name) {
  std::string known;
  for (const auto& a : architectures()) {
    if (a.name == name) return a;
    known += (known.empty() ? "" : ", ") + std::string(a.name);
  }
  fail("arch", "expected one of " + known + ", got '" + name + "'");
}

Norm find_norm(const Architecture& architecture, const std::string& name) {
  std::string known;
  for (Norm norm : architecture.norms) {
    if (name_of(norm) == name) return norm;
    known += (known.empty() ? "" : ", ") + std::string(name_of(norm));
  }
  fail("norm", "expected one of " + known + " for " + architecture.name + ", got '" + name + "'");
}

const char* name_of(Norm norm) { return norm == Norm::batch ? "batch" : norm == Norm::group ? "group" : "layer"; }

}  // namespace cifar10
