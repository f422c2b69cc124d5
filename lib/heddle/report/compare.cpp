#include "heddle/report/compare.hpp"

#include <algorithm>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/chart.hpp"
#include "heddle/report/curves.hpp"
#include "heddle/report/font.hpp"
#include "heddle/report/html.hpp"

namespace heddle::report {
namespace {

// The table's cells, a head and a line for each run.
std::vector<std::vector<std::string>> cells_of(const Comparison& comparison) {
  std::vector<std::vector<std::string>> lines{{"run", "parameters", "epochs", "test accuracy", "best (epoch)", "train accuracy",
                                               "test loss", "train loss", "s/epoch", "images/s"}};
  for (const auto& run : comparison.runs) {
    check(!run.epochs.empty(), "compare", "expected at least one finished epoch in {}, got none", run.name);
    const auto& last = run.epochs.back();
    const auto best = std::max_element(run.epochs.begin(), run.epochs.end(),
                                       [](const auto& a, const auto& b) { return a.test_accuracy < b.test_accuracy; });
    double seconds = 0, images = 0;
    for (const auto& row : run.epochs) seconds += row.seconds, images += row.seconds * row.images_per_second;
    lines.push_back({run.name, run.parameters ? grouped(run.parameters) : "–", std::to_string(run.epochs.size()),
                     strings::format("{}%", short_number(last.test_accuracy, 2)),
                     strings::format("{}% ({})", short_number(best->test_accuracy, 2), best->epoch),
                     strings::format("{}%", short_number(last.train_accuracy, 2)), short_number(last.test_loss, 4),
                     short_number(last.train_loss, 4), short_number(seconds / static_cast<double>(run.epochs.size()), 2),
                     seconds > 0 ? short_number(images / seconds, 0) : "–"});
  }
  return lines;
}

std::size_t best_run(const Comparison& comparison) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < comparison.runs.size(); ++i)
    if (comparison.runs[i].epochs.back().test_accuracy > comparison.runs[best].epochs.back().test_accuracy) best = i;
  return best;
}

std::vector<NamedRun> named(const Comparison& comparison) {
  std::vector<NamedRun> runs;
  for (const auto& run : comparison.runs) runs.push_back({run.name, run.epochs});
  return runs;
}

}  // namespace

std::string comparison_table(const Comparison& comparison) {
  check(!comparison.runs.empty(), "compare", "expected at least one run, got none");
  auto lines = cells_of(comparison);
  if (lines.size() > 2) lines[best_run(comparison) + 1][3] = "*" + lines[best_run(comparison) + 1][3];
  std::vector<std::size_t> widths(lines[0].size());
  const auto length = [](const std::string& text) { return decode_utf8(text).size(); };
  for (const auto& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], length(line[c]));
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) {
      const std::string space(widths[c] - length(line[c]), ' ');
      text += (c ? "  " : "") + (c ? space + line[c] : line[c] + space);
    }
    text += '\n';
  }
  return text;
}

std::string render_html(const Comparison& comparison) {
  check(!comparison.runs.empty(), "compare", "expected at least one run, got none");
  const std::string title = comparison.title.empty() ? "Comparison" : comparison.title;
  const auto lines = cells_of(comparison);
  const auto charts = charts_of_runs(named(comparison));
  const auto& keys = charts[0].series;
  std::string body = strings::format("<h1>{}</h1>\n", escape_html(title));
  if (!comparison.warning.empty()) body += strings::format("<p class=\"warn\">{}</p>\n", escape_html(comparison.warning));
  body += "<section>\n<h2>Results</h2>\n<div class=\"scroll\"><table class=\"wide stack runs\">";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const char* const tag = i ? "td" : "th";
    const bool best = i == best_run(comparison) + 1;
    body += i == 0 ? "<thead><tr>" : "<tr>";
    for (std::size_t c = 0; c < lines[i].size(); ++c) {
      std::string cell = escape_html(lines[i][c]);
      if (i && c == 0) cell = legend_key(keys[i - 1].colour, keys[i - 1].dashed, lines[i][c]);
      if (best && c == 3) cell = "<b>" + cell + "</b>";
      // Names for narrow screens, where rows become paragraphs.
      const std::string name = i && c ? strings::format(" data-n=\"{}\"", escape_html(lines[0][c])) : "";
      body += strings::format("<{0}{1}{2}>{3}</{0}>", tag, c ? " class=\"n\"" : "", name, cell);
    }
    body += i == 0 ? "</tr></thead><tbody>\n" : "</tr>\n";
  }
  body +=
      "</tbody></table></div>\n</section>\n<section>\n<h2>Curves</h2>\n<p class=\"note\">Move over a curve for its "
      "numbers.</p>\n<div class=\"charts\">\n";
  for (const auto& chart : charts) body += chart_figure(chart, false);
  body += "</div>\n</section>\n";
  std::string commands;
  for (const auto& run : comparison.runs)
    if (!run.command.empty()) commands += escape_html(run.command) + "\n";
  if (!commands.empty()) body += strings::format("<section>\n<h2>To repeat them</h2>\n<pre>{}</pre>\n</section>\n", commands);
  return html_page(title, body + "<footer>Written by heddle.</footer>\n");
}

void write_comparison(const std::filesystem::path& folder, const Comparison& comparison) {
  const std::string page = render_html(comparison);
  write_file(folder / "compare.txt", comparison_table(comparison));
  save_png(folder / "compare.png",
           draw_charts(comparison.title.empty() ? "Comparison" : comparison.title, charts_of_runs(named(comparison))));
  write_file(folder / "compare.html", page);
}

}  // namespace heddle::report
