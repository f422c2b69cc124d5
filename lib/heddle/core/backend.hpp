// The devices underneath: raw memory, copies and waiting. Everything that differs between CPU and CUDA and is not a kernel.
#pragma once

#include <cstddef>
#include <string>

#include "heddle/base/device.hpp"
#include "heddle/base/export.hpp"
#include "heddle/base/stream.hpp"

HD_API_BEGIN
namespace heddle {

/// Whether this build has CUDA kernels at all.
bool built_with_cuda();
/// CUDA devices this process can use; 0 where there is no GPU or no driver.
int cuda_device_count();

/// The CPU kernels' instruction set on this machine: "base", "v3" or "v4" (of x86-64).
std::string cpu_instruction_set();

/// The device to use, and why, in one line for people.
struct DeviceChoice {
  Device device;
  std::string reason;
};

/// "cpu", "cuda", "cuda:N", or "auto": the first GPU where this build and machine have one, else the CPU. Asking for CUDA
/// where there is none is an Error that says why.
DeviceChoice choose_device(const std::string& wish = "auto");

/// Waits until everything launched on the device so far is done.
void synchronize(Device device);

namespace backend {
/// Null where the system has no more.
void* system_allocate(Device device, std::size_t bytes);
void system_free(Device device, void* block) noexcept;
void fill_bytes(Device device, void* block, int byte, std::size_t bytes);
/// Copies between any two devices; when it returns, the source may be reused and the destination read.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
/// The stream that ops on the device launch into.
Stream current_stream(Device device);
}  // namespace backend

}  // namespace heddle
HD_API_END
