// Small pictures as bytes: what galleries are made of, and the way to PNG files and data URIs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::report {

/// Rows from the top, pixels from the left, channels together: 1 (grey), 3 (RGB) or 4 (RGBA).
struct Image {
  int width = 0, height = 0, channels = 3;
  std::vector<std::uint8_t> pixels;

  const std::uint8_t* at(int x, int y) const { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * channels; }
};

/// Image `index` of a batch [n, c, h, w], c = 1 or 3: bytes as they are, floats as 1 = white, clipped.
Image image_of(const Tensor& batch, std::int64_t index);
/// The pixels of an image as a PNG file's bytes; an alpha channel that hides nothing is left out.
std::string encode_png(const Image& image);
/// Writes a PNG file, atomically.
void save_png(const std::filesystem::path& path, const Image& image);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);
/// The image as a URL that holds it, as an HTML image takes it.
std::string data_uri(const Image& image);

}  // namespace heddle::report
HD_API_END
