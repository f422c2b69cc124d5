// Channels into pixels and back: Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// [..., c r r, h, w] to [..., c, h r, w r], r the upscale_factor: y[c, h r + i, w r + j] = x[c r r + i r + j, h, w]. A copy,
/// as views say it; up to six dimensions. Error for channels that r * r does not divide.
Tensor pixel_shuffle(const Tensor& x, std::int64_t upscale_factor);
/// The inverse: [..., c, h r, w r] to [..., c r r, h, w], r the downscale_factor. Error for sizes that r does not divide.
Tensor pixel_unshuffle(const Tensor& x, std::int64_t downscale_factor);

}  // namespace heddle
HD_API_END
