// What all optimizers share: groups of parameters with settings of their own, and state that can be saved and restored.
//
// A step reads the gradients that backward() left in the parameters and writes the parameters in place, all parameters of
// a group in one kernel call. Parameters without a gradient are skipped, as in PyTorch. A parameter that has moved to another
// device or type since (nn::Module::to) is the same parameter: its state follows at the next step.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::optim {

/// An optimizer's state, named as in PyTorch: buffers like "state.3.momentum_buffer" (3: the parameter's place, counted
/// through all groups), and numbers like "state.3.step" and "param_groups.0.lr". Restoring it continues to the same bits.
struct StateDict {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, double> numbers;
};

namespace detail {
/// A parameter and what its optimizer keeps for it; buffers are undefined before they are first needed.
struct Slot {
  Tensor parameter;
  Tensor buffer0, buffer1;
  std::int64_t step = 0;  ///< updates so far, where the optimizer counts them
};

/// Where a recorded step (heddle/core/graph.hpp) reads the settings of some slots of a group.
struct LiveSettings {
  int group;
  std::size_t bucket;  ///< which kernel call of the group
  std::vector<Slot*> slots;
  Tensor memory;
  std::vector<const void*> places;  ///< where the slots' parameters lay when the step was recorded
};
}  // namespace detail

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter that has a gradient.
  virtual void step() = 0;
  /// The host's part of a step that a StepGraph replays: counts the step, and writes its settings to where the recording reads
  /// them; nothing waits. Error where no step was recorded, load_state_dict has replaced what it works on, or a parameter has
  /// moved since.
  virtual void before_replay() = 0;
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
  /// Error that lists names that are missing, unexpected, or of another type or shape; then nothing is changed.
  void load_state_dict(const StateDict& state);

 protected:
  Optimizer() = default;
  /// Appends a group. Error for a parameter that is no dense leaf of floating-point type, or is there already.
  void add_group(const std::vector<Tensor>& parameters, std::string_view where);
  void check_group(int group) const;

  /// Names of a slot's buffers: of the first alone, or of both.
  virtual std::vector<std::string> buffer_names() const = 0;
  /// A group's settings by name.
  virtual std::map<std::string, double> settings(int group) const = 0;
  virtual void set_settings(int group, const std::map<std::string, double>& values) = 0;

  std::vector<std::vector<detail::Slot>> groups_;
  std::vector<detail::LiveSettings> live_;
};

/// Scales all gradients by one factor so that their norm, as of one vector, is at most max_norm. Returns the norm before, a
/// float64 tensor of one element on the parameters' device: nothing waits for the device until it is read. Error when
/// parameters are of several types or devices. Ordering: after backward(), before step().
Tensor clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm);

/// Cuts every element of all gradients to [-clip_value, clip_value], in place; NaN stays NaN. Parameters without a gradient are
/// left out. Error for a clip_value below 0. Ordering: after backward(), before step().
void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value);

}  // namespace heddle::optim
HD_API_END
