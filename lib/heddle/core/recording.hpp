// What recorded steps (graph.hpp) need of the allocator, the devices and the generator. Internal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/device.hpp"

namespace heddle::detail {

/// Memory on a device that only this thread gets, and only while a Use of the pool lives: what a recorded step works in.
/// When the pool ends, its blocks are everybody's.
class MemoryPool {
 public:
  explicit MemoryPool(Device device);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  class Use {
   public:
    explicit Use(const MemoryPool& pool);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    int before_;
  };

 private:
  Device device_;
  int id_;
};

/// Bytes that a device's allocator has handed out since the program began.
std::size_t total_allocated(Device device);

/// Writes a few bytes of host memory, which may be reused at once, in the stream's order; nothing waits.
void upload_bytes(Device device, void* to, const void* from, std::size_t bytes);

/// While one lives, kernels on a GPU that draw from this thread's default generator read the step from this place in its memory
/// instead of being told begin_step's, which is the same number: a recorded step is replayed with the number that lies there
/// by then. Null changes nothing.
class DeviceStep {
 public:
  explicit DeviceStep(const std::uint64_t* place);
  ~DeviceStep();
  DeviceStep(const DeviceStep&) = delete;
  DeviceStep& operator=(const DeviceStep&) = delete;
};
const std::uint64_t* device_step();

}  // namespace heddle::detail
