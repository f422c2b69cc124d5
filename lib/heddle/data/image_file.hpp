// Pictures from files, at the size a network takes.
#pragma once

#include <filesystem>
#include <string_view>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::data {

/// A PNG or JPEG file as uint8 [1, 3, h, w]: grey becomes equal colours, what is transparent shows white. Error that names the
/// file when it cannot be read, is neither of the two, is broken, or has more than 64 million pixels.
Tensor read_image(const std::filesystem::path& path);
/// The same for a file's bytes; `name` is what errors call it.
Tensor decode_image(std::string_view bytes, std::string_view name);

/// uint8 images [n, c, h, w] at another size. Each output pixel is a mean of the input around it, weighted by a triangle that
/// is two output pixels wide and, where the image grows, two input pixels: area averaging downwards, bilinear upwards, as
/// Pillow's BILINEAR and torchvision's antialias=True.
Tensor resize(const Tensor& images, int height, int width);

}  // namespace heddle::data
HD_API_END
