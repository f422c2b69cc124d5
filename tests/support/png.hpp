// Reads PNG files through a decoder that is not ours.
#pragma once

#include <string>

#include "heddle/report/image.hpp"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace heddle::test {

/// An image without pixels when the bytes are no PNG.
inline report::Image decode_png(const std::string& bytes) {
  report::Image image;
  stbi_uc* const pixels = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                                                &image.width, &image.height, &image.channels, 0);
  if (!pixels) return {};
  image.pixels.assign(pixels, pixels + static_cast<std::ptrdiff_t>(image.width) * image.height * image.channels);
  stbi_image_free(pixels);
  return image;
}

}  // namespace heddle::test
