#include "heddle/debug/grad_cam.hpp"

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/nn/layer_watch.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle::debug {
namespace {

constexpr std::string_view where = "grad_cam";

bool is_image(const Tensor& y) {
  return y.dim() == 4 && y.size(2) * y.size(3) > 1;
}

nn::Module& find_layer(nn::Module& net, const std::string& wanted) {
  std::string known;
  for (const auto& [path, module] : net.named_modules()) {
    if (path.empty()) continue;
    if (path == wanted) return *module;
    known += (known.empty() ? "" : ", ") + path;
  }
  fail(where, strings::format("expected the name of a layer ({}), got '{}'", known, wanted));
}

// Parameters that want no gradient for a while: only the image's way back is walked.
class Frozen {
 public:
  explicit Frozen(nn::Module& net) {
    for (Tensor& p : net.parameters())
      if (p.requires_grad()) parameters_.push_back(p);
    for (Tensor& p : parameters_) p.requires_grad_(false);  // once nothing can fail any more
  }
  ~Frozen() {
    for (Tensor& p : parameters_) p.requires_grad_();
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  std::vector<Tensor> parameters_;
};

std::vector<std::int64_t> checked(const std::vector<std::int64_t>& classes, const Tensor& logits) {
  if (classes.empty()) return argmax(logits.detach(), 1).to_vector<std::int64_t>();
  check(static_cast<std::int64_t>(classes.size()) == logits.size(0), where, "expected a class for each of {} images, got {}",
        logits.size(0), classes.size());
  for (std::int64_t c : classes)
    check(c >= 0 && c < logits.size(1), where, "expected classes from 0 to {}, got {}", logits.size(1) - 1, c);
  return classes;
}

}  // namespace

std::string last_spatial_layer(nn::Module& net, const Tensor& images) {
  const nn::ModeGuard mode(net, false);
  std::string last;
  auto layers = nn::leaf_modules(net);
  std::erase_if(layers, [](const auto& layer) { return layer.first.empty(); });
  const nn::LayerWatch watch(layers, [&](const std::string& path, nn::Module&, const Tensor&, const Tensor& y) {
    if (is_image(y)) last = path;
  });
  no_grad([&] { net(images); });
  check(!last.empty(), where, "expected a layer whose output has more than one pixel, got none for images {}",
        images.shape().str());
  return last;
}

GradCam grad_cam(nn::Module& net, const Tensor& images, const GradCamOptions& options) {
  check(images.dim() == 4 && images.size(0) > 0, where, "expected images [n, c, h, w], got {}", images.shape().str());
  GradCam result;
  result.layer = options.layer.empty() ? last_spatial_layer(net, images.slice(0, 0, 1)) : options.layer;
  nn::Module& layer = find_layer(net, result.layer);
  const nn::ModeGuard mode(net, false);
  const Frozen frozen(net);
  Tensor activation;
  const nn::LayerWatch watch({{result.layer, &layer}}, [&](const std::string&, nn::Module&, const Tensor&, const Tensor& y) {
    activation = y;
    if (y.requires_grad()) activation.retain_grad();
  });
  Tensor x = images.detach();
  x.requires_grad_();
  const Tensor logits = net(x);
  check(logits.dim() == 2, where, "expected a network that gives logits [n, classes], got {}", logits.shape().str());
  check(activation.defined(), where, "expected a layer that runs, got '{}', which the network does not call", result.layer);
  check(is_image(activation), where, "expected a layer whose output is an image of more than one pixel, got {} from '{}'",
        activation.shape().str(), result.layer);
  result.classes = checked(options.classes, logits);

  std::vector<float> chosen(static_cast<std::size_t>(logits.numel()));
  for (std::size_t i = 0; i < result.classes.size(); ++i)
    chosen[i * static_cast<std::size_t>(logits.size(1)) + static_cast<std::size_t>(result.classes[i])] = 1;
  logits.backward(tensor(chosen, logits.shape()).to(logits.dtype()).to(logits.device()));
  const Tensor gradient = activation.grad();
  check(gradient.defined(), where, "expected a layer that the answer depends on, got '{}'", result.layer);
  result.logits = logits.detach();
  result.maps = no_grad([&] { return relu(sum(activation.detach() * mean(gradient, {2, 3}, true), {1})); });
  return result;
}

}  // namespace heddle::debug
