// What stands behind a Tensor. Internal.
#pragma once

#include <cstdint>
#include <memory>

#include "heddle/core/allocator.hpp"
#include "heddle/core/tensor.hpp"

namespace heddle::detail {

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
  std::shared_ptr<AutogradMeta> autograd;
};

}  // namespace heddle::detail
