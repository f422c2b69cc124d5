// Kernels that do nothing but multiply and add in registers: how fast a device can.
#pragma once

#include "heddle/base/stream.hpp"

namespace heddle::bench {

enum class Peak { f32, f64, tf32, bf16 };

inline constexpr int peak_threads = 256;  // a block

/// Operations of a run.
double peak_flops(Peak, int blocks, int rounds);
/// rounds: a multiple of 16. out: room for a double a thread.
void run_peak(Peak, Stream, int blocks, int rounds, void* out);

}  // namespace heddle::bench
