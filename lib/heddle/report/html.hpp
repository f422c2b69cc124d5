// What pages are put together from: escaping, the frame with its style sheet, SVG. Internal.
#pragma once

#include <string>
#include <string_view>

#include "heddle/report/chart.hpp"
#include "heddle/report/surface.hpp"

namespace heddle::report {

/// The text with & < > " ' as references, and what no HTML may hold (control characters, bytes that are not UTF-8) replaced:
/// safe between tags and in quoted attributes.
std::string escape_html(std::string_view text);
/// 12,345
std::string grouped(std::int64_t number);
/// A whole page around a body: title, style sheet for light and dark, nothing loaded from anywhere.
std::string html_page(std::string_view title, std::string_view body);
/// A stretch of a curve's line with its name.
std::string legend_key(std::size_t colour, bool dashed, std::string_view name);
/// A chart with its title, and the keys of its curves, as a <figure>.
std::string chart_figure(const Chart& chart, bool legend = true);

/// Collects SVG elements.
class Svg : public Surface {
 public:
  void fill_rect(double x, double y, double width, double height, Paint paint) override;
  void polyline(const std::vector<Point>& points, double width, Paint paint, double dash = 0) override;
  void disc(Point center, double radius, Paint paint) override;
  void text(Point at, std::string_view utf8, Paint paint, const TextStyle& style = {}) override;
  void add(std::string_view element) { elements_ += element; }
  const std::string& elements() const { return elements_; }

 private:
  std::string elements_;
};

}  // namespace heddle::report
