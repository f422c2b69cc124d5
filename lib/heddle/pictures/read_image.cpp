#include "heddle/pictures/read_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "heddle/base/check.hpp"
#include "heddle/pictures/decoders.hpp"

namespace heddle::pictures {
namespace {

using detail::where;

constexpr std::int64_t most_of_a_side = 1'000'000;
constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n", jpeg_signature = "\xff\xd8\xff";

// What else a file may be, by its first bytes.
std::string_view kind_of(std::string_view bytes) {
  if (bytes.empty()) return "an empty file";
  if (bytes.starts_with("GIF8")) return "a GIF picture";
  if (bytes.starts_with("RIFF") && bytes.substr(8).starts_with("WEBP")) return "a WebP picture";
  if (bytes.starts_with("BM")) return "something else (BMP?)";
  if (bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4)))
    return "a TIFF picture";
  if (bytes.size() > 12 && (bytes.substr(4).starts_with("ftyphei") || bytes.substr(4).starts_with("ftypmif1")))
    return "a HEIF picture";
  if (bytes.size() > 12 && bytes.substr(4).starts_with("ftypavif")) return "an AVIF picture";
  if (bytes.size() < 8) return "a file of a few bytes";
  return "something else";
}

bool has_signature(std::string_view bytes) {
  return bytes.starts_with(png_signature) || bytes.starts_with(jpeg_signature);
}

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path) : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    check(value_ >= 0, where, "expected a PNG or JPEG picture in '{}', got: {}", path.string(), std::strerror(errno));
  }
  ~Descriptor() { ::close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

// The whole file; of what is no picture, or an endless device, only the beginning.
std::string bytes_of(const std::filesystem::path& path, const ReadOptions& options) {
  const Descriptor file(path);
  std::string bytes;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.value(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    check(got >= 0, where, "expected a PNG or JPEG picture in '{}', got: {}", path.string(), std::strerror(errno));
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() >= png_signature.size() && !has_signature(bytes)) return bytes;
    check(static_cast<std::int64_t>(bytes.size()) <= options.max_file_bytes, where,
          "expected a picture of at most {} bytes in '{}', got more", options.max_file_bytes, path.string());
  }
}

}  // namespace

void detail::check_pixels(std::int64_t width, std::int64_t height, std::string_view name, const ReadOptions& options) {
  check(width >= 1 && height >= 1, where, "expected a picture of 1 x 1 pixels or more in '{}', got {} x {}", name, width,
        height);
  check(width <= most_of_a_side && height <= most_of_a_side, where,
        "expected a picture of at most {} pixels a side in '{}', got {} x {}", most_of_a_side, name, width, height);
  check(height <= options.max_pixels / width, where, "expected a picture of at most {} pixels in '{}', got {} x {}",
        options.max_pixels, name, width, height);
}

Tensor decode_image(std::string_view bytes, std::string_view name, const ReadOptions& options) {
  check(has_signature(bytes), where, "expected a PNG or JPEG picture in '{}', got {}", name, kind_of(bytes));
  const auto decoded =
      bytes.starts_with(png_signature) ? detail::decode_png(bytes, name, options) : detail::decode_jpeg(bytes, name, options);
  return options.apply_exif_orientation ? detail::upright(decoded.image, decoded.orientation) : decoded.image;
}

Tensor read_image(const std::filesystem::path& path, const ReadOptions& options) {
  std::error_code ignored;
  check(!std::filesystem::is_directory(path, ignored), where, "expected a PNG or JPEG picture in '{}', got a folder",
        path.string());
  return decode_image(bytes_of(path, options), path.string(), options);
}

}  // namespace heddle::pictures
