// From parameters to kernel calls: those that one call can take together. Internal.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "heddle/core/dispatch.hpp"
#include "heddle/core/graph.hpp"
#include "heddle/core/recording.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "heddle/optim/optimizer.hpp"
#include "kernels/optim/optim.hpp"

namespace heddle::optim::detail {

using heddle::detail::step_phase;
using heddle::detail::StepPhase;

/// Parameters with gradients, of one type, on one device, updated equally often. Mostly a group is one bucket; parameters
/// that got no gradient for some steps are in another.
struct Bucket {
  DType dtype;
  Device device;
  std::int64_t step;
  bool fresh;  ///< no buffers yet
  std::vector<Slot*> slots;
};

/// Slots without a gradient are left out. Error that names `where` for a gradient that is not dense.
std::vector<Bucket> buckets_of(std::vector<Slot>& slots, std::string_view where);

template <class T>
std::vector<kernels::ParameterSlice<T>> slices_of(const Bucket& bucket) {
  const auto memory = [](const Tensor& t) { return t.defined() ? t.data<T>() : nullptr; };
  std::vector<kernels::ParameterSlice<T>> slices;
  slices.reserve(bucket.slots.size());
  for (const Slot* slot : bucket.slots)
    slices.push_back({.value = slot->parameter.data<T>(),
                      .gradient = slot->parameter.grad().data<T>(),
                      .state0 = memory(slot->buffer0),
                      .state1 = memory(slot->buffer1),
                      .count = slot->parameter.numel()});
  return slices;
}

/// Where the slots' parameters lie.
inline std::vector<const void*> places_of(const std::vector<Slot*>& slots) {
  std::vector<const void*> places;
  places.reserve(slots.size());
  for (const Slot* slot : slots) places.push_back(slot->parameter.raw_data());
  return places;
}

/// Where a recorded step reads its options from; null where it is told them. A step that warms up makes room.
template <class Options>
const Options* live_options(std::vector<LiveSettings>& live, int group, std::size_t number, const Bucket& bucket) {
  if (step_phase() == StepPhase::none || bucket.device.is_cpu()) return nullptr;
  auto found = std::find_if(live.begin(), live.end(), [&](const auto& l) { return l.group == group && l.bucket == number; });
  if (step_phase() == StepPhase::warming_up) {
    const TensorOptions bytes{uint8, bucket.device};
    if (found == live.end())
      found = live.insert(live.end(), {group, number, {}, {}, {}});
    if (!found->memory.defined() || found->memory.device() != bucket.device)
      found->memory = empty({static_cast<std::int64_t>(sizeof(Options))}, bytes);
    found->slots = bucket.slots;
    return nullptr;
  }
  check(found != live.end() && found->slots == bucket.slots, "optimizer.step",
        "expected the parameters of the steps before the recorded one, got others");
  found->places = places_of(found->slots);
  return reinterpret_cast<const Options*>(found->memory.template data<std::uint8_t>());
}

/// Hands options_of(settings' group, their slots' step) to where recorded steps read them. No places are known before the step
/// that is recorded has run: this is called ahead of it too.
template <class F>
void write_live_options(const std::vector<LiveSettings>& live, F options_of) {
  check(!live.empty(), "optimizer.before_replay", "expected a recorded step, got none: load_state_dict ends what was recorded");
  for (const auto& l : live) {
    check(l.places.empty() || l.places == places_of(l.slots), "optimizer.before_replay",
          "expected parameters that lie where they lay when the step was recorded, got ones that were moved since (Module::to)");
    const auto options = options_of(l);
    heddle::detail::upload_bytes(l.memory.device(), l.memory.template data<std::uint8_t>(), &options, sizeof options);
  }
}

/// Notes that the bucket's parameters are about to be written in place.
inline void mark_written(const Bucket& bucket) {
  for (const Slot* slot : bucket.slots) ++slot->parameter.impl()->storage->version;
}

}  // namespace heddle::optim::detail
