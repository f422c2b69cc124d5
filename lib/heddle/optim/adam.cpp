#include "heddle/optim/adam.hpp"

#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/optim/buckets.hpp"

namespace heddle::optim {
namespace {

void validate(const AdamOptions& o, const char* name) {
  check(o.lr >= 0, name, "expected lr of 0 or more, got {}", o.lr);
  check(o.beta1 >= 0 && o.beta1 < 1, name, "expected beta1 in [0, 1), got {}", o.beta1);
  check(o.beta2 >= 0 && o.beta2 < 1, name, "expected beta2 in [0, 1), got {}", o.beta2);
  check(o.eps >= 0, name, "expected eps of 0 or more, got {}", o.eps);
  check(o.weight_decay >= 0, name, "expected weight_decay of 0 or more, got {}", o.weight_decay);
}

}  // namespace

void AdamBase::add(const std::vector<Tensor>& parameters, const AdamOptions& options) {
  validate(options, name_);
  add_group(parameters, name_);
  options_.push_back(options);
}

const AdamOptions& AdamBase::group_options(int group) const {
  check_group(group);
  return options_[static_cast<std::size_t>(group)];
}

Adam::Adam(const std::vector<Tensor>& parameters, const AdamOptions& options) : AdamBase(false, "Adam") {
  add(parameters, options);
}
void Adam::add_param_group(const std::vector<Tensor>& parameters, const AdamOptions& options) { add(parameters, options); }

AdamW::AdamW(const std::vector<Tensor>& parameters, const AdamWOptions& options) : AdamBase(true, "AdamW") {
  add_param_group(parameters, options);
}
void AdamW::add_param_group(const std::vector<Tensor>& parameters, const AdamWOptions& o) {
  add(parameters, {.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .weight_decay = o.weight_decay});
}
AdamWOptions AdamW::options(int group) const {
  const AdamOptions& o = group_options(group);
  return {.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .weight_decay = o.weight_decay};
}

double AdamBase::lr(int group) const {
  return group_options(group).lr;
}
double AdamBase::momentum(int group) const {
  return group_options(group).beta1;
}

void AdamBase::set_lr(int group, double lr) {
  check_group(group);
  options_[static_cast<std::size_t>(group)].lr = lr;
}

void AdamBase::set_momentum(int group, double momentum) {
  check_group(group);
  options_[static_cast<std::size_t>(group)].beta1 = momentum;
}

namespace {
kernels::AdamOptions kernel_options(const AdamOptions& o, bool decoupled, std::int64_t step) {
  return {.lr = o.lr,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .eps = o.eps,
          .weight_decay = o.weight_decay,
          .decoupled = decoupled,
          .step = step};
}
}  // namespace

void AdamBase::step() try {
  const Scope scope("optimizer", name_);
  const bool recording = detail::step_phase() == detail::StepPhase::recording;  // then before_replay() counts
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const AdamOptions& o = options_[g];
    std::size_t number = 0;
    for (const auto& bucket : detail::buckets_of(groups_[g], name_)) {
      for (auto* slot : bucket.slots) {
        if (bucket.fresh) {
          slot->buffer0 = zeros_like(slot->parameter);
          slot->buffer1 = zeros_like(slot->parameter);
        }
        if (!recording) ++slot->step;
      }
      mark_written(bucket);
      visit_floating(bucket.dtype, name_, [&]<class T>(TypeTag<T>) {
        const auto slices = detail::slices_of<T>(bucket);
        kernels_for<kernels::OptimKernels<T>>(bucket.device)
            .adam(backend::current_stream(bucket.device), static_cast<int>(slices.size()), slices.data(),
                  kernel_options(o, decoupled_, bucket.step + 1),
                  detail::live_options<kernels::AdamOptions>(live_, static_cast<int>(g), number, bucket));
      });
      ++number;
    }
  }
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory(name_, "a step");
}

void AdamBase::before_replay() {
  detail::write_live_options(live_, [&](const detail::LiveSettings& l) {
    for (detail::Slot* slot : l.slots) ++slot->step;
    return kernel_options(group_options(l.group), decoupled_, l.slots.front()->step);
  });
}

std::vector<std::string> AdamBase::buffer_names() const {
  return {"exp_avg", "exp_avg_sq"};
}

std::map<std::string, double> AdamBase::settings(int group) const {
  const AdamOptions& o = group_options(group);
  return {{"lr", o.lr}, {"beta1", o.beta1}, {"beta2", o.beta2}, {"eps", o.eps}, {"weight_decay", o.weight_decay}};
}

void AdamBase::set_settings(int group, const std::map<std::string, double>& values) {
  options_[static_cast<std::size_t>(group)] = {.lr = values.at("lr"),
                                               .beta1 = values.at("beta1"),
                                               .beta2 = values.at("beta2"),
                                               .eps = values.at("eps"),
                                               .weight_decay = values.at("weight_decay")};
}

}  // namespace heddle::optim
