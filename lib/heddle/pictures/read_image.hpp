// Pictures of strangers as tensors: PNG by libpng, JPEG by libjpeg-turbo. The component heddle::pictures; the umbrella
// heddle.hpp does not include it.
//
// A picture is whole or it is refused: PNG's checksums count, a cut file is an error, and a picture that claims more pixels
// than its bytes can hold is refused before memory is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::pictures {

struct ReadOptions {
  /// A picture with more is refused, as is one of more than a million pixels a side. Reading one takes 3 bytes a pixel for the
  /// result, and as many again where it is turned; meanwhile an interlaced PNG takes 4 more, a progressive JPEG 2 a sample (6
  /// for RGB that is not subsampled).
  std::int64_t max_pixels = 64'000'000;
  /// A file with more bytes is refused, once so many of them have been read.
  std::int64_t max_file_bytes = 512 << 20;
  /// Turns and mirrors the picture as its EXIF orientation says, as cameras expect viewers to do.
  bool apply_exif_orientation = true;
};

/// A PNG or JPEG file as uint8 [1, 3, h, w]. Grey becomes equal colours, palettes become their colours, 16 bits are rounded
/// to 8, what is transparent shows white, CMYK (by Adobe's convention, inverted) becomes RGB. Colour profiles and gamma are
/// ignored, as Pillow ignores them. Error that names the file when it cannot be read, is neither PNG nor JPEG, is damaged or
/// cut, or exceeds a limit of the options.
Tensor read_image(const std::filesystem::path& path, const ReadOptions& options = {});
/// The same for a file's bytes; `name` is what errors call it.
Tensor decode_image(std::string_view bytes, std::string_view name, const ReadOptions& options = {});

}  // namespace heddle::pictures
HD_API_END
