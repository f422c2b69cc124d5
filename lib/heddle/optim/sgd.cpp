#include "heddle/optim/sgd.hpp"

#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/optim/buckets.hpp"

namespace heddle::optim {
namespace {

void validate(const SGDOptions& o) {
  check(o.lr >= 0, "SGD", "expected lr of 0 or more, got {}", o.lr);
  check(o.momentum >= 0, "SGD", "expected momentum of 0 or more, got {}", o.momentum);
  check(o.weight_decay >= 0, "SGD", "expected weight_decay of 0 or more, got {}", o.weight_decay);
  check(!o.nesterov || (o.momentum > 0 && o.dampening == 0), "SGD",
        "expected momentum above 0 and dampening 0 for nesterov, got {} and {}", o.momentum, o.dampening);
}

}  // namespace

SGD::SGD(const std::vector<Tensor>& parameters, const SGDOptions& options) {
  add_param_group(parameters, options);
}

void SGD::add_param_group(const std::vector<Tensor>& parameters, const SGDOptions& options) {
  validate(options);
  add_group(parameters, "SGD");
  options_.push_back(options);
}

const SGDOptions& SGD::options(int group) const {
  check_group(group);
  return options_[static_cast<std::size_t>(group)];
}

double SGD::lr(int group) const {
  return options(group).lr;
}
double SGD::momentum(int group) const {
  return options(group).momentum;
}

void SGD::set_lr(int group, double lr) {
  check_group(group);
  options_[static_cast<std::size_t>(group)].lr = lr;
}

void SGD::set_momentum(int group, double momentum) {
  check_group(group);
  options_[static_cast<std::size_t>(group)].momentum = momentum;
}

namespace {
kernels::SgdOptions kernel_options(const SGDOptions& o, bool first_step) {
  return {.lr = o.lr,
          .momentum = o.momentum,
          .dampening = o.dampening,
          .weight_decay = o.weight_decay,
          .nesterov = o.nesterov,
          .first_step = first_step};
}
}  // namespace

void SGD::step() try {
  const Scope scope("optimizer", "SGD");
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const SGDOptions& o = options_[g];
    std::size_t number = 0;
    for (const auto& bucket : detail::buckets_of(groups_[g], "SGD.step")) {
      if (o.momentum != 0 && bucket.fresh)
        for (auto* slot : bucket.slots) slot->buffer0 = empty_like(slot->parameter);
      mark_written(bucket);
      visit_floating(bucket.dtype, "SGD.step", [&]<class T>(TypeTag<T>) {
        auto slices = detail::slices_of<T>(bucket);
        if (o.momentum == 0)  // a buffer of earlier steps, when there was momentum, waits untouched
          for (auto& slice : slices) slice.state0 = nullptr;
        kernels_for<kernels::OptimKernels<T>>(bucket.device)
            .sgd(backend::current_stream(bucket.device), static_cast<int>(slices.size()), slices.data(),
                 kernel_options(o, bucket.fresh),
                 detail::live_options<kernels::SgdOptions>(live_, static_cast<int>(g), number, bucket));
      });
      ++number;
    }
  }
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("SGD.step");
}

void SGD::before_replay() {
  detail::write_live_options(live_, [&](const detail::LiveSettings& l) { return kernel_options(options(l.group), false); });
}

std::vector<std::string> SGD::buffer_names() const {
  return {"momentum_buffer"};
}

std::map<std::string, double> SGD::settings(int group) const {
  const SGDOptions& o = options(group);
  return {{"lr", o.lr},
          {"momentum", o.momentum},
          {"dampening", o.dampening},
          {"weight_decay", o.weight_decay},
          {"nesterov", o.nesterov ? 1 : 0}};
}

void SGD::set_settings(int group, const std::map<std::string, double>& values) {
  options_[static_cast<std::size_t>(group)] = {.lr = values.at("lr"),
                                               .momentum = values.at("momentum"),
                                               .dampening = values.at("dampening"),
                                               .weight_decay = values.at("weight_decay"),
                                               .nesterov = values.at("nesterov") != 0};
}

}  // namespace heddle::optim
