#include "heddle/report/canvas.hpp"

#include <algorithm>
#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/report/font.hpp"

namespace heddle::report {
namespace {

// Within what can be counted in pixels. A line that leaves the canvas ends far outside of it; NaN becomes such a place, too.
Point within_reach(Point p) {
  constexpr double far = 1e5;
  const auto limited = [](double v) { return v < far ? std::max(v, -far) : far; };
  return {limited(p.x), limited(p.y)};
}

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const double t = length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0) : 0.0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// The drawn parts of a dashed line, whose dashes are as long as its gaps.
std::vector<std::vector<Point>> dashes_of(const std::vector<Point>& points, double dash) {
  std::vector<std::vector<Point>> parts;
  bool drawing = true;
  double left = dash;
  if (!points.empty()) parts.push_back({points[0]});
  for (std::size_t i = 1; i < points.size(); ++i) {
    Point from = points[i - 1];
    const Point to = points[i];
    for (;;) {
      const double length = std::hypot(to.x - from.x, to.y - from.y);
      if (length <= left) {
        left -= length;
        if (drawing) parts.back().push_back(to);
        break;
      }
      from = {from.x + (to.x - from.x) * left / length, from.y + (to.y - from.y) * left / length};
      if (drawing)
        parts.back().push_back(from);
      else
        parts.push_back({from});
      drawing = !drawing;
      left = dash;
    }
  }
  return parts;
}

// Heights of letters land on whole pixels, so that horizontal strokes are sharp: each of the font's four lines is rounded,
// and what lies between them is moved along.
double snapped_height(double y, double unit) {
  constexpr double lines[] = {-4, 0, 10, 14};
  int i = y < 0 ? 0 : y < 10 ? 1 : 2;
  const double low = std::round(lines[i] * unit), high = std::round(lines[i + 1] * unit);
  return low + (y - lines[i]) / (lines[i + 1] - lines[i]) * (high - low);
}

}  // namespace

Paint paint::series(std::size_t index) {
  static constexpr Paint colours[series_colours] = {{{47, 111, 222}, "var(--s0)"}, {{209, 98, 12}, "var(--s1)"},
                                                    {{20, 140, 86}, "var(--s2)"},  {{130, 80, 223}, "var(--s3)"},
                                                    {{207, 50, 94}, "var(--s4)"},  {{11, 135, 155}, "var(--s5)"},
                                                    {{142, 116, 10}, "var(--s6)"}, {{184, 68, 166}, "var(--s7)"}};
  return colours[index % series_colours];
}

Canvas::Canvas(int width, int height, Paint background, double scale) : scale_(scale) {
  check(width > 0 && height > 0 && scale > 0, "canvas", "expected a size above 0, got {} x {} at {}", width, height, scale);
  image_.width = std::max(1, static_cast<int>(std::lround(width * scale)));
  image_.height = std::max(1, static_cast<int>(std::lround(height * scale)));
  image_.channels = 4;
  image_.pixels.resize(static_cast<std::size_t>(image_.width) * image_.height * 4);
  const Rgba c = background.rgba;
  for (std::size_t i = 0; i < image_.pixels.size(); i += 4)
    image_.pixels[i] = c.r, image_.pixels[i + 1] = c.g, image_.pixels[i + 2] = c.b, image_.pixels[i + 3] = c.a;
}

void Canvas::blend(int x, int y, Rgba colour, double coverage) {
  std::uint8_t* const pixel = image_.pixels.data() + (static_cast<std::size_t>(y) * image_.width + x) * 4;
  const double a = coverage * colour.a / 255;
  const auto mix = [a](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(std::lround(below + (above - below) * a));
  };
  pixel[0] = mix(pixel[0], colour.r), pixel[1] = mix(pixel[1], colour.g), pixel[2] = mix(pixel[2], colour.b);
  pixel[3] = static_cast<std::uint8_t>(std::lround(pixel[3] + (255 - pixel[3]) * a));
}

void Canvas::fill_rect(double x, double y, double width, double height, Paint paint) {
  const Point from = within_reach({x * scale_, y * scale_}), to = within_reach({(x + width) * scale_, (y + height) * scale_});
  const double left = std::max(0.0, from.x), right = std::min<double>(image_.width, to.x);
  const double top = std::max(0.0, from.y), bottom = std::min<double>(image_.height, to.y);
  for (int py = static_cast<int>(top); py < bottom; ++py)
    for (int px = static_cast<int>(left); px < right; ++px) {
      const double share_x = std::min(px + 1.0, right) - std::max<double>(px, left);
      const double share_y = std::min(py + 1.0, bottom) - std::max<double>(py, top);
      if (share_x > 0 && share_y > 0) blend(px, py, paint.rgba, share_x * share_y);
    }
}

void Canvas::stroke(const std::vector<std::vector<Point>>& lines, double width, Rgba colour) {
  const double reach = width / 2 + 1;
  double x0 = image_.width, y0 = image_.height, x1 = 0, y1 = 0;
  for (const auto& line : lines)
    for (const Point& p : line) x0 = std::min(x0, p.x), y0 = std::min(y0, p.y), x1 = std::max(x1, p.x), y1 = std::max(y1, p.y);
  const int left = std::max(0, static_cast<int>(x0 - reach)), right = std::min(image_.width, static_cast<int>(x1 + reach) + 1);
  const int top = std::max(0, static_cast<int>(y0 - reach)), bottom = std::min(image_.height, static_cast<int>(y1 + reach) + 1);
  if (left >= right || top >= bottom) return;
  std::vector<float> mask(static_cast<std::size_t>(right - left) * (bottom - top));
  const auto cover = [&](Point a, Point b) {
    const int from_x = std::max(left, static_cast<int>(std::min(a.x, b.x) - reach)),
              to_x = std::min(right, static_cast<int>(std::max(a.x, b.x) + reach) + 1);
    const int from_y = std::max(top, static_cast<int>(std::min(a.y, b.y) - reach)),
              to_y = std::min(bottom, static_cast<int>(std::max(a.y, b.y) + reach) + 1);
    for (int y = from_y; y < to_y; ++y)
      for (int x = from_x; x < to_x; ++x) {
        const double inside = width / 2 + 0.5 - distance_to_segment({x + 0.5, y + 0.5}, a, b);
        float& covered = mask[static_cast<std::size_t>(y - top) * (right - left) + (x - left)];
        covered = std::max(covered, static_cast<float>(std::clamp(inside, 0.0, std::min(1.0, width))));
      }
  };
  for (const auto& line : lines) {
    if (line.size() == 1) cover(line[0], line[0]);
    for (std::size_t i = 1; i < line.size(); ++i) cover(line[i - 1], line[i]);
  }
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x)
      if (const float covered = mask[static_cast<std::size_t>(y - top) * (right - left) + (x - left)]; covered > 0)
        blend(x, y, colour, covered);
}

void Canvas::polyline(const std::vector<Point>& points, double width, Paint paint, double dash) {
  std::vector<Point> scaled;
  for (const Point& p : points) scaled.push_back(within_reach({p.x * scale_, p.y * scale_}));
  const auto lines = dash > 0 ? dashes_of(scaled, dash * scale_) : std::vector<std::vector<Point>>{scaled};
  stroke(lines, width * scale_, paint.rgba);
}

void Canvas::disc(Point center, double radius, Paint paint) {
  const std::vector<Point> dot = {within_reach({center.x * scale_, center.y * scale_})};
  stroke(std::vector<std::vector<Point>>{dot}, 2 * radius * scale_, paint.rgba);
}

void Canvas::text(Point at, std::string_view utf8, Paint paint, const TextStyle& style) {
  const double size = style.size * scale_, unit = size / 20;
  const double weight = std::max(style.bold ? 1.6 : 1.1, size * (style.bold ? 0.125 : 0.09));
  const double before = style.align == Align::left ? 0 : text_width(utf8, size) / (style.align == Align::center ? 2 : 1);
  // A stroke of an odd number of pixels is sharp when its middle is a pixel's middle.
  const double middle = std::lround(weight) % 2 ? 0.5 : 0;
  const Point place = within_reach({at.x * scale_, at.y * scale_});
  const double base_x = std::round(place.x - (style.vertical ? 0 : before)) + (style.vertical ? middle : 0);
  const double base_y = std::round(place.y + (style.vertical ? before : 0)) + (style.vertical ? 0 : -middle);
  double pen = 0;
  for (char32_t code_point : decode_utf8(utf8)) {
    const Glyph& glyph = glyph_of(code_point);
    auto strokes = glyph.strokes;
    for (auto& line : strokes)
      for (Point& p : line) {
        const double along = pen + p.x * unit, up = snapped_height(p.y, unit);
        p = style.vertical ? Point{base_x - up, base_y - along} : Point{base_x + along, base_y - up};
      }
    stroke(strokes, weight, paint.rgba);
    pen += glyph.advance * unit;
  }
}

void Canvas::blit(const Image& image, double x, double y, double width, double height) {
  const int left = static_cast<int>(std::lround(x * scale_)), top = static_cast<int>(std::lround(y * scale_));
  const int wide = static_cast<int>(std::lround(width * scale_)), tall = static_cast<int>(std::lround(height * scale_));
  for (int py = std::max(0, -top); py < std::min(tall, image_.height - top); ++py)
    for (int px = std::max(0, -left); px < std::min(wide, image_.width - left); ++px) {
      const std::uint8_t* const from = image.at(px * image.width / wide, py * image.height / tall);
      const bool grey = image.channels == 1;
      blend(left + px, top + py,
            {from[0], from[grey ? 0 : 1], from[grey ? 0 : 2], image.channels == 4 ? from[3] : std::uint8_t{255}}, 1);
    }
}

}  // namespace heddle::report
