#include "heddle/report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "heddle/base/check.hpp"
#include "heddle/report/font.hpp"

namespace heddle::report {
namespace {

constexpr double largest_drawn = 1e300, least_span = 1e-290;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
};

// Decimals that show a multiple of `step` exactly: 0.25 needs 2.
int decimals_of(double step) {
  int decimals = 0;
  for (double scaled = step; decimals < 6 && std::abs(scaled - std::round(scaled)) > 1e-6 * scaled; ++decimals) scaled *= 10;
  return decimals;
}

}  // namespace

bool drawable(const Point& point) {
  return std::abs(point.x) <= largest_drawn && std::abs(point.y) <= largest_drawn;  // false for NaN, too
}

std::string short_number(double value, int decimals) {
  return std::abs(value) < 1e9 ? strings::format("{:.{}f}", value, decimals) : strings::format("{:.4g}", value);
}

std::vector<double> ticks(double low, double high, int wanted, bool whole) {
  if (!std::isfinite(low) || !std::isfinite(high)) low = 0, high = 1;
  if (low > high) std::swap(low, high);
  // Beyond these a difference overflows, or a step between ticks vanishes.
  low = std::clamp(low, -largest_drawn, largest_drawn), high = std::clamp(high, -largest_drawn, largest_drawn);
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low <= std::max(1e-12 * size, least_span)) {
    const double around = size <= least_span ? 0.5 : size / 10;
    low -= around, high += around;
  }
  const double rough = (high - low) / std::max(1, wanted);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {1.0, 2.0, 2.5, 5.0})
    if (factor * power >= rough * 0.999 && (!whole || factor * power == std::floor(factor * power))) {
      step = factor * power;
      break;
    }
  if (whole) step = std::max(1.0, step);
  std::vector<double> at;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  // Counted, not compared: a double beyond 2^53 does not grow by 1.
  const auto count = static_cast<int>(std::clamp(last - first, 0.0, 100.0));
  for (int i = 0; i <= count; ++i) at.push_back((first + i) * step);
  if (at.size() == 1) at.push_back(at[0] + step);
  return at;
}

std::vector<std::string> tick_labels(const std::vector<double>& at) {
  const double step = at.size() > 1 ? at[1] - at[0] : 1;
  double largest = 0;
  for (double v : at) largest = std::max(largest, std::abs(v));
  std::vector<std::string> labels;
  for (double v : at) {
    if (v == 0)
      labels.push_back("0");
    else if (largest >= 1e6 || largest < 1e-3)
      labels.push_back(strings::format("{:.2g}", v));
    else
      labels.push_back(strings::format("{:.{}f}", v, decimals_of(step)));
  }
  return labels;
}

std::string x_text(const Chart& chart, double x) {
  if (!chart.powers_of_ten) return strings::format("{:g}", x);
  if (x < -3 && x == std::round(x)) return strings::format("1e{:.0f}", x);
  return strings::format("{:.3g}", std::pow(10, x));
}

namespace {

std::vector<std::string> x_labels_of(const Chart& chart, const std::vector<double>& at) {
  auto labels = tick_labels(at);
  if (chart.powers_of_ten)
    for (std::size_t i = 0; i < at.size(); ++i) labels[i] = x_text(chart, at[i]);
  return labels;
}

// How far left of the plot the axis' name ends: in front of the first label, where that stands at the plot's edge.
double name_distance(const Chart& chart, const Axes& axes, double font_size) {
  if (axes.x_ticks.empty() || axes.x_ticks.front() > axes.x_low) return 0.8 * font_size;
  const double half = text_width(x_labels_of(chart, axes.x_ticks).front(), font_size) / 2;
  return std::max(0.8 * font_size, half + 0.4 * font_size);
}

}  // namespace

Axes layout(const Chart& chart, double x, double y, double width, double height, double font_size) {
  Range xs, ys;
  for (const auto& series : chart.series)
    for (const Point& p : series.points)
      if (drawable(p)) xs.add(p.x), ys.add(p.y);
  if (chart.from_zero) ys.add(0);
  Axes axes{};
  axes.y_ticks = ticks(ys.low, ys.high, 5);
  // One epoch stands in the middle; several fill the width.
  if (!(xs.low <= xs.high)) xs = {0, 1};
  const double x_size = std::max(std::abs(xs.low), std::abs(xs.high));
  const bool one = xs.high - xs.low <= std::max(1e-12 * x_size, least_span);
  const double x_around = one ? std::max(1.0, x_size / 10) : 0;
  axes.x_low = xs.low - x_around, axes.x_high = xs.high + x_around;
  if (one)
    axes.x_ticks = {xs.low};
  else
    for (double tick : ticks(xs.low, xs.high, 8, true))
      if (tick >= xs.low && tick <= xs.high) axes.x_ticks.push_back(tick);
  double label_width = text_width(chart.x_name, font_size) + name_distance(chart, axes, font_size) - 0.8 * font_size;
  for (const auto& label : tick_labels(axes.y_ticks)) label_width = std::max(label_width, text_width(label, font_size));
  axes.left = x + label_width + 0.8 * font_size;
  axes.top = y + 0.5 * font_size;
  axes.width = x + width - axes.left - 0.8 * font_size;
  axes.height = height - 2.4 * font_size;
  return axes;
}

void draw_plot(Surface& surface, const Chart& chart, const Axes& axes, double font_size) {
  const double right = axes.left + axes.width, bottom = axes.top + axes.height;
  const auto y_labels = tick_labels(axes.y_ticks);
  for (std::size_t i = 0; i < axes.y_ticks.size(); ++i) {
    const double y = axes.y(axes.y_ticks[i]);
    surface.line({axes.left, y}, {right, y}, 1, paint::grid);
    surface.text({axes.left - 0.5 * font_size, y + 0.35 * font_size}, y_labels[i], paint::muted,
                 {.size = font_size, .align = Align::right});
  }
  const auto x_labels = x_labels_of(chart, axes.x_ticks);
  for (std::size_t i = 0; i < axes.x_ticks.size(); ++i)
    surface.text({axes.x(axes.x_ticks[i]), bottom + 1.55 * font_size}, x_labels[i], paint::muted,
                 {.size = font_size, .align = Align::center});
  surface.text({axes.left - name_distance(chart, axes, font_size), bottom + 1.55 * font_size}, chart.x_name, paint::muted,
               {.size = font_size, .align = Align::right});
  for (const Mark& mark : chart.marks) {
    const double x = axes.x(mark.x), room = 0.5 * font_size;
    const bool on_the_left = x + room + text_width(mark.name, font_size) > right;
    surface.polyline({{x, axes.top}, {x, bottom}}, 1.5, paint::muted, 4);
    surface.text({on_the_left ? x - room : x + room, axes.top + font_size}, mark.name, paint::text,
                 {.size = font_size, .align = on_the_left ? Align::right : Align::left, .bold = true});
  }
  for (const auto& series : chart.series) {
    const Paint colour = paint::series(series.colour);
    std::vector<Point> line;
    const auto finish = [&] {
      if (line.size() == 1) surface.disc(line[0], 3.5, colour);
      if (line.size() > 1) surface.polyline(line, 2, colour, series.dashed ? 6 : 0);
      line.clear();
    };
    for (const Point& p : series.points)
      if (drawable(p))
        line.push_back({axes.x(p.x), axes.y(p.y)});
      else
        finish();
    finish();
  }
}

double draw_legend(Surface& surface, const Chart& chart, Point at, double width, double font_size) {
  const double row = 1.6 * font_size, key = 1.8 * font_size;
  surface.text({at.x, at.y + font_size}, chart.title, paint::text, {.size = font_size * 1.1, .bold = true});
  double x = at.x + (chart.title.empty() ? 0 : text_width(chart.title, font_size * 1.1) + 2 * font_size), y = at.y;
  for (const auto& series : chart.series) {
    const double wide = key + 0.5 * font_size + text_width(series.name, font_size);
    if (x + wide > at.x + width && x > at.x) x = at.x, y += row;
    surface.polyline({{x, y + 0.65 * font_size}, {x + key, y + 0.65 * font_size}}, 2.5, paint::series(series.colour),
                     series.dashed ? 6 : 0);
    surface.text({x + key + 0.5 * font_size, y + font_size}, fit_text(series.name, font_size, width - key - font_size),
                 paint::text, {.size = font_size});
    x += wide + 1.4 * font_size;
  }
  return y + row - at.y;
}

}  // namespace heddle::report
