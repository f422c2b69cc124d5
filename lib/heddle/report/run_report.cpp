#include "heddle/report/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/class_scores.hpp"
#include "heddle/report/curves.hpp"
#include "heddle/report/html.hpp"

namespace heddle::report {
namespace {

void check_report(const RunReport& r) {
  const auto classes = static_cast<int>(r.class_names.size());
  const auto named = [&](int index, const char* what) {
    check(0 <= index && index < classes, "report", "expected a class below {} in {}, got {}", classes, what, index);
  };
  for (const auto& m : r.mistakes) named(m.label, "the mistakes"), named(m.predicted, "the mistakes");
  for (const auto& s : r.samples) named(s.label, "the samples");
  check(r.confusion.empty() || r.confusion.size() == r.class_names.size(), "report",
        "expected a confusion matrix of {} rows, got {}", classes, r.confusion.size());
  for (const auto& row : r.confusion)
    check(row.size() == r.class_names.size(), "report", "expected confusion rows of {} numbers, got {}", classes, row.size());
  check(r.class_counts.empty() || r.class_counts.size() == r.class_names.size(), "report", "expected {} class counts, got {}",
        classes, r.class_counts.size());
}

std::string name_of(const RunReport& r, int index) {
  return escape_html(r.class_names[static_cast<std::size_t>(index)]);
}

std::string section(std::string_view title, std::string_view note, std::string_view body) {
  return strings::format("<section>\n<h2>{}</h2>\n{}{}</section>\n", title,
                     note.empty() ? "" : strings::format("<p class=\"note\">{}</p>\n", note), body);
}

std::string facts_list(const Facts& facts) {
  std::string list = "<dl>";
  for (const auto& [name, value] : facts) list += strings::format("<dt>{}</dt><dd>{}</dd>", escape_html(name), escape_html(value));
  return list + "</dl>";
}

std::string pixels(const Image& image, const std::string& alt) {
  return strings::format("<img class=\"pixels\" src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\" loading=\"lazy\"/>",
                     data_uri(image), image.width, image.height, alt);
}

std::string head(const RunReport& r) {
  std::string html = strings::format("<h1>{}</h1>\n", escape_html(r.title.empty() ? "Training" : r.title));
  if (!r.warning.empty()) html += strings::format("<p class=\"warn\">{}</p>\n", escape_html(r.warning));
  if (r.epochs.empty()) return html;
  const auto best = std::max_element(r.epochs.begin(), r.epochs.end(),
                                     [](const auto& a, const auto& b) { return a.test_accuracy < b.test_accuracy; });
  double seconds = 0;
  for (const auto& row : r.epochs) seconds += row.seconds;
  const auto& last = r.epochs.back();
  const auto fact = [&](const std::string& value, const std::string& name) {
    html += strings::format("<div><b>{}</b><span>{}</span></div>", value, name);
  };
  html += "<div class=\"facts\">";
  fact(strings::format("{:.2f}%", last.test_accuracy), "test accuracy at the end");
  fact(strings::format("{:.2f}%", best->test_accuracy), strings::format("best test accuracy, epoch {}", best->epoch));
  fact(strings::format("{:.2f}%", last.train_accuracy), "train accuracy at the end");
  fact(std::to_string(r.epochs.size()), r.epochs.size() == 1 ? "epoch" : "epochs");
  fact(seconds < 600 ? strings::format("{:.1f} s", seconds) : strings::format("{:.1f} min", seconds / 60), "of training");
  fact(grouped(static_cast<std::int64_t>(last.images_per_second + 0.5)), "images a second");
  return html + "</div>\n";
}

// A cell with a number. Where a screen is too narrow for a table its rows become paragraphs, and cells say what they are.
template <class T>
std::string number(std::string_view name, strings::Format<T> format, T value) {
  return strings::format("<td class=\"n\" data-n=\"{}\">{}</td>", name, strings::format(format, std::move(value)));
}

std::string curves(const RunReport& r) {
  std::string body = "<div class=\"charts\">\n";
  for (const auto& chart : charts_of_run(r.epochs)) body += chart_figure(chart);
  body +=
      "</div>\n<details><summary>Every epoch in numbers</summary><div class=\"scroll\"><table class=\"wide "
      "stack\"><thead><tr><th "
      "class=\"n\">epoch</th>"
      "<th class=\"n\">learning rate</th><th class=\"n\">train loss</th><th class=\"n\">train accuracy</th><th "
      "class=\"n\">test loss</th>"
      "<th class=\"n\">test accuracy</th><th class=\"n\">seconds</th><th class=\"n\">images/s</th></tr></thead><tbody>\n";
  for (const auto& row : r.epochs)
    body +=
        strings::format("<tr>{}{}{}{}{}{}{}{}</tr>\n", number("epoch", "{}", row.epoch), number("learning rate", "{:.4g}", row.lr),
                    number("train loss", "{:.4f}", row.train_loss), number("train accuracy", "{:.2f}%", row.train_accuracy),
                    number("test loss", "{:.4f}", row.test_loss), number("test accuracy", "{:.2f}%", row.test_accuracy),
                    number("seconds", "{:.2f}", row.seconds), number("images/s", "{:.0f}", row.images_per_second));
  return section(
      "Curves",
      "Train is measured while the epoch runs, over a network that changes; test after it. Move over a curve for its numbers.",
      body + "</tbody></table></div></details>\n");
}

std::string confusion_table(const RunReport& r) {
  std::string table = "<table class=\"matrix\"><thead><tr><th></th>";
  for (const auto& name : r.class_names) table += strings::format("<th><span class=\"up\">{}</span></th>", escape_html(name));
  table += "<th>right</th></tr></thead><tbody>\n";
  for (std::size_t t = 0; t < r.confusion.size(); ++t) {
    const std::string name = escape_html(r.class_names[t]);
    std::int64_t total = 0;
    for (std::int64_t count : r.confusion[t]) total += count;
    table += strings::format("<tr><th title=\"{0}\">{0}</th>", name);
    for (std::size_t p = 0; p < r.confusion.size(); ++p) {
      const std::int64_t count = r.confusion[t][p];
      const double part = total ? static_cast<double>(count) / static_cast<double>(total) : 0,
                   shade = t == p ? part : std::min(1.0, 4 * part);
      // White numbers where they are the easier to read on the light page's colour (html.cpp); a dark page's are all light.
      const bool white = shade > (t == p ? 0.84 : 0.97);
      table += strings::format("<td class=\"{}{}{}\" style=\"--v:{:.2f}\" title=\"{} taken for {}: {} ({:.1f}%)\">{}</td>",
                           t == p ? "h" : "m", white ? " s" : "", count > 999 ? " l" : "", shade, name,
                           escape_html(r.class_names[p]), count, 100 * part, count);
    }
    table += total ? strings::format("<td><b>{:.1f}%</b></td></tr>\n",
                                 100.0 * static_cast<double>(r.confusion[t][t]) / static_cast<double>(total))
                   : "<td>–</td></tr>\n";
  }
  return table + "</tbody></table>\n";
}

// Precision, recall and F1; a dash for a share of nothing.
std::string scores_table(const RunReport& r) {
  const auto per_cent = [](std::string_view name, double share) {
    return std::isnan(share) ? strings::format("<td class=\"n\" data-n=\"{}\">–</td>", name)
                             : number(name, "{:.1f}%", 100 * share);
  };
  std::string table =
      "<details open><summary>Each class in numbers</summary><div class=\"scroll\"><table class=\"wide stack\"><thead><tr>"
      "<th>class</th><th class=\"n\">test images</th><th class=\"n\">taken for it</th><th class=\"n\">precision</th>"
      "<th class=\"n\">recall</th><th class=\"n\">F1</th></tr></thead><tbody>\n";
  const auto scores = class_scores(r.confusion);
  for (std::size_t c = 0; c < scores.size(); ++c)
    table += strings::format("<tr><td>{}</td>{}{}{}{}{}</tr>\n", escape_html(r.class_names[c]),
                             number("test images", "{}", grouped(scores[c].images)),
                             number("taken for it", "{}", grouped(scores[c].predicted)),
                             per_cent("precision", scores[c].precision), per_cent("recall", scores[c].recall),
                             per_cent("F1", scores[c].f1));
  return table + "</tbody></table></div></details>\n";
}

std::string confusion(const RunReport& r) {
  // Each pair of classes once a direction; the most frequent confusions first.
  std::vector<std::tuple<std::int64_t, int, int>> pairs;
  for (int t = 0; t < static_cast<int>(r.confusion.size()); ++t)
    for (int p = 0; p < static_cast<int>(r.confusion.size()); ++p)
      if (const auto count = r.confusion[static_cast<std::size_t>(t)][static_cast<std::size_t>(p)]; t != p && count > 0)
        pairs.emplace_back(-count, t, p);
  std::sort(pairs.begin(), pairs.end());
  pairs.resize(std::min<std::size_t>(pairs.size(), 5));
  std::string note = "Rows: what an image is; columns: what it was taken for. ";
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [count, t, p] = pairs[i];
    note += strings::format("{}{} for {} ({})", i ? ", " : "Most often confused: ", name_of(r, t), name_of(r, p), -count);
  }
  // A table of a hundred columns is read on no screen.
  const bool table = r.class_names.size() <= 24;
  return section(
      "Confusion matrix", note,
      (table ? confusion_table(r)
             : strings::format("<img class=\"plain\" src=\"{}\" alt=\"Confusion matrix\"/>\n", data_uri(draw_confusion(r)))) +
          scores_table(r));
}

std::string mistakes(const RunReport& r) {
  std::string body = r.mistakes.empty() ? "<p>No mistakes.</p>\n" : "<div class=\"cards\">\n";
  for (const auto& m : r.mistakes)
    body += strings::format(
        "<figure title=\"test image {}\">{}<figcaption><span class=\"said\">{} {:.1f}%</span><br/>is "
        "{}</figcaption></figure>\n",
        m.index, pixels(m.image, name_of(r, m.label) + " taken for " + name_of(r, m.predicted)), name_of(r, m.predicted),
        100 * m.confidence, name_of(r, m.label));
  if (!r.mistakes.empty()) body += "</div>\n";
  return section("Misclassified",
                 strings::format("{} of {} test images; the most confident mistakes first, with the network's confidence.",
                             grouped(r.mistakes_in_all), grouped(r.test_images)),
                 body);
}

std::string samples(const RunReport& r) {
  std::int64_t largest = 1, all = 0;
  for (std::int64_t count : r.class_counts) largest = std::max(largest, count), all += count;
  std::string body;
  for (std::size_t c = 0; c < r.class_names.size(); ++c) {
    std::string strip;
    for (const auto& s : r.samples)
      if (static_cast<std::size_t>(s.label) == c) strip += pixels(s.image, escape_html(r.class_names[c]));
    if (strip.empty() && r.class_counts.empty()) continue;
    std::string bar;
    if (!r.class_counts.empty())
      bar =
          strings::format("<span class=\"track\"><i style=\"width:{:.1f}%\"></i></span><span>{} ({:.1f}%)</span>",
                      100.0 * static_cast<double>(r.class_counts[c]) / static_cast<double>(largest), grouped(r.class_counts[c]),
                      all ? 100.0 * static_cast<double>(r.class_counts[c]) / static_cast<double>(all) : 0.0);
    body += strings::format("<div class=\"class\"><span>{}</span><div class=\"strip\">{}</div><div class=\"bar\">{}</div></div>\n",
                        escape_html(r.class_names[c]), strip, bar);
  }
  return section("Training set", "Samples as the network sees them, before normalisation, and how many images each class has.",
                 body);
}

std::string layers(const RunReport& r) {
  std::string body =
      "<div class=\"scroll\"><table class=\"wide stack layers\"><thead><tr><th>path</th><th>layer</th><th>output</th><th "
      "class=\"n\">parameters</th>"
      "<th class=\"n\">multiply-adds</th><th class=\"n\">sees (px)</th></tr></thead><tbody>\n";
  std::int64_t parameters = 0, multiply_adds = 0;
  for (const auto& l : r.layers) {
    parameters += l.parameters, multiply_adds += l.multiply_adds;
    body += strings::format("<tr><td>{}</td><td>{}</td><td class=\"c\" data-n=\"output\">{}</td>{}{}{}</tr>\n", escape_html(l.path),
                        escape_html(l.description), escape_html(l.output), number("parameters", "{}", grouped(l.parameters)),
                        number("multiply-adds", "{}", grouped(l.multiply_adds)), number("sees (px)", "{}", l.receptive_field));
  }
  body += strings::format("</tbody><tfoot><tr><td></td><td>all</td><td></td>{}{}<td></td></tr></tfoot></table></div>\n",
                      number("parameters", "{}", grouped(parameters)), number("multiply-adds", "{}", grouped(multiply_adds)));
  return section("Layers", "For one image; the last column is the receptive field of one output.",
                 body + (r.totals.empty() ? "" : facts_list(r.totals) + "\n"));
}

std::string setup(const RunReport& r) {
  std::string body = "<div class=\"two\">\n";
  if (!r.configuration.empty()) body += "<div><h3>Configuration</h3>" + facts_list(r.configuration) + "</div>\n";
  if (!r.environment.empty()) body += "<div><h3>Machine and versions</h3>" + facts_list(r.environment) + "</div>\n";
  body += "</div>\n";
  if (!r.command.empty())
    body += strings::format("<h3 style=\"margin-top:16px\">To repeat it</h3><pre>{}</pre>\n", escape_html(r.command));
  return section("Setup", "", body);
}

}  // namespace

std::string render_html(const RunReport& r) {
  check_report(r);
  std::string body = head(r);
  if (!r.epochs.empty()) body += curves(r);
  if (!r.confusion.empty()) body += confusion(r) + mistakes(r);
  if (!r.samples.empty() || !r.class_counts.empty()) body += samples(r);
  if (!r.layers.empty()) body += layers(r);
  if (!r.configuration.empty() || !r.environment.empty() || !r.command.empty()) body += setup(r);
  return html_page(r.title.empty() ? "Training" : r.title, body + "<footer>Written by heddle.</footer>\n");
}

void write_report(const std::filesystem::path& folder, const RunReport& report) {
  const std::string page = render_html(report);
  save_png(folder / "curves.png", draw_curves(report));
  save_png(folder / "misclassified.png", draw_misclassified(report));
  save_png(folder / "confusion.png", draw_confusion(report));
  save_png(folder / "samples.png", draw_samples(report));
  write_file(folder / "report.html", page);
}

}  // namespace heddle::report
