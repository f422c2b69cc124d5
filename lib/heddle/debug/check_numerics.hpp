// A watch for numbers that are not finite: it names the first layer and pass where they appear.
//
//     {
//       debug::CheckNumerics watch(net);
//       loss = cross_entropy(net(images), labels);   // Error: [stages.0.1] [forward] expected finite numbers ...
//       loss.backward();                             // Error: [stages.0.0] [backward] expected finite gradients ...
//     }
//
// As torch.autograd.set_detect_anomaly, with layers' names. It looks at what every layer makes, on the way forward and back,
// and waits for the device each time: for the search, not for the training. Without one nothing is looked at.
#pragma once

#include <string>

#include "heddle/base/export.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::debug {

/// Works on the thread that made it, until it goes away. Layers stay fused as they are: of neighbours that run as one op, all
/// are named.
class CheckNumerics : public Observer {
 public:
  CheckNumerics() : watch_(*this) {}
  /// With a network, an Error also says which parameters of the layer were not finite before it ran.
  explicit CheckNumerics(nn::Module& net) : net_(&net), watch_(*this) {}

  void enter(const Label& label, const Tensor& input) override;
  void output(const Label& label, const Tensor& y) override;
  void leave(const Label& label) override;
  void enter_backward(std::string_view op, const Label* label, const Tensor& dy) override;
  void leave_backward(std::string_view op, const Label* label, const std::vector<Tensor>& grads) override;

 private:
  std::string bad_parameters(const Label& label) const;

  nn::Module* net_ = nullptr;
  int depth_ = 0;
  Watch watch_;
};

/// Whether all elements are finite; true for integers. Waits for the device.
bool all_finite(const Tensor& t);
/// "3 NaN and 1 infinite of 4,096 values".
std::string count_non_finite(const Tensor& t);

}  // namespace heddle::debug
HD_API_END
