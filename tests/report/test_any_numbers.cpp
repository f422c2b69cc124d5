// metrics.csv of any numbers becomes charts of any numbers: a file of denormals once ended `compare`, one of 1.7e308 and
// -1.7e308 never let it end.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/canvas.hpp"
#include "heddle/report/chart.hpp"
#include "heddle/report/compare.hpp"
#include "heddle/report/curves.hpp"
#include "tests/report/markup.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using namespace heddle::report;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<double> odd = {0.0,
                                 -0.0,
                                 5e-324,
                                 -5e-324,
                                 1e-310,
                                 2.2e-308,
                                 1e-300,
                                 1e-12,
                                 1,
                                 1 + 1e-15,
                                 1e15,
                                 9007199254740993.0,
                                 1e16,
                                 1e22,
                                 1e99,
                                 1e299,
                                 1e300,
                                 1.7e308,
                                 -1.7e308,
                                 std::numeric_limits<double>::max(),
                                 std::numeric_limits<double>::lowest(),
                                 std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()};

std::vector<MetricsRow> read(const std::string& lines) {
  test::Folder folder;
  write_file(folder / "metrics.csv", std::string(MetricsCsv::header) + "\n" + lines);
  return read_metrics_csv(folder / "metrics.csv");
}

}  // namespace

TEST_CASE("ticks end, whatever the range") {
  for (double low : odd)
    for (double high : odd)
      for (bool whole : {false, true}) {
        const auto at = ticks(low, high, 5, whole);
        INFO(low << " to " << high);
        REQUIRE(at.size() >= 2);
        REQUIRE(at.size() <= 12);
        for (std::size_t i = 0; i < at.size(); ++i) {
          CHECK(std::isfinite(at[i]));
          if (i) CHECK(at[i] > at[i - 1]);
        }
        CHECK(tick_labels(at).size() == at.size());
      }
}

TEST_CASE("charts of any two numbers are drawn, as pictures and as pages") {
  for (double first : odd)
    for (double second : odd) {
      INFO(first << " and " << second);
      const Chart chart{.title = "odd",
                        .series = {{.name = "y", .points = {{1, first}, {2, second}}, .dashed = true},
                                   {.name = "x", .points = {{first, 1}, {second, 2}}}}};
      const Axes axes = layout(chart, 0, 0, 400, 200, 13);
      for (double v : {axes.left, axes.width, axes.x_low, axes.x_high, axes.y_ticks.front(), axes.y_ticks.back()})
        CHECK(std::isfinite(v));
      CHECK(axes.x_high > axes.x_low);
      const std::string svg = chart_svg(chart);
      CHECK(svg.size() < 100000);
      CHECK(test::markup_fault(svg) == "");
      CHECK(svg.find("nan") == std::string::npos);
    }
  for (double value : odd) {
    const std::vector<MetricsRow> rows = {{1, value, value, value, value, value, value, value}, {2, 1, 1, 1, 1, 1, 1, 1}};
    Comparison comparison;
    comparison.runs.resize(2);
    comparison.runs[0].epochs = rows;
    comparison.runs[1].epochs = {{1, 0, 0, 0, 0, 0, 0, 0}, {1, value, value, value, value, value, value, value}, {-7, 1, 1, 1, 1, 1, 1, 1}};
    CHECK(comparison_table(comparison).size() < 2000);  // no numbers of 309 digits
    CHECK(draw_charts("odd", charts_of_run(rows)).height > 0);
  }
}

TEST_CASE("a canvas takes any coordinates") {
  Canvas canvas(40, 30);
  for (double a : odd)
    for (double b : odd) {
      canvas.polyline({{a, b}, {b, a}, {20, 10}}, 2, paint::text, 3);
      canvas.disc({a, b}, 3, paint::text);
      canvas.fill_rect(a, b, b, a, paint::text);
      canvas.text({a, b}, "x", paint::text, {.align = Align::center});
    }
  CHECK(canvas.image().width == 40);
}

TEST_CASE("rows of metrics.csv are eight numbers, the first of them whole") {
  CHECK(read("").empty());
  CHECK(read("1,0.1,nan,0,inf,0,1,1\n3,5e-324,-1.7e308,0,1,0,1,1\n").size() == 2);
  CHECK(read("2,1,1,1,1,1,1,1\n2,1,1,1,1,1,1,1\n-1,1,1,1,1,1,1,1\n").size() == 3);
  for (const char* bad : {"1.0,1,1,1,1,1,1,1", "nan,1,1,1,1,1,1,1", "1e3,1,1,1,1,1,1,1", "99999999999,1,1,1,1,1,1,1", "1,1,1,1,1,1,1",
                          "1,1,1,1,1,1,1,1,1", "1,1,1,1,1,1,1,", ",,,,,,,", "1,1,1,1,1,1,1,1x", "\n", "1, 1,1,1,1,1,1,1"}) {
    INFO(bad);
    CHECK_THROWS_WITH(read(bad), ContainsSubstring("metrics.csv") && ContainsSubstring("in line"));
  }
  CHECK_THROWS_WITH(read("\x1b[31m" + std::string(5000, 'x')),
                    ContainsSubstring("\\x1b[31m") && !ContainsSubstring(std::string(300, 'x')));
}
