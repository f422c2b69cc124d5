// The emulated device's memory: allocations of the host's heap, filled with NaN, that know their bounds. Under ASan they
// are poisoned except while a kernel or a copy is at work, so that the host cannot touch them unseen.
#pragma once

#include <cstddef>
#include <string_view>

namespace heddle::simt::emulator {

/// The size that the device claims to have: for tests of running out of it. 0 for the usual 64 GiB.
void set_device_memory(std::size_t bytes);
/// Bytes and number of the allocations now alive.
std::size_t device_bytes_in_use();
std::size_t device_allocations();

/// Whether p points into (or just behind) device or pinned memory.
bool is_device_pointer(const void* p);
/// Throws unless [p, p + bytes) lies inside one allocation of the device.
void check_device_range(std::string_view where, const void* p, std::size_t bytes);

/// While one lives, device memory can be accessed.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace heddle::simt::emulator
