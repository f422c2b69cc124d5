// Sums of products by Einstein's notation.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// torch.einsum: einsum("bij,bjk->bik", {a, b}). A letter names a dimension of an operand; what bears one letter is of one size
/// (1 stretches), twice in one operand it is the diagonal; letters that the result lacks are summed over. Without "->" the
/// result has those that occur once, in alphabetical order. "..." stands for any leading dimensions, which broadcast. Spaces
/// are ignored. Operands are taken together from left to right, each step a matmul(); float32, float64 or bfloat16, all of one
/// type.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands);
/// The elements of two dimensions with equal indices, as a last dimension: a view. A positive offset names a diagonal above the
/// main one.
Tensor diagonal(const Tensor& x, std::int64_t offset = 0, int dim1 = 0, int dim2 = 1);

}  // namespace heddle
HD_API_END
