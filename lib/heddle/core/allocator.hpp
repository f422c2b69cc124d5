// Memory for tensors: freed blocks are kept and handed out again, so that a training loop stops asking the system for
// memory after its first step, and a CUDA step never waits for cudaMalloc.
#pragma once

#include <cstddef>

#include "heddle/base/device.hpp"
#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// What one device's allocator holds, in bytes, and what it did so far.
struct MemoryStats {
  std::size_t allocated = 0;       ///< in use by tensors and workspaces now
  std::size_t peak_allocated = 0;  ///< most ever in use, since reset_peak_memory_stats()
  std::size_t reserved = 0;        ///< taken from the system now: in use or cached
  std::size_t peak_reserved = 0;
  std::size_t allocations = 0;         ///< requests served
  std::size_t system_allocations = 0;  ///< of these, by asking the system
};

MemoryStats memory_stats(Device device = cpu);
void reset_peak_memory_stats(Device device = cpu);
/// Gives cached blocks back to the system.
void empty_cache(Device device = cpu);

/// From now on fresh memory is filled with bytes of all ones (NaN in floating point), so that a kernel that reads what it
/// never wrote is seen. For tests; HEDDLE_POISON=1 in the environment does the same from the start.
void set_poison_memory(bool on);

namespace detail {
/// At least `bytes` bytes aligned to 64, uninitialised; null for 0. Out of memory is an Error that says what is held.
void* allocate(Device device, std::size_t bytes);
void deallocate(Device device, void* block) noexcept;
}  // namespace detail

/// Scratch memory of a kernel call.
class Workspace {
 public:
  Workspace(Device device, std::size_t bytes) : device_(device), block_(detail::allocate(device, bytes)) {}
  ~Workspace() { detail::deallocate(device_, block_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* get() const { return block_; }

 private:
  Device device_;
  void* block_;
};

}  // namespace heddle
HD_API_END
