// One decoder a format, and what they share. Internal.
//
// Both C libraries report errors by a callback that must not return, so theirs is longjmp. Whatever stands between setjmp and
// longjmp is plain C there: the decoders' objects live in the caller, and each step is a function without destructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "heddle/core/tensor.hpp"
#include "heddle/pictures/read_image.hpp"

namespace heddle::pictures::detail {

inline constexpr std::string_view where = "read_image";

struct Decoded {
  Tensor image;         ///< uint8 [1, 3, h, w]
  int orientation = 1;  ///< EXIF's, 1 to 8; 1: as it is
};

/// `bytes` begin with the format's signature.
Decoded decode_png(std::string_view bytes, std::string_view name, const ReadOptions& options);
Decoded decode_jpeg(std::string_view bytes, std::string_view name, const ReadOptions& options);

/// Error unless the picture has at most options.max_pixels.
void check_pixels(std::int64_t width, std::int64_t height, std::string_view name, const ReadOptions& options);

/// The orientation in a TIFF structure, as EXIF is: of a JPEG's APP1 segment behind "Exif\0\0", or of a PNG's eXIf chunk. 1
/// where there is none, or it makes no sense.
int exif_orientation(std::string_view tiff);
/// uint8 [1, c, h, w], turned and mirrored so that it is upright: for 5 to 8 the result is [1, c, w, h].
Tensor upright(const Tensor& image, int orientation);

}  // namespace heddle::pictures::detail
