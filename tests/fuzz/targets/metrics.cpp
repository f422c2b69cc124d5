// metrics.csv of a run, or of two runs in two parts: the table, the page and the charts that are made of them.
#include "heddle/report/canvas.hpp"
#include "heddle/report/compare.hpp"
#include "heddle/report/curves.hpp"
#include "heddle/report/metrics_csv.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  report::Comparison comparison{.title = "runs", .warning = {}, .runs = {}};
  const bool read = [&] {
    const fuzz::Input input(data, size);
    return fuzz::accepts([&] {
      for (const int part : {0, 1}) {
        const std::string text(fuzz::part_of(input.bytes(), part));
        if (part == 0 || !text.empty())
          comparison.runs.push_back({.name = "run", .epochs = report::parse_metrics_csv(text, "a file"), .command = {}});
      }
    });
  }();
  if (!read) return 0;
  // A page has ten kilobytes for each epoch, in six charts, and a line may have no more than 16 bytes.
  const fuzz::Input drawn(data, size, (8 << 20) + 2048 * size);
  fuzz::accepts([&] {
    fuzz::require(!report::comparison_table(comparison).empty(), "runs with epochs have a table");
    fuzz::require(report::render_html(comparison).ends_with("</html>\n"), "a page has an end");
    for (const auto& chart : report::charts_of_run(comparison.runs[0].epochs)) {
      report::Canvas canvas(240, 160);
      const auto axes = report::layout(chart, 0, 0, 240, 160, 13);
      fuzz::require(axes.y_ticks.size() > 1 && axes.y_ticks.size() < 100, "an axis has a few ticks");
      fuzz::require(axes.x_ticks.size() < 100, "an axis has a few ticks");
      report::draw_plot(canvas, chart, axes, 13);
    }
  });
  return 0;
}
