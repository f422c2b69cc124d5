// What a chart is drawn on: the same calls become pixels (Canvas) or SVG elements (Svg).
//
// A Paint holds a colour twice: in bytes for pixels, and as a CSS expression for SVG, where a page's style sheet decides and
// dark mode can change it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::report {

struct Rgba {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  friend bool operator==(const Rgba&, const Rgba&) = default;
};

struct Paint {
  Rgba rgba;
  const char* css = "";
};

/// The colours of pictures and pages; html.cpp gives the variables their values in light and dark.
namespace paint {
inline constexpr Paint page{{255, 255, 255}, "var(--card)"};
inline constexpr Paint text{{27, 36, 48}, "var(--text)"};
inline constexpr Paint muted{{93, 107, 124}, "var(--muted)"};
inline constexpr Paint grid{{226, 231, 237}, "var(--grid)"};
inline constexpr Paint good{{31, 111, 213}, "var(--good)"};
inline constexpr Paint bad{{200, 52, 40}, "var(--bad)"};
inline constexpr int series_colours = 8;
/// Colours of curves, which repeat after series_colours.
Paint series(std::size_t index);
}  // namespace paint

struct Point {
  double x = 0, y = 0;
};

enum class Align { left, center, right };

struct TextStyle {
  double size = 13;  ///< of the font; capitals are 0.7 of it tall
  Align align = Align::left;
  bool bold = false;
  bool vertical = false;  ///< read from below; align then runs upwards
};

/// Coordinates grow rightwards and downwards from the upper left corner; they need not be whole.
class Surface {
 public:
  virtual ~Surface() = default;
  virtual void fill_rect(double x, double y, double width, double height, Paint paint) = 0;
  /// A line of several points with round joints and ends; with dashes where `dash` is above 0 (as long as the gaps).
  virtual void polyline(const std::vector<Point>& points, double width, Paint paint, double dash = 0) = 0;
  virtual void disc(Point center, double radius, Paint paint) = 0;
  /// `at` is on the baseline.
  virtual void text(Point at, std::string_view utf8, Paint paint, const TextStyle& style = {}) = 0;

  void line(Point from, Point to, double width, Paint paint) { polyline({from, to}, width, paint); }
};

}  // namespace heddle::report
HD_API_END
