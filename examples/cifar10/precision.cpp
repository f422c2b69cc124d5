#include "precision.hpp"

#include "heddle/base/error.hpp"
#include "heddle/ops/precision.hpp"

namespace cifar10 {

using namespace heddle;

DType use_precision(const std::string& name, Device device) {
  if (device.is_cpu() && name != "fp32")
    fail("precision", "expected fp32 on the CPU, which has no tensor cores and multiplies in float32 alone, got " + name);
  if (name == "fp32")
    set_float32_matmul_precision("highest");
  else if (name == "tf32")
    set_float32_matmul_precision("high");
  else if (name == "bf16")
    set_float32_matmul_precision("medium");
  else
    fail("precision", "expected fp32, tf32 or bf16, got '" + name + "'");
  return name == "bf16" ? bfloat16 : float32;
}

}  // namespace cifar10
