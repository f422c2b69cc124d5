// Time on a GPU. A batch of calls, enough for a few milliseconds and to pass more memory than the second-level cache holds
// twice over, is captured once as a CUDA graph, as a training step is; an event before a replay and one behind it say how
// long it took. What launching costs the host is not in it, what it costs the device is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/support.hpp"
#include "kernels/simt/runtime.hpp"

namespace heddle::bench {

class DeviceClock {
 public:
  explicit DeviceClock(const Ready& kernel);
  ~DeviceClock();
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;

  int calls() const { return calls_; }
  /// Of a batch of calls() calls.
  double seconds() const;

 private:
  Stream stream_;
  simt::Event begin_, end_;
  simt::GraphExec batch_;
  int calls_ = 1;
};

/// What a device can do, measured when first asked for: the bandwidth of its own copies, read and written, and the rates
/// of fused multiply-adds in registers and of the tensor cores' mma instruction, which is what our kernels use. (Hopper's
/// wgmma is faster than mma; a per cent here says nothing of it.)
struct DeviceRoofline {
  double bytes = 0;                             // per second
  double f32 = 0, f64 = 0, tf32 = 0, bf16 = 0;  // FLOP/s

  double flops(const Work& work) const;
  /// The least seconds that this work takes.
  double seconds(const Work& work) const;
  std::vector<std::pair<std::string, std::string>> described() const;
};
const DeviceRoofline& device_roofline();

}  // namespace heddle::bench
