// What all optimizers share: groups of parameters with settings of their own, and state that can be saved and restored.
//
// A step reads the gradients that backward() left in the parameters and writes the parameters in place, all parameters of
// a group in one kernel call. Parameters without a gradient are skipped, as in PyTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "heddle/core/tensor.hpp"

namespace heddle::optim {

/// An optimizer's state: buffers as "state.3.momentum_buffer" (3: the parameter's place, counted through all groups), and
/// numbers as "state.3.step" and "param_groups.0.lr". Restoring it continues to the same bits.
struct StateDict {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, double> numbers;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter that has a gradient.
  virtual void step() = 0;
  /// Drops all gradients: grad() of every parameter is undefined until the next backward().
  void zero_grad();

  int num_groups() const { return static_cast<int>(groups_.size()); }
  /// Parameters of one group, or of all in order.
  std::vector<Tensor> parameters(int group) const;
  std::vector<Tensor> parameters() const;

  virtual double lr(int group = 0) const = 0;
  virtual void set_lr(int group, double lr) = 0;
  /// For all groups.
  void set_lr(double lr);
  /// What schedules cycle as momentum: SGD's momentum, Adam's beta1.
  virtual double momentum(int group = 0) const = 0;
  virtual void set_momentum(int group, double momentum) = 0;
  void set_momentum(double momentum);

  /// A copy of buffers and numbers; later steps don't change it.
  StateDict state_dict() const;
  /// Error that lists names that are missing, unexpected, or of another shape; then nothing is changed.
  void load_state_dict(const StateDict& state);

 protected:
  /// A parameter and what the optimizer keeps for it; buffers are undefined before its first step.
  struct Slot {
    Tensor parameter;
    Tensor state0, state1;
    std::int64_t step = 0;
  };

  Optimizer() = default;
  /// Appends a group. Error for a parameter that is no dense leaf that requires a gradient, or is there already.
  void add_group(const std::vector<Tensor>& parameters, const char* where);

  /// Names of state0 and state1, empty for a buffer that the optimizer does not have.
  virtual std::vector<std::string> buffer_names() const = 0;
  /// The group's numbers by name, as references.
  virtual std::map<std::string, double*> numbers(int group) = 0;

  std::vector<std::vector<Slot>> groups_;
};

/// Scales all gradients by one factor so that their norm, as of one vector, is at most max_norm. Returns the norm before, a
/// float64 tensor of one element on the parameters' device: nothing waits for the device until it is read. Error when
/// parameters are of several types or devices. Ordering: after backward(), before step().
Tensor clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm);

}  // namespace heddle::optim
