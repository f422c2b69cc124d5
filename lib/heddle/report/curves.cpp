#include "heddle/report/curves.hpp"

#include <algorithm>

#include "heddle/base/check.hpp"
#include "heddle/report/canvas.hpp"
#include "heddle/report/font.hpp"
#include "heddle/report/html.hpp"

namespace heddle::report {
namespace {

Series series_of(std::string name, const std::vector<MetricsRow>& epochs, double MetricsRow::*value, std::size_t colour,
                 bool dashed) {
  Series series{.name = std::move(name), .points = {}, .colour = colour, .dashed = dashed};
  for (const auto& row : epochs) series.points.push_back({static_cast<double>(row.epoch), row.*value});
  return series;
}

}  // namespace

std::vector<Chart> charts_of_run(const std::vector<MetricsRow>& epochs) {
  const auto one = [&](const char* name, double MetricsRow::*value, std::size_t colour, bool dashed) {
    return series_of(name, epochs, value, colour, dashed);
  };
  return {{.title = "Accuracy, %",
           .series = {one("train", &MetricsRow::train_accuracy, 1, true), one("test", &MetricsRow::test_accuracy, 0, false)}},
          {.title = "Loss",
           .series = {one("train", &MetricsRow::train_loss, 1, true), one("test", &MetricsRow::test_loss, 0, false)},
           .decimals = 4},
          {.title = "Learning rate",
           .series = {one("at the epoch's end", &MetricsRow::lr, 2, false)},
           .decimals = -1,
           .from_zero = true},
          {.title = "Seconds an epoch",
           .series = {one("training, without the test", &MetricsRow::seconds, 3, false)},
           .from_zero = true}};
}

std::vector<Chart> charts_of_runs(const std::vector<NamedRun>& runs) {
  const auto all = [&](const char* title, double MetricsRow::*value, int decimals, bool from_zero) {
    Chart chart{.title = title, .series = {}, .decimals = decimals, .from_zero = from_zero};
    for (std::size_t i = 0; i < runs.size(); ++i)
      chart.series.push_back(series_of(runs[i].name, runs[i].epochs, value, i, i / paint::series_colours % 2 == 1));
    return chart;
  };
  return {all("Test accuracy, %", &MetricsRow::test_accuracy, 2, false),
          all("Test loss", &MetricsRow::test_loss, 4, false),
          all("Train accuracy, %", &MetricsRow::train_accuracy, 2, false),
          all("Train loss", &MetricsRow::train_loss, 4, false),
          all("Learning rate", &MetricsRow::lr, -1, true),
          all("Seconds an epoch", &MetricsRow::seconds, 2, true)};
}

Image draw_charts(const std::string& title, const std::vector<Chart>& charts) {
  constexpr double font = 13, column = 430, plot_height = 210, edge = 22, gap = 26;
  const double width = 2 * column + gap + 2 * edge;
  // Where all charts have the same curves, one legend below the title serves them all.
  Chart shared;
  const auto names = [](const Chart& chart) {
    std::vector<std::string> all;
    for (const auto& series : chart.series) all.push_back(series.name);
    return all;
  };
  if (charts.size() > 1 &&
      std::all_of(charts.begin(), charts.end(), [&](const Chart& c) { return names(c) == names(charts[0]); }))
    shared.series = charts[0].series;
  const auto draw_head = [&](Surface& surface, Chart chart, Point at) {
    if (!shared.series.empty()) chart.series.clear();
    return draw_legend(surface, chart, at, column, font);
  };
  // The legends first, on a canvas that is thrown away, since they say how tall everything is.
  Canvas scratch(static_cast<int>(width), 40);
  const double top =
      edge + 34 + (shared.series.empty() ? 0 : draw_legend(scratch, shared, {0, 0}, width - 2 * edge, font) + 10);
  std::vector<double> tall;
  double height = top;
  for (std::size_t i = 0; i < charts.size(); i += 2) {
    tall.push_back(0);
    for (std::size_t k = i; k < std::min(i + 2, charts.size()); ++k)
      tall.back() = std::max(tall.back(), draw_head(scratch, charts[k], {0, 0}));
    height += tall.back() + plot_height + gap;
  }
  Canvas canvas(static_cast<int>(width), static_cast<int>(height), paint::page, 1.5);
  canvas.text({edge, edge + 14}, fit_text(title, 20, width - 2 * edge), paint::text, {.size = 20, .bold = true});
  if (!shared.series.empty()) draw_legend(canvas, shared, {edge, edge + 34}, width - 2 * edge, font);
  double y = top;
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const double x = edge + static_cast<double>(i % 2) * (column + gap);
    draw_head(canvas, charts[i], {x, y});
    draw_plot(canvas, charts[i], layout(charts[i], x, y + tall[i / 2], column, plot_height, font), font);
    if (i % 2 == 1) y += tall[i / 2] + plot_height + gap;
  }
  return canvas.image();
}

std::string charts_page(const std::string& title, const std::string& note, const std::vector<Chart>& charts) {
  std::string body = strings::format("<h1>{}</h1>\n<p class=\"note\">{}</p>\n<section><div class=\"charts\">\n", escape_html(title),
                                 escape_html(note));
  for (const Chart& chart : charts) body += chart_figure(chart);
  return html_page(title, body + "</div></section>\n");
}

}  // namespace heddle::report
