#include "heddle/report/image.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"

namespace {

// The memory of an encoder that takes some piece by piece and does not look whether it got it: where there is no more, what it
// has so far goes, and std::bad_alloc is thrown through it.
class Arena {
 public:
  Arena() : outer_(std::exchange(current, this)) {}
  ~Arena() {
    while (last_) release(last_ + 1);
    current = outer_;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  static void* grow(void* memory, std::size_t bytes) {
    Piece* const old = memory ? static_cast<Piece*>(memory) - 1 : nullptr;
    auto* const piece = static_cast<Piece*>(std::realloc(old, sizeof(Piece) + bytes));
    if (!piece) throw std::bad_alloc();
    if (!old) *piece = {.before = std::exchange(current->last_, piece)};
    if (piece->after) piece->after->before = piece;
    else current->last_ = piece;
    if (piece->before) piece->before->after = piece;
    return piece + 1;
  }
  static void release(void* memory) {
    if (!memory) return;
    Piece* const piece = static_cast<Piece*>(memory) - 1;
    (piece->after ? piece->after->before : current->last_) = piece->before;
    if (piece->before) piece->before->after = piece->after;
    std::free(piece);
  }

 private:
  struct alignas(std::max_align_t) Piece {
    Piece *before = nullptr, *after = nullptr;
  };
  static thread_local constinit Arena* current;
  Arena* outer_;
  Piece* last_ = nullptr;
};
thread_local constinit Arena* Arena::current = nullptr;

}  // namespace

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_MALLOC(bytes) Arena::grow(nullptr, static_cast<std::size_t>(bytes))
#define STBIW_REALLOC(memory, bytes) Arena::grow(memory, static_cast<std::size_t>(bytes))
#define STBIW_FREE(memory) Arena::release(memory)
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace heddle::report {

Image image_of(const Tensor& batch, std::int64_t index) {
  check(batch.dim() == 4 && (batch.size(1) == 1 || batch.size(1) == 3), "image", "expected images [n, 1 or 3, h, w], got {}",
        batch.shape().str());
  check(0 <= index && index < batch.size(0), "image", "expected an index below {}, got {}", batch.size(0), index);
  const Tensor one = batch.select(0, index);
  Image image{static_cast<int>(one.size(2)), static_cast<int>(one.size(1)), static_cast<int>(one.size(0)), {}};
  const std::size_t area = static_cast<std::size_t>(image.width) * image.height;
  image.pixels.resize(area * image.channels);
  const auto interleave = [&](const auto& planes, auto&& byte) {
    for (std::size_t i = 0; i < area; ++i)
      for (int c = 0; c < image.channels; ++c) image.pixels[i * image.channels + c] = byte(planes[c * area + i]);
  };
  if (one.dtype() == DType::uint8)
    interleave(one.to_vector<std::uint8_t>(), [](std::uint8_t v) { return v; });
  else
    interleave(one.to_vector<float>(),
               [](float v) { return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0f, 1.0f) * 255)); });
  return image;
}

std::string encode_png(const Image& image) {
  check(image.width > 0 && image.height > 0 &&
            image.pixels.size() == static_cast<std::size_t>(image.width) * image.height * image.channels,
        "image", "expected {} x {} x {} bytes, got {}", image.width, image.height, image.channels, image.pixels.size());
  if (image.channels == 4) {
    Image opaque{image.width, image.height, 3, {}};
    bool seen_through = false;
    for (std::size_t i = 0; i < image.pixels.size() && !seen_through; i += 4) {
      seen_through = image.pixels[i + 3] != 255;
      opaque.pixels.insert(opaque.pixels.end(), image.pixels.data() + i, image.pixels.data() + i + 3);
    }
    if (!seen_through) return encode_png(opaque);
  }
  try {
    const Arena arena;
    int size = 0;
    const unsigned char* const bytes = stbi_write_png_to_mem(image.pixels.data(), image.width * image.channels, image.width,
                                                             image.height, image.channels, &size);
    if (bytes) return std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
  }
  fail("image", strings::format("expected memory for a PNG of {} x {}, got none", image.width, image.height));
}

void save_png(const std::filesystem::path& path, const Image& image) {
  write_file(path, encode_png(image));
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string data_uri(const Image& image) {
  return "data:image/png;base64," + base64(encode_png(image));
}

}  // namespace heddle::report
