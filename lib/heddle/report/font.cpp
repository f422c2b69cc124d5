#include "heddle/report/font.hpp"

#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <numbers>

namespace heddle::report {
namespace {

struct Drawing {
  char32_t code_point;
  double advance;
  const char* pen;
};

constexpr char32_t missing = 0xFFFD;
constexpr double spacing = 1.2;  ///< added to every advance below

constexpr Drawing drawings[] = {
    {U' ', 5.2, ""},
    {U'!', 3.8, "M1.9 14L1.9 4.4M1.9 0.1L1.9 0.5"},
    {U'"', 6, "M1.5 14L1.5 10M4.5 14L4.5 10"},
    {U'#', 12, "M3.4 0L5 14M7.4 0L9 14M1.4 4.6L10 4.6M2 9.4L10.8 9.4"},
    {U'$', 10.6, "M9 11.4V5.2 14H1.4 10.6V5.2 7.3H9.6 3.7V5.2 0H1 2.8M5.2 16L5.2 -2"},
    {U'%', 15.4, "M1.2 10.8V3.8 14H6.4 10.8V3.8 7.6H1.2 10.8M9 3.2V11.6 6.4H14.2 3.2V11.6 0H9 3.2M11.9 14L3.5 0"},
    {U'&', 11.6, "M10.8 0L2.9 9.6L2.5 11.2V4.9 14H7.3 11.3V4.4 7.6H1 3.5V4.8 0H10 6"},
    {U'\'', 3.2, "M1.6 14L1.6 10"},
    {U'(', 5.2, "M4.4 15.6L2.8 12.4L1.9 8.8L1.8 5L2.6 1L4.4 -2.6"},
    {U')', 5.2, "M0.8 15.6L2.4 12.4L3.3 8.8L3.4 5L2.6 1L0.8 -2.6"},
    {U'*', 8, "M4 14L4 7.6M1.2 12.4L6.8 9.2M6.8 12.4L1.2 9.2"},
    {U'+', 10.8, "M5.4 2L5.4 10.4M1.2 6.2L9.6 6.2"},
    {U',', 4, "M2.2 0.6L1.2 -2.6"},
    {U'-', 7.2, "M1.2 5.6L6 5.6"},
    {U'.', 3.8, "M1.9 0.1L1.9 0.4"},
    {U'/', 7.2, "M0.8 -2L6.2 15"},
    {U'0', 9.8, "M1 7V4.9 14H8.8 7V4.9 0H1 7"},
    {U'1', 9.8, "M2.2 11.2L5.6 14L5.6 0"},
    {U'2', 9.8, "M1.2 10.6V4.8 14H8.5 10.3L7.4 7.4L1 0L8.9 0"},
    {U'3', 9.8, "M1.2 11.6V4.8 14H8.2 10.8V4.6 7.5L3.6 7.5M4.6 7.5H8.8 3.8V4.8 0H1 2.6"},
    {U'4', 9.8, "M6.8 0L6.8 14L0.8 4L9.2 4"},
    {U'5', 9.8, "M8 14L2.2 14L1.6 7.2V4.8 8.8H8.8 4.4V4.7 0H1 2.4"},
    {U'6', 9.8, "M8 12V5.2 14H1.1 6.4V4.9 0H8.8 4.4V4.9 8.7H1.1 4.6"},
    {U'7', 9.8, "M1 14L8.8 14L3.6 0"},
    {U'8', 9.8, "M4.9 7.5H1.5 10.8V4.9 14H8.3 10.8V4.9 7.5H0.9 3.7V4.9 0H8.9 3.7V4.9 7.5"},
    {U'9', 9.8, "M1.8 2V4.6 0H8.7 7.6V4.9 14H1 9.6V4.9 5.3H8.7 9.4"},
    {U':', 3.8, "M1.9 0.1L1.9 0.4M1.9 8L1.9 8.3"},
    {U';', 4, "M2.2 0.6L1.2 -2.6M2.1 8L2.1 8.3"},
    {U'<', 10.8, "M9.4 10.8L1.4 6.2L9.4 1.6"},
    {U'=', 10.8, "M1.2 8.4L9.6 8.4M1.2 4L9.6 4"},
    {U'>', 10.8, "M1.4 10.8L9.4 6.2L1.4 1.6"},
    {U'?', 9, "M1 11V4.4 14H7.9 10.7L6.9 8.4L4.4 6L4.4 4M4.4 0.1L4.4 0.5"},
    {U'@', 15, "M10.4 6.4V7.4 9.4H4.6 6.4V7.2 3.6H10.4 6.4L10.4 5.4V12.2 3.6H14 7V7.6 13.6H1 6V7.6 -1.8L10.4 -1.2"},
    {U'A', 11.6, "M0.8 0L5.8 14L10.8 0M2.6 5L9 5"},
    {U'B', 11, "M1.6 0L1.6 14L5.8 14H9.2 10.8V5.8 7.6L1.6 7.6M5.8 7.6H9.8 3.8V5.8 0L1.6 0"},
    {U'C', 11.6, "M10.4 11V6.6 14H1.2 7V6.6 0H10.4 3"},
    {U'D', 12, "M1.6 0L1.6 14L5 14H10.6 7V5 0L1.6 0"},
    {U'E', 10, "M9 14L1.6 14L1.6 0L9 0M1.6 7.4L8.2 7.4"},
    {U'F', 9.6, "M9 14L1.6 14L1.6 0M1.6 7.2L8 7.2"},
    {U'G', 12.4, "M10.4 11.2V6.6 14H1.2 7V6.6 0H10.8 4.2L10.8 6.6L7 6.6"},
    {U'H', 11.6, "M1.6 0L1.6 14M10 0L10 14M1.6 7.2L10 7.2"},
    {U'I', 3.6, "M1.8 0L1.8 14"},
    {U'J', 8.2, "M6.6 14L6.6 3.6V3.8 0H1 3"},
    {U'K', 10.6, "M1.6 0L1.6 14M9.6 14L1.6 5.6M4.6 8.6L10 0"},
    {U'L', 9.2, "M1.6 14L1.6 0L8.6 0"},
    {U'M', 14, "M1.6 0L1.6 14L7 4L12.4 14L12.4 0"},
    {U'N', 11.6, "M1.6 0L1.6 14L10 0L10 14"},
    {U'O', 13.2, "M1.2 7V6.6 14H12 7V6.6 0H1.2 7"},
    {U'P', 10.6, "M1.6 0L1.6 14L5.8 14H9.8 10.2V5.8 6.4L1.6 6.4"},
    {U'Q', 13.2, "M1.2 7V6.6 14H12 7V6.6 0H1.2 7M8 3.4L12 -0.8"},
    {U'R', 11, "M1.6 0L1.6 14L5.8 14H9.8 10.2V5.8 6.4L1.6 6.4M5.6 6.4L10 0"},
    {U'S', 10.6, "M9 11.4V5.2 14H1.4 10.6V5.2 7.3H9.6 3.7V5.2 0H1 2.8"},
    {U'T', 10.8, "M0.8 14L10 14M5.4 14L5.4 0"},
    {U'U', 11.4, "M1.5 14L1.5 4.6V5.7 0H9.9 4.6L9.9 14"},
    {U'V', 11.2, "M0.8 14L5.6 0L10.4 14"},
    {U'W', 16, "M0.8 14L4.4 0L8 14L11.6 0L15.2 14"},
    {U'X', 10.6, "M1 14L9.6 0M9.6 14L1 0"},
    {U'Y', 10.8, "M0.8 14L5.4 7L10 14M5.4 7L5.4 0"},
    {U'Z', 10.6, "M1 14L9.4 14L1 0L9.8 0"},
    {U'[', 5.4, "M4.6 15.6L1.8 15.6L1.8 -2.6L4.6 -2.6"},
    {U'\\', 7.2, "M0.8 15L6.2 -2"},
    {U']', 5.4, "M0.8 15.6L3.6 15.6L3.6 -2.6L0.8 -2.6"},
    {U'^', 9.6, "M1.4 8L4.8 14L8.2 8"},
    {U'_', 9, "M0.4 -2.4L8.6 -2.4"},
    {U'`', 5, "M1 14.4L3.4 12"},
    {U'a', 10.2, "M1.8 8.2V5 10H8.5 6.8L8.5 0M8.5 5.8L4.5 5.8H1.2 2.9V4.2 0H8.5 3.6"},
    {U'b', 10.4, "M1.5 14L1.5 0M1.5 5V5.2 10H9 5V5.2 0H1.5 5"},
    {U'c', 9.4, "M8.4 8V5 10H1 5V5 0H8.4 2"},
    {U'd', 10.4, "M8.7 14L8.7 0M8.7 5V4.9 10H1 5V4.9 0H8.7 5"},
    {U'e', 10, "M1 5.2L8.9 5.2V5 10H1 5V5 0H8.5 2"},
    {U'f', 6.5, "M6.6 14L5.8 14H3 11L3 0M0.8 10L6.2 10"},
    {U'g', 10.4, "M8.7 10L8.7 -0.6V5 -4H1.6 -2.4M8.7 5V4.9 10H1 5V4.9 0H8.7 5"},
    {U'h', 10, "M1.5 14L1.5 0M1.5 6V5 10H8.4 6.5L8.4 0"},
    {U'i', 3.6, "M1.8 10L1.8 0M1.8 13.4L1.8 13.8"},
    {U'j', 4.2, "M2.6 10L2.6 -1V0 -4M2.6 13.4L2.6 13.8"},
    {U'k', 9.2, "M1.5 14L1.5 0M8.2 10L1.5 4M4 6.4L8.6 0"},
    {U'l', 4.4, "M1.8 14L1.8 2.2V3.8 0"},
    {U'm', 15, "M1.5 10L1.5 0M1.5 6.5V4.6 10H7.5 7L7.5 0M7.5 6.5V10.6 10H13.5 7L13.5 0"},
    {U'n', 10, "M1.5 10L1.5 0M1.5 6V5 10H8.4 6.5L8.4 0"},
    {U'o', 10.2, "M1 5V5.1 10H9.2 5V5.1 0H1 5"},
    {U'p', 10.4, "M1.5 10L1.5 -4M1.5 5V5.2 10H9 5V5.2 0H1.5 5"},
    {U'q', 10.4, "M8.7 10L8.7 -4M8.7 5V4.9 10H1 5V4.9 0H8.7 5"},
    {U'r', 6.6, "M1.5 10L1.5 0M1.5 6V5.4 10L6.2 10"},
    {U's', 9, "M7.7 8.2V4.4 10H1.2 7.6V4.4 5.2H8 2.5V4.4 0H0.9 1.9"},
    {U't', 6.9, "M3 13L3 3V5.6 0L6.4 0M0.8 10L6.2 10"},
    {U'u', 10, "M1.5 10L1.5 3.5V4.9 0H8.4 4M8.4 10L8.4 0"},
    {U'v', 9.2, "M0.8 10L4.6 0L8.4 10"},
    {U'w', 13.6, "M0.8 10L3.8 0L6.8 10L9.8 0L12.8 10"},
    {U'x', 9, "M1 10L8 0M8 10L1 0"},
    {U'y', 9.2, "M0.8 10L4.6 0M8.4 10L3.8 -2.2V1.2 -4"},
    {U'z', 9, "M1 10L7.8 10L1 0L8 0"},
    {U'{', 6.2, "M5.2 15.6H3 13.4L3 8.4V1.2 6.5H3 4.6L3 -0.4V5.2 -2.6"},
    {U'|', 3.8, "M1.9 15.6L1.9 -2.6"},
    {U'}', 6.2, "M1 15.6H3.2 13.4L3.2 8.4V5 6.5H3.2 4.6L3.2 -0.4V1 -2.6"},
    {U'~', 10.8, "M1.2 5V3.3 7.4H5.4 6.2V7.5 5H9.6 7.4"},
    {U'\u00B0', 6, "M1 11.6V3 14H5 11.6V3 9.2H1 11.6"},
    {U'\u00B7', 3.8, "M1.9 6L1.9 6.3"},
    {U'\u00D7', 10, "M1.6 2L8.4 8.8M8.4 2L1.6 8.8"},
    {U'\u2013', 10, "M1 5.6L9 5.6"},
    {U'\u2026', 11.4, "M1.9 0.1L1.9 0.4M5.7 0.1L5.7 0.4M9.5 0.1L9.5 0.4"},
    {U'\u2192', 12.4, "M1 5.6L11.2 5.6M7.6 9L11.2 5.6L7.6 2.2"},
    {U'\u2212', 10.8, "M1.2 6.2L9.6 6.2"},
    {missing, 9.4, "M1.2 0L1.2 14L8.2 14L8.2 0L1.2 0"},
};

std::vector<std::vector<Point>> trace(std::string_view pen) {
  std::vector<std::vector<Point>> strokes;
  const char* at = pen.data();
  const char* const end = at + pen.size();
  while (at != end) {
    const char command = *at++;
    Point to;
    at = std::from_chars(at, end, to.x).ptr + 1;
    at = std::from_chars(at, end, to.y).ptr;
    if (command == 'M') {
      strokes.push_back({to});
      continue;
    }
    auto& stroke = strokes.back();
    const Point from = stroke.back();
    constexpr int pieces = 8;
    for (int i = 1; command != 'L' && i < pieces; ++i) {
      const double angle = std::numbers::pi / 2 * i / pieces, s = std::sin(angle), c = std::cos(angle);
      if (command == 'V')
        stroke.push_back({to.x + (from.x - to.x) * c, from.y + (to.y - from.y) * s});
      else
        stroke.push_back({from.x + (to.x - from.x) * s, to.y + (from.y - to.y) * c});
    }
    stroke.push_back(to);
  }
  return strokes;
}

}  // namespace

const Glyph& glyph_of(char32_t code_point) {
  static const auto& glyphs = *[] {  // never destroyed: a thread may still draw while the program ends
    auto all = std::make_unique<std::map<char32_t, Glyph>>();
    for (const auto& d : drawings) (*all)[d.code_point] = {d.advance + spacing, trace(d.pen)};
    return all.release();
  }();
  const auto found = glyphs.find(code_point);
  return found != glyphs.end() ? found->second : glyphs.at(missing);
}

std::vector<char32_t> decode_utf8(std::string_view text) {
  std::vector<char32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    char32_t point = length == 1 ? first : first & (0x7Fu >> length);
    bool good = length > 0 && i + static_cast<std::size_t>(length) <= text.size();
    for (int k = 1; good && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      good = next >> 6 == 2;
      point = point << 6 | (next & 0x3F);
    }
    points.push_back(good ? point : missing);
    i += good ? static_cast<std::size_t>(length) : 1;
  }
  return points;
}

double text_width(std::string_view utf8, double size) {
  double width = 0;
  for (char32_t point : decode_utf8(utf8)) width += glyph_of(point).advance;
  return width * size / 20;
}

std::string fit_text(std::string_view utf8, double size, double width) {
  if (text_width(utf8, size) <= width) return std::string(utf8);
  while (!utf8.empty() && text_width(std::string(utf8) + "…", size) > width) {
    std::size_t last = utf8.size() - 1;  // where the last character begins
    while (last > 0 && static_cast<unsigned char>(utf8[last]) >> 6 == 2) --last;
    utf8 = utf8.substr(0, last);
  }
  return std::string(utf8) + "…";
}

}  // namespace heddle::report
