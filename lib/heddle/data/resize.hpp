// Images at another size: the one that a network takes.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::data {

/// uint8 images [n, c, h, w] at another size. Each output pixel is a mean of the input around it, weighted by a triangle that
/// is two output pixels wide and, where the image grows, two input pixels: area averaging downwards, bilinear upwards, as
/// Pillow's BILINEAR and torchvision's antialias=True.
Tensor resize(const Tensor& images, int height, int width);

}  // namespace heddle::data
HD_API_END
