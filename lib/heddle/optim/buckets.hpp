// From parameters to kernel calls: those that one call can take together. Internal.
#pragma once

#include <string_view>
#include <vector>

#include "heddle/core/dispatch.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "heddle/optim/optimizer.hpp"
#include "kernels/optim/optim.hpp"

namespace heddle::optim::detail {

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

/// Notes that the bucket's parameters are about to be written in place.
inline void mark_written(const Bucket& bucket) {
  for (const Slot* slot : bucket.slots) ++slot->parameter.impl()->storage->version;
}

}  // namespace heddle::optim::detail
