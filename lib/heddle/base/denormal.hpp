// What becomes of subnormal numbers, which are closer to 0 than the smallest normal one (1.2e-38 in float32, 2.2e-308 in
// float64).
#pragma once

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// Whether arithmetic on the CPU takes subnormal operands for 0 and makes 0 of subnormal results, in every type, float64 too:
/// PyTorch's switch, by PyTorch's name, but on at the start, where PyTorch's is off, since some processors take a hundred cycles
/// for one, and activations that fade out reach them. For the whole program, from the next op on; not to be called while another
/// thread computes. Copies keep every bit whatever it says, and log() takes them for 0. A GPU's kernels keep subnormals.
void set_flush_denormal(bool on);
bool get_flush_denormal();

}  // namespace heddle
HD_API_END
