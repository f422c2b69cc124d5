// Stochastic gradient descent with momentum, as in PyTorch.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/optim/optimizer.hpp"

HD_API_BEGIN
namespace heddle::optim {

/// g += weight_decay * p; b = momentum * b + (1 - dampening) * g (b = g the first time); p -= lr * b, or with nesterov
/// p -= lr * (g + momentum * b). Sutskever et al., ICML 2013, without the learning rate in b.
struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

class SGD : public Optimizer {
 public:
  /// Error for negative settings, or nesterov without momentum or with dampening.
  explicit SGD(const std::vector<Tensor>& parameters, const SGDOptions& options = {});
  void add_param_group(const std::vector<Tensor>& parameters, const SGDOptions& options);
  const SGDOptions& options(int group = 0) const;

  void step() override;
  void before_replay() override;
  double lr(int group = 0) const override;
  using Optimizer::set_lr;
  void set_lr(int group, double lr) override;
  double momentum(int group = 0) const override;
  using Optimizer::set_momentum;
  void set_momentum(int group, double momentum) override;

 private:
  std::vector<std::string> buffer_names() const override;
  std::map<std::string, double> settings(int group) const override;
  void set_settings(int group, const std::map<std::string, double>& values) override;

  std::vector<SGDOptions> options_;
};

}  // namespace heddle::optim
HD_API_END
