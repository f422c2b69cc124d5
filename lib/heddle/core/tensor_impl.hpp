// What stands behind a Tensor. Internal.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "heddle/core/allocator.hpp"
#include "heddle/core/tensor.hpp"

namespace heddle::detail {

/// How memory was filled with random numbers: the law, and the stream's place. Enough to draw the numbers of another place.
struct Draw {
  bool uniform = true;
  double first = 0, second = 0;      ///< low and high, or mean and deviation
  std::uint64_t seed = 0, step = 0;
  std::uint64_t first_call = 0;      ///< of the first time, where it was drawn several times
  std::uint64_t call = 0;            ///< of the last time, which overwrote the others
  std::uint64_t version = 0;         ///< of the storage then: what it holds is what was drawn as long as it has this version
};

/// A block of memory, shared by a tensor and its views. `version` counts writes in place, so that a gradient computed
/// from overwritten values is noticed.
struct Storage {
  Storage(Device where, std::size_t size) : device(where), bytes(size), data(allocate(where, size)) {}
  ~Storage() { deallocate(device, data); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device device;
  std::size_t bytes;
  void* data;
  std::uint64_t version = 0;
  std::unique_ptr<Draw> draw;  ///< null where it was never drawn
};

/// What autograd attaches to a tensor; core only carries it.
struct AutogradMeta {
  virtual ~AutogradMeta() = default;
  /// What the tensor is that a write in place, which is not recorded, would make gradients wrong of; null where it is allowed.
  virtual const char* forbids_write() const = 0;
};

struct TensorImpl {
  std::shared_ptr<Storage> storage;
  Shape shape;
  Shape strides;
  std::int64_t offset = 0;
  DType dtype = DType::float32;
  bool contiguous = true;
  /// Whether somebody has decided if this requires a gradient: requires_grad_(), or its being named as a parameter.
  std::atomic<bool> decided = false;
  std::shared_ptr<AutogradMeta> autograd;
};

}  // namespace heddle::detail
