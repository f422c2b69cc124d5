// Parts of tensors, and their elements in another order along dimensions.
#pragma once

#include <cstdint>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// Views of parts of `split_size` along a dimension, the last of which may be smaller.
std::vector<Tensor> split(const Tensor& x, std::int64_t split_size, int dim = 0);
/// Views of parts of these sizes, which add up to the dimension's.
std::vector<Tensor> split_with_sizes(const Tensor& x, const std::vector<std::int64_t>& split_sizes, int dim = 0);
/// Views of `chunks` parts, all of ceil(size / chunks) but the last; fewer where those are enough.
std::vector<Tensor> chunk(const Tensor& x, std::int64_t chunks, int dim = 0);
/// Views of each index of a dimension, which disappears.
std::vector<Tensor> unbind(const Tensor& x, int dim = 0);

/// A copy with these dimensions in reverse order.
Tensor flip(const Tensor& x, const Dims& dims);
/// A copy with each dimension listed shifted by so many places towards its end, and what leaves it back at its beginning;
/// without dims, all elements in row-major order.
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims = {});

}  // namespace heddle
HD_API_END
