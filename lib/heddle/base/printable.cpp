#include "heddle/base/printable.hpp"

#include <cstdint>
#include <utility>

namespace heddle::strings {
namespace {

constexpr char digits[] = "0123456789abcdef";

// The character that text begins with and how many bytes it has; 0 bytes: no UTF-8 (cut short, too long, a surrogate).
std::pair<std::uint32_t, std::size_t> first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (length == 0 || length > text.size()) return {0, 0};
  std::uint32_t point = first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return {0, 0};
    point = point << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[length] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return {0, 0};
  return {point, length};
}

bool is_hidden(std::uint32_t c) {
  constexpr std::pair<std::uint32_t, std::uint32_t> ranges[] = {
      {0x80, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E}, {0x200B, 0x200B},  {0x200E, 0x200F},
      {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
  for (const auto& [low, high] : ranges)
    if (low <= c && c <= high) return true;
  return false;
}

std::string escaped(std::string_view text, bool lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto [point, length] = first_of(text);
    const bool kept = lines && (point == '\n' || point == '\t');
    if (length == 0 || (length == 1 && (point < 0x20 || point == 0x7F) && !kept)) {
      const auto byte = static_cast<unsigned char>(text[0]);
      result.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
      text.remove_prefix(1);
      continue;
    }
    if (is_hidden(point)) {
      std::string number;
      for (std::uint32_t rest = point; rest > 0; rest >>= 4) number.insert(number.begin(), digits[rest & 15]);
      result.append("\\u{").append(number).append("}");
    } else {
      result.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped(text, false);
}

std::string printable_lines(std::string_view text) {
  return escaped(text, true);
}

}  // namespace heddle::strings
