// Adam (Kingma and Ba, ICLR 2015) and AdamW (Loshchilov and Hutter, ICLR 2019), as in PyTorch.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/optim/optimizer.hpp"

HD_API_BEGIN
namespace heddle::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
};

/// A type of its own for its own default: what names only lr still decays.
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
};

/// What Adam and AdamW share.
class AdamBase : public Optimizer {
 public:
  void step() override;
  void before_replay() override;
  double lr(int group = 0) const override;
  using Optimizer::set_lr;
  void set_lr(int group, double lr) override;
  double momentum(int group = 0) const override;
  using Optimizer::set_momentum;
  void set_momentum(int group, double momentum) override;

 protected:
  AdamBase(bool decoupled, const char* name) : decoupled_(decoupled), name_(name) {}
  void add(const std::vector<Tensor>& parameters, const AdamOptions& options);
  const AdamOptions& group_options(int group) const;

 private:
  std::vector<std::string> buffer_names() const override;
  std::map<std::string, double> settings(int group) const override;
  void set_settings(int group, const std::map<std::string, double>& values) override;

  std::vector<AdamOptions> options_;
  bool decoupled_;
  const char* name_;
};

/// Weight decay is added to the gradient.
class Adam : public AdamBase {
 public:
  /// Error for negative settings or betas outside [0, 1).
  explicit Adam(const std::vector<Tensor>& parameters, const AdamOptions& options = {});
  void add_param_group(const std::vector<Tensor>& parameters, const AdamOptions& options);
  const AdamOptions& options(int group = 0) const { return group_options(group); }
};

/// Weight decay shrinks the parameters directly, by lr * weight_decay of themselves a step.
class AdamW : public AdamBase {
 public:
  /// Error for negative settings or betas outside [0, 1).
  explicit AdamW(const std::vector<Tensor>& parameters, const AdamWOptions& options = {});
  void add_param_group(const std::vector<Tensor>& parameters, const AdamWOptions& options);
  AdamWOptions options(int group = 0) const;
};

}  // namespace heddle::optim
HD_API_END
