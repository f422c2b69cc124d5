// Charts: round ticks, axes that hold for constant, single and broken series, and the SVG they become.
#include <cmath>
#include <limits>

#include "heddle/report/chart.hpp"
#include "heddle/report/curves.hpp"
#include "heddle/report/html.hpp"
#include "tests/report/markup.hpp"
#include "tests/support/catch.hpp"

using namespace heddle::report;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

void check_ticks(double low, double high, int wanted, const std::vector<double>& expected) {
  INFO(low << " to " << high);
  const auto at = ticks(low, high, wanted);
  REQUIRE(at.size() == expected.size());
  for (std::size_t i = 0; i < at.size(); ++i) CHECK(at[i] == Approx(expected[i]).margin(1e-12));
}

}  // namespace

TEST_CASE("ticks are round, and hold the data between them") {
  check_ticks(0, 100, 5, {0, 20, 40, 60, 80, 100});
  check_ticks(41.3, 78.9, 5, {40, 50, 60, 70, 80});
  check_ticks(0.61, 1.93, 5, {0.5, 1, 1.5, 2});
  check_ticks(0, 0.01, 5, {0, 0.002, 0.004, 0.006, 0.008, 0.01});
  check_ticks(-1, 1, 4, {-1, -0.5, 0, 0.5, 1});
  check_ticks(11.2, 12.4, 5, {11, 11.25, 11.5, 11.75, 12, 12.25, 12.5});
  for (double low : {-1e9, -3.7, 0.0, 1e-7, 12.0})
    for (double span : {1e-9, 0.3, 1.0, 7.0, 1e8}) {
      const auto at = ticks(low, low + span, 5);
      INFO(low << " + " << span);
      CHECK(at.size() >= 2);
      CHECK(at.size() <= 9);
      CHECK(at.front() <= low + 1e-6 * span);
      CHECK(at.back() >= low + span - 1e-6 * span);
    }
}

TEST_CASE("epochs are counted in whole numbers") {
  for (int epochs : {2, 3, 5, 7, 11, 20, 37, 175, 1000}) {
    const auto at = ticks(1, epochs, 8, true);
    INFO(epochs);
    CHECK(at.size() <= 12);
    for (double tick : at) CHECK(tick == std::floor(tick));
  }
}

TEST_CASE("labels have as many decimals as they need") {
  CHECK(tick_labels({0, 0.25, 0.5}) == std::vector<std::string>{"0", "0.25", "0.50"});
  CHECK(tick_labels({40, 50, 60}) == std::vector<std::string>{"40", "50", "60"});
  CHECK(tick_labels({0, 2e-5, 4e-5}) == std::vector<std::string>{"0", "2e-05", "4e-05"});
  CHECK(tick_labels({0.998, 1, 1.002}) == std::vector<std::string>{"0.998", "1.000", "1.002"});
}

TEST_CASE("axes are finite, whatever the series") {
  const std::vector<std::vector<Point>> all = {{},
                                               {{1, 5}},
                                               {{1, 0}, {2, 0}, {3, 0}},
                                               {{1, 72.5}, {2, 72.5}},
                                               {{1, not_a_number}, {2, infinity}},
                                               {{1, 1}, {2, not_a_number}, {3, 3}},
                                               {{1, 1e-300}, {2, 2e-300}},
                                               {{1, -1e300}, {2, 1e300}}};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (bool from_zero : {false, true}) {
      INFO("series " << i);
      const Chart chart{.title = "x", .series = {{.name = "s", .points = all[i]}}, .from_zero = from_zero};
      const Axes axes = layout(chart, 0, 0, 400, 200, 13);
      for (double v : {axes.left, axes.top, axes.width, axes.height, axes.x_low, axes.x_high}) CHECK(std::isfinite(v));
      for (double v : axes.y_ticks) CHECK(std::isfinite(v));
      CHECK(axes.x_high > axes.x_low);
      CHECK(axes.y_ticks.back() > axes.y_ticks.front());
      for (const Point& p : all[i])
        if (std::isfinite(p.y)) {
          CHECK(axes.x(p.x) >= axes.left - 0.1);
          CHECK(axes.x(p.x) <= axes.left + axes.width + 0.1);
          CHECK(axes.y(p.y) >= axes.top - 0.1);
          CHECK(axes.y(p.y) <= axes.top + axes.height + 0.1);
        }
      const std::string svg = chart_svg(chart);
      CHECK(svg.find("nan") == std::string::npos);
      CHECK(svg.find("inf") == std::string::npos);
      CHECK(heddle::test::markup_fault(svg) == "");
    }
}

TEST_CASE("a gap in the numbers is a gap in the curve, and one number a dot") {
  const std::string broken =
      chart_svg({.title = "x", .series = {{.name = "s", .points = {{1, 1}, {2, 2}, {3, not_a_number}, {4, 3}, {5, 4}}}}});
  const std::string plot = broken.substr(0, broken.find("class=\"at\""));
  std::size_t curves = 0;
  for (std::size_t at = plot.find("stroke-width=\"2\""); at != std::string::npos; at = plot.find("stroke-width=\"2\"", at + 1))
    ++curves;
  CHECK(curves == 2);
  const std::string one = chart_svg({.title = "x", .series = {{.name = "s", .points = {{1, 1}}}}});
  CHECK(one.substr(0, one.find("class=\"at\"")).find("<circle") != std::string::npos);
}

TEST_CASE("the values of every epoch are there for the mouse") {
  const std::string svg = chart_svg({.title = "Accuracy, %", .series = {{.name = "a<b", .points = {{1, 41.256}, {2, 50}}}}});
  CHECK(svg.find("epoch 2") != std::string::npos);
  CHECK(svg.find("41.26") != std::string::npos);
  CHECK(svg.find("a&lt;b") != std::string::npos);
  CHECK(svg.find("a<b") == std::string::npos);
}

TEST_CASE("a picture of charts is as tall as its legends need") {
  std::vector<NamedRun> few, many;
  for (int i = 0; i < 13; ++i)
    many.push_back({"architecture and norm number " + std::to_string(i),
                    {{1, 0.1, 2, 30, 2, 30, 1, 100}, {2, 0.1, 1, 40, 1, 40, 1, 100}}});
  few.assign(many.begin(), many.begin() + 2);
  const Image small = draw_charts("two", charts_of_runs(few)), large = draw_charts("thirteen", charts_of_runs(many));
  CHECK(small.width == large.width);
  // One run's charts have curves of different names, each chart its own legend.
  CHECK(draw_charts("one", charts_of_run(few[0].epochs)).height > 0);
  CHECK(large.height > small.height + 50);
}
