// Curves over epochs, or over something else: axes with round numbers, lines, and what is shown when the mouse is over them.
#pragma once

#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/report/surface.hpp"

HD_API_BEGIN
namespace heddle::report {

struct Series {
  std::string name;
  std::vector<Point> points;  ///< x growing; one that is not drawable() leaves a gap
  std::size_t colour = 0;     ///< of paint::series
  bool dashed = false;
};

/// A value of x worth a line of its own.
struct Mark {
  double x = 0;
  std::string name;
};

struct Chart {
  std::string title;  ///< with the unit: "Accuracy, %"
  std::vector<Series> series;
  int decimals = 2;        ///< of a value under the mouse; -1: four significant digits
  bool from_zero = false;  ///< the vertical axis begins at 0
  std::string x_name = "epoch";
  bool powers_of_ten = false;  ///< x is shown as ten to the power of it
  std::vector<Mark> marks = {};
};

/// Whether a chart can show the point: its numbers are finite and so far from the largest double that differences of them are
/// finite too (below 1e300).
bool drawable(const Point& point);

/// Round numbers (1, 2, 2.5 or 5 times a power of ten apart; whole numbers apart if `whole`), about `wanted` of them, the
/// first at or below `low` and the last at or above `high`. Limits that are equal, or too near each other or too far apart for
/// numbers of this type, are moved first; what is not finite counts as 0 and 1.
std::vector<double> ticks(double low, double high, int wanted, bool whole = false);
/// `decimals` of them, or so many significant digits where that would be longer than people read.
std::string short_number(double value, int decimals);
/// Ticks as text, with as many decimals as tell them apart.
std::vector<std::string> tick_labels(const std::vector<double>& at);

/// The value of x as people read it.
std::string x_text(const Chart& chart, double x);

/// How a chart lies in its rectangle.
struct Axes {
  double left, top, width, height;  ///< of the plot, inside the labels
  std::vector<double> x_ticks, y_ticks;
  double x_low, x_high;  ///< the vertical axis spans y_ticks

  double x(double value) const { return left + (value - x_low) / (x_high - x_low) * width; }
  double y(double value) const {
    return top + height - (value - y_ticks.front()) / (y_ticks.back() - y_ticks.front()) * height;
  }
};
/// Axes for a chart in a rectangle whose labels have this font size.
Axes layout(const Chart& chart, double x, double y, double width, double height, double font_size);

/// Grid, labels and lines.
void draw_plot(Surface& surface, const Chart& chart, const Axes& axes, double font_size);
/// Title and legend in a row (or several) that begins at `at`; returns the height it took.
double draw_legend(Surface& surface, const Chart& chart, Point at, double width, double font_size);
/// The chart as an SVG element that fills its parent's width, with the values of each epoch under the mouse.
std::string chart_svg(const Chart& chart);

}  // namespace heddle::report
HD_API_END
