// In what convolutions and matrix products of float32 are computed: PyTorch's switch, by PyTorch's name.
#pragma once

#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// "highest": float32 (the default). "high": the factors of each product are rounded to tf32, 10 bits of mantissa; "medium":
/// to bf16, 7 bits; both of which a GPU's tensor cores multiply. Tensors are stored and sums kept in float32 all the same, and
/// the CPU computes in float32 whatever it says. Holds for the whole program from now on; the gradient of an operation is
/// computed in what held for the operation itself.
void set_float32_matmul_precision(std::string_view precision);
/// "highest", "high" or "medium".
std::string_view get_float32_matmul_precision();

}  // namespace heddle
HD_API_END
