#include "heddle/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/optim/buckets.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle::optim {

void Optimizer::check_group(int group) const {
  check(group >= 0 && group < num_groups(), "optimizer", "expected a parameter group below {}, got {}", num_groups(), group);
}

void Optimizer::add_group(const std::vector<Tensor>& parameters, std::string_view where) {
  std::vector<detail::Slot> group;
  const auto is = [](const Tensor& p) { return [&p](const detail::Slot& slot) { return slot.parameter.impl() == p.impl(); }; };
  check(!parameters.empty(), where, "expected at least one parameter, got none");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i];
    check(p.defined(), where, "expected parameters, got an undefined tensor at place {}", i);
    check(is_floating_point(p.dtype()), where, "expected parameters of float32 or float64, got {} at place {}",
          name_of(p.dtype()), i);
    check(p.is_leaf(), where, "expected leaves, got the result of an op at place {}", i);
    check(p.is_contiguous(), where, "expected dense parameters, got strides {} for shape {} at place {}", p.strides().str(),
          p.shape().str(), i);
    const auto here = [&](const auto& slots) { return std::any_of(slots.begin(), slots.end(), is(p)); };
    check(!here(group) && std::none_of(groups_.begin(), groups_.end(), here), where,
          "expected each parameter once, got one of shape {} again at place {}", p.shape().str(), i);
    group.push_back({.parameter = p, .buffer0 = {}, .buffer1 = {}});
  }
  groups_.push_back(std::move(group));
}

void Optimizer::zero_grad() {
  for (auto& group : groups_)
    for (auto& slot : group)
      if (slot.parameter.grad().defined()) slot.parameter.set_grad({});
}

std::vector<Tensor> Optimizer::parameters(int group) const {
  check_group(group);
  std::vector<Tensor> all;
  for (const auto& slot : groups_[static_cast<std::size_t>(group)]) all.push_back(slot.parameter);
  return all;
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> all;
  for (const auto& group : groups_)
    for (const auto& slot : group) all.push_back(slot.parameter);
  return all;
}

void Optimizer::set_lr(double lr) {
  for (int group = 0; group < num_groups(); ++group) set_lr(group, lr);
}

void Optimizer::set_momentum(double momentum) {
  for (int group = 0; group < num_groups(); ++group) set_momentum(group, momentum);
}

namespace {

std::string group_prefix(int group) {
  return strings::format("param_groups.{}.", group);
}
std::string slot_prefix(std::size_t place) {
  return strings::format("state.{}.", place);
}

std::string list(const std::vector<std::string>& names) {
  return names.empty() ? "none" : strings::join(names, ", ");
}

Tensor copy_of(const Tensor& source, const Tensor& like) {
  return empty_like(like).copy_(source);
}

}  // namespace

StateDict Optimizer::state_dict() const {
  StateDict state;
  const auto names = buffer_names();
  std::size_t place = 0;
  for (int g = 0; g < num_groups(); ++g) {
    for (const auto& [name, value] : settings(g)) state.numbers[group_prefix(g) + name] = value;
    for (const auto& slot : groups_[static_cast<std::size_t>(g)]) {
      const std::string prefix = slot_prefix(place++);
      // As the next step would find them, where the parameter has moved.
      if (slot.buffer0.defined()) state.tensors[prefix + names[0]] = copy_of(slot.buffer0, slot.parameter);
      if (slot.buffer1.defined()) state.tensors[prefix + names[1]] = copy_of(slot.buffer1, slot.parameter);
      if (slot.step > 0) state.numbers[prefix + "step"] = static_cast<double>(slot.step);
    }
  }
  return state;
}

void Optimizer::load_state_dict(const StateDict& state) {
  constexpr std::string_view where = "optimizer.load_state_dict";
  constexpr double largest_count = 9007199254740992;  // 2^53: a double counts no further
  const auto names = buffer_names();
  std::vector<std::string> missing, misshaped;
  auto tensors = state.tensors;  // what is left of these in the end was not expected
  auto numbers = state.numbers;
  std::vector<std::map<std::string, double>> new_settings;
  auto new_groups = groups_;
  std::size_t place = 0;
  for (int g = 0; g < num_groups(); ++g) {
    auto& values = new_settings.emplace_back(settings(g));
    for (auto& [name, value] : values) {
      const auto found = numbers.extract(group_prefix(g) + name);
      found ? void(value = found.mapped()) : missing.push_back(group_prefix(g) + name);
    }
    for (auto& slot : new_groups[static_cast<std::size_t>(g)]) {
      const std::string prefix = slot_prefix(place++);
      const auto step = numbers.extract(prefix + "step");
      const double steps = step ? step.mapped() : 0;
      check(steps >= 0 && steps <= largest_count && steps == std::floor(steps), where,
            "expected a whole number of updates for {}step, got {}", prefix, steps);
      slot.step = static_cast<std::int64_t>(steps);
      slot.buffer0 = slot.buffer1 = {};
      int found = 0;
      for (std::size_t b = 0; b < names.size(); ++b) {
        auto buffer = tensors.extract(prefix + names[b]);
        if (!buffer) continue;
        ++found;
        const Tensor& source = buffer.mapped();
        const auto kind = [](const Tensor& t) {
          return t.defined() ? strings::format("{} {}", name_of(t.dtype()), t.shape().str()) : "an undefined tensor";
        };
        if (kind(source) != kind(slot.parameter))
          misshaped.push_back(strings::format("{} (expected {}, got {})", prefix + names[b], kind(slot.parameter), kind(source)));
        else
          (b == 0 ? slot.buffer0 : slot.buffer1) = copy_of(source, slot.parameter);
      }
      // Two buffers come together with a count of steps, or not at all.
      if (names.size() == 2 && (found == 1 || (found == 2) != (slot.step > 0)))
        missing.push_back(prefix + "{" + strings::join(names, ", ") + ", step} (one of these)");
    }
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, tensor] : tensors) unexpected.push_back(name);
  for (const auto& [name, number] : numbers) unexpected.push_back(name);
  check(missing.empty() && unexpected.empty() && misshaped.empty(), where,
        "expected the state of this optimizer, got one with missing: {}; unexpected: {}; of another type or shape: {}", list(missing),
        list(unexpected), list(misshaped));
  groups_ = std::move(new_groups);
  live_.clear();
  for (int g = 0; g < num_groups(); ++g) set_settings(g, new_settings[static_cast<std::size_t>(g)]);
}

Tensor clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm) {
  constexpr std::string_view where = "clip_grad_norm_";
  check(max_norm > 0, where, "expected a norm above 0, got {}", max_norm);
  std::vector<detail::Slot> slots;
  for (const Tensor& p : parameters) slots.push_back({.parameter = p, .buffer0 = {}, .buffer1 = {}});
  const auto buckets = detail::buckets_of(slots, where);
  check(buckets.size() <= 1, where, "expected gradients of one type on one device, got several");
  if (buckets.empty()) return zeros({}, {float64, parameters.empty() ? cpu : parameters[0].device()});
  const auto& bucket = buckets[0];
  Tensor norm = empty({}, {float64, bucket.device});
  visit_floating(bucket.dtype, where, [&]<class T>(TypeTag<T>) {
    const auto slices = detail::slices_of<T>(bucket);
    const auto& table = kernels_for<kernels::OptimKernels<T>>(bucket.device);
    const int count = static_cast<int>(slices.size());
    const Workspace workspace(bucket.device, table.workspace(count, slices.data()));
    table.gradient_norm(stream_of(norm), count, slices.data(), norm.data<double>(), workspace.get());
    for (const auto* slot : bucket.slots) ++slot->parameter.grad().impl()->storage->version;
    table.clip(stream_of(norm), count, slices.data(), max_norm, norm.data<double>());
  });
  return norm;
}

void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value) {
  constexpr std::string_view where = "clip_grad_value_";
  check(clip_value >= 0, where, "expected a value of 0 or more, got {}", clip_value);
  std::vector<detail::Slot> slots;
  for (const Tensor& p : parameters) slots.push_back({.parameter = p, .buffer0 = {}, .buffer1 = {}});
  for (const auto& bucket : detail::buckets_of(slots, where))
    visit_floating(bucket.dtype, where, [&]<class T>(TypeTag<T>) {
      const auto& table = kernels_for<kernels::ElementwiseKernels<T>>(bucket.device);
      for (const auto* slot : bucket.slots) {
        const Tensor gradient = slot->parameter.grad();
        ++gradient.impl()->storage->version;
        T* const g = gradient.data<T>();
        const auto cut = [&](kernels::Scalar op, double bound) {
          table.scalar(stream_of(gradient), op, gradient.numel(), g, static_cast<T>(bound), g);
        };
        cut(kernels::Scalar::maximum, -clip_value);
        cut(kernels::Scalar::minimum, clip_value);
      }
    });
}

namespace detail {
namespace {

// The buffer on the parameter's device and of its type.
void follow(Tensor& buffer, const Tensor& parameter) {
  if (!buffer.defined() || (buffer.dtype() == parameter.dtype() && buffer.device() == parameter.device())) return;
  buffer = copy_of(buffer, parameter);
}

}  // namespace

std::vector<Bucket> buckets_of(std::vector<Slot>& slots, std::string_view where) {
  std::vector<Bucket> buckets;
  for (Slot& slot : slots) {
    const Tensor& p = slot.parameter;
    const Tensor gradient = p.grad();
    if (!gradient.defined() || p.numel() == 0) continue;
    check(gradient.is_contiguous(), where, "expected a dense gradient, got strides {} for shape {}", gradient.strides().str(),
          gradient.shape().str());
    follow(slot.buffer0, p);
    follow(slot.buffer1, p);
    const auto fits = [&](const Bucket& b) {
      return b.dtype == p.dtype() && b.device == p.device() && b.step == slot.step && b.fresh == !slot.buffer0.defined();
    };
    auto found = std::find_if(buckets.begin(), buckets.end(), fits);
    if (found == buckets.end())
      found = buckets.insert(buckets.end(), {p.dtype(), p.device(), slot.step, !slot.buffer0.defined(), {}});
    found->slots.push_back(&slot);
  }
  return buckets;
}

}  // namespace detail
}  // namespace heddle::optim
