// Charts as SVG: the elements, and the values under the mouse. These need no script: each epoch has a transparent strip with a
// group beside it that CSS shows while the mouse (or a finger) is on the strip.
#include <algorithm>
#include <cmath>
#include <map>

#include "heddle/base/check.hpp"
#include "heddle/report/chart.hpp"
#include "heddle/report/font.hpp"
#include "heddle/report/html.hpp"

namespace heddle::report {
namespace {

// The user's units; on a wide screen one is about a pixel. The style sheet makes the axes' text `axis_size`, and larger on
// narrow screens, up to room_size.
constexpr double chart_width = 480, chart_height = 280, room_size = 17, tip_size = 14;

struct Row {
  const Series* series;
  double value;
};

// The group that one epoch shows: a line, a dot on each curve, a box of values on the side that has more room.
void add_tip(Svg& svg, const Chart& chart, const Axes& axes, double at, const std::vector<Row>& rows) {
  const double x = axes.x(at), line_height = std::min(19.0, (chart_height - 24) / static_cast<double>(rows.size() + 1));
  const double size = std::min(tip_size, line_height * 0.8);
  std::vector<std::string> values;
  const std::string head = chart.x_name + " " + x_text(chart, at);
  double names_width = 0, values_width = 0;
  for (const Row& row : rows) {
    values.push_back(chart.decimals < 0 ? strings::format("{:.4g}", row.value) : short_number(row.value, chart.decimals));
    names_width = std::max(names_width, text_width(fit_text(row.series->name, size, 200), size));
    values_width = std::max(values_width, text_width(values.back(), size));
  }
  // A browser's letters are up to a sixth wider than ours.
  const double width = std::max(1.18 * (names_width + values_width) + 44, 1.18 * text_width(head, size) + 16);
  const double height = line_height * static_cast<double>(rows.size() + 1) + 8;
  double left = x < axes.left + axes.width / 2 ? x + 10 : x - 10 - width;
  left = std::clamp(left, 0.0, std::max(0.0, chart_width - width));
  const double top = std::max(0.0, std::min(axes.top + 4, chart_height - height));
  svg.add("<g class=\"tip\">");
  svg.line({x, axes.top}, {x, axes.top + axes.height}, 1, paint::muted);
  for (const Row& row : rows) svg.disc({x, axes.y(row.value)}, 4, paint::series(row.series->colour));
  svg.add(strings::format("<rect class=\"box\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"5\"/>", left, top,
                      width, height));
  svg.text({left + 8, top + line_height * 0.85}, head, paint::muted, {.size = size});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = top + line_height * (static_cast<double>(i) + 1.85);
    svg.disc({left + 13, y - size * 0.35}, 4, paint::series(rows[i].series->colour));
    svg.text({left + 22, y}, fit_text(rows[i].series->name, size, 200), paint::text, {.size = size});
    svg.text({left + width - 8, y}, values[i], paint::text, {.size = size, .align = Align::right});
  }
  svg.add("</g>");
}

}  // namespace

void Svg::fill_rect(double x, double y, double width, double height, Paint paint) {
  elements_ += strings::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>", x, y, width,
                           height, paint.css);
}

void Svg::polyline(const std::vector<Point>& points, double width, Paint paint, double dash) {
  elements_ += "<polyline points=\"";
  for (std::size_t i = 0; i < points.size(); ++i)
    elements_ += strings::format("{}{:.1f},{:.1f}", i ? " " : "", points[i].x, points[i].y);
  elements_ +=
      strings::format("\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:g}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"",
                  paint.css, width);
  // Round ends lengthen a dash by the line's width.
  if (dash > 0) elements_ += strings::format(" stroke-dasharray=\"{:g} {:g}\"", dash - width / 2, dash + width / 2);
  elements_ += "/>";
}

void Svg::disc(Point center, double radius, Paint paint) {
  elements_ +=
      strings::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:g}\" fill=\"{}\"/>", center.x, center.y, radius, paint.css);
}

void Svg::text(Point at, std::string_view utf8, Paint paint, const TextStyle& style) {
  const char* const anchors[] = {"start", "middle", "end"};
  elements_ += strings::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\" text-anchor=\"{}\" style=\"--size:{:g}px\"", at.x, at.y,
                           paint.css, anchors[static_cast<int>(style.align)], style.size);
  if (style.bold) elements_ += " font-weight=\"600\"";
  if (style.vertical) elements_ += strings::format(" transform=\"rotate(-90 {:.1f} {:.1f})\"", at.x, at.y);
  elements_ += '>';
  elements_ += escape_html(utf8);
  elements_ += "</text>";
}

std::string chart_svg(const Chart& chart) {
  const Axes axes = layout(chart, 0, 0, chart_width, chart_height, room_size);
  Svg svg;
  svg.add("<g class=\"plot\">");
  draw_plot(svg, chart, axes, room_size);
  svg.add("</g>");
  std::map<double, std::vector<Row>> epochs;
  for (const auto& series : chart.series)
    for (const Point& p : series.points)
      if (drawable(p)) epochs[p.x].push_back({&series, p.y});
  for (auto it = epochs.begin(); it != epochs.end(); ++it) {
    // A strip reaches half way to the neighbours.
    const double from = it == epochs.begin() ? axes.left : (axes.x(std::prev(it)->first) + axes.x(it->first)) / 2;
    const double to = std::next(it) == epochs.end() ? axes.left + axes.width + 0.8 * room_size
                                                    : (axes.x(it->first) + axes.x(std::next(it)->first)) / 2;
    svg.add(strings::format("<g class=\"at\"><rect x=\"{:.1f}\" y=\"0\" width=\"{:.1f}\" height=\"{}\" fill=\"transparent\"/>",
                        from, to - from, chart_height));
    add_tip(svg, chart, axes, it->first, it->second);
    svg.add("</g>");
  }
  return strings::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{} by {}\">{}</svg>", chart_width, chart_height,
                     escape_html(chart.title), escape_html(chart.x_name), svg.elements());
}

std::string legend_key(std::size_t colour, bool dashed, std::string_view name) {
  return strings::format(
      "<span class=\"key\"><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><line x1=\"2\" y1=\"4\" x2=\"22\" y2=\"4\" "
      "stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\"{}/></svg><span>{}</span></span>",
      paint::series(colour).css, dashed ? " stroke-dasharray=\"4 6\"" : "", escape_html(name));
}

std::string chart_figure(const Chart& chart, bool legend) {
  std::string keys;
  for (const auto& series : chart.series)
    if (legend) keys += legend_key(series.colour, series.dashed, series.name);
  return strings::format("<figure class=\"chart\"><figcaption><b>{}</b>{}</figcaption>{}</figure>\n", escape_html(chart.title),
                     keys, chart_svg(chart));
}

}  // namespace heddle::report
