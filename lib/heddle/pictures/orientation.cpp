// EXIF's orientation: which way up a camera was held (CIPA DC-008, tag 0x0112).
#include <cstring>
#include <optional>

#include "heddle/base/check.hpp"
#include "heddle/pictures/decoders.hpp"

namespace heddle::pictures::detail {
namespace {

// Numbers in a TIFF structure, in the byte order that it names; nothing where they lie outside of it.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes) {}

  bool valid() {
    if (bytes_.starts_with("II"))
      big_ = false;
    else if (bytes_.starts_with("MM"))
      big_ = true;
    else
      return false;
    return number(2, 2) == 42u;
  }
  std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + (big_ ? i : size - 1 - i)]);
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_ = false;
};

}  // namespace

int exif_orientation(std::string_view bytes) {
  constexpr std::uint32_t orientation = 0x0112, short_integer = 3;
  constexpr std::size_t entry_bytes = 12;
  Tiff tiff(bytes);
  if (!tiff.valid()) return 1;
  const auto directory = tiff.number(4, 4);
  if (!directory) return 1;
  const auto entries = tiff.number(*directory, 2);
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const std::size_t at = std::size_t{*directory} + 2 + i * entry_bytes;
    const auto tag = tiff.number(at, 2);
    if (!tag) return 1;
    if (*tag != orientation) continue;
    const auto value = tiff.number(at + 8, 2);
    const bool sensible = tiff.number(at + 2, 2) == short_integer && tiff.number(at + 4, 4) == 1u && value;
    return sensible && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

Tensor upright(const Tensor& image, int orientation) {
  if (orientation == 1) return image;
  const std::int64_t channels = image.size(1), h = image.size(2), w = image.size(3);
  // 5 to 8 exchange rows and columns; the other two bits say which of the stored axes run backwards.
  const bool swapped = orientation >= 5;
  const bool rows_back = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool columns_back = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const std::int64_t height = swapped ? w : h, width = swapped ? h : w;
  Tensor result = empty({1, channels, height, width}, {.dtype = uint8});
  const auto* const in = image.data<std::uint8_t>();
  auto* out = result.data<std::uint8_t>();
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x) {
        std::int64_t row = swapped ? x : y, column = swapped ? y : x;
        if (rows_back) row = h - 1 - row;
        if (columns_back) column = w - 1 - column;
        *out++ = in[(c * h + row) * w + column];
      }
  return result;
}

}  // namespace heddle::pictures::detail
