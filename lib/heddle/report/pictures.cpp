// The galleries and the confusion matrix as PNG pictures.
#include <algorithm>
#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/report/canvas.hpp"
#include "heddle/report/curves.hpp"
#include "heddle/report/font.hpp"
#include "heddle/report/html.hpp"
#include "heddle/report/run_report.hpp"

namespace heddle::report {
namespace {

constexpr double edge = 22, heading = 20, small = 13;

const std::string& name_of_class(const RunReport& report, int index) {
  return report.class_names[static_cast<std::size_t>(index)];
}

double widest_class_name(const RunReport& report, double size) {
  double width = 0;
  for (const auto& name : report.class_names) width = std::max(width, text_width(name, size));
  return width;
}

void draw_heading(Canvas& canvas, const std::string& title, const std::string& below) {
  const double room = canvas.width() - 2 * edge;
  canvas.text({edge, edge + 14}, fit_text(title, heading, room), paint::text, {.size = heading, .bold = true});
  canvas.text({edge, edge + 36}, fit_text(below, small, room), paint::muted, {.size = small});
}

// White, towards a colour by `share`.
Paint tint(Paint colour, double share) {
  const auto mix = [&](std::uint8_t c) {
    return static_cast<std::uint8_t>(std::lround(255 + (c - 255) * std::clamp(share, 0.0, 1.0)));
  };
  return {{mix(colour.rgba.r), mix(colour.rgba.g), mix(colour.rgba.b)}};
}

// White or the usual dark, whichever stands out more: above a relative luminance (WCAG 2) of 0.215 that is the dark one.
Paint text_on(Paint ground) {
  const auto linear = [](std::uint8_t c) {
    const double v = c / 255.0;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  const double luminance = 0.2126 * linear(ground.rgba.r) + 0.7152 * linear(ground.rgba.g) + 0.0722 * linear(ground.rgba.b);
  return luminance > 0.215 ? paint::text : paint::page;
}

}  // namespace

Image draw_curves(const RunReport& report) {
  return draw_charts(report.title.empty() ? "Training" : report.title, charts_of_run(report.epochs));
}

Image draw_misclassified(const RunReport& report) {
  constexpr int columns = 8;
  constexpr double picture = 96, column = 118, row = 156, top = 76;
  const int rows = static_cast<int>((report.mistakes.size() + columns - 1) / columns);
  Canvas canvas(static_cast<int>(2 * edge + columns * column - (column - picture)),
                static_cast<int>(top + std::max(rows, 1) * row), paint::page, 2);
  draw_heading(canvas, "Misclassified" + (report.title.empty() ? "" : ": " + report.title),
               strings::format("{} of {} test images, the most confident mistakes first; red: what the network says",
                           grouped(report.mistakes_in_all), grouped(report.test_images)));
  if (report.mistakes.empty()) canvas.text({edge, top + 40}, "No mistakes.", paint::text, {.size = 16});
  for (std::size_t i = 0; i < report.mistakes.size(); ++i) {
    const Mistake& m = report.mistakes[i];
    const double x = edge + static_cast<double>(i % columns) * column, y = top + static_cast<double>(i / columns) * row;
    canvas.blit(m.image, x, y, picture, picture);
    const std::string share = strings::format(" {:.1f}%", 100 * m.confidence);
    canvas.text({x, y + picture + 17},
                fit_text(name_of_class(report, m.predicted), small, column - 8 - text_width(share, small)) + share, paint::bad,
                {.size = small, .bold = true});
    canvas.text({x, y + picture + 35}, fit_text("is " + name_of_class(report, m.label), small, column - 8), paint::text,
                {.size = small});
  }
  return canvas.image();
}

Image draw_confusion(const RunReport& report) {
  const std::size_t classes = report.class_names.size();
  // With many classes the cells are too small for numbers.
  const double cell = classes <= 24 ? 46 : std::max(6.0, 1100.0 / static_cast<double>(classes)),
               font = std::min(small, std::max(5.0, cell * 0.8));
  const double names = std::min(150.0, widest_class_name(report, font)) + 14, share = 62, top = 76 + names;
  const double left = edge + 20 + names, side = cell * static_cast<double>(classes);
  Canvas canvas(static_cast<int>(std::max(left + side + share + edge, 420.0)), static_cast<int>(top + side + edge), paint::page,
                2);
  draw_heading(canvas, "Confusion" + (report.title.empty() ? "" : ": " + report.title),
               "Test images by true class (rows) and prediction (columns)");
  if (report.confusion.empty()) {
    canvas.text({edge, top + 20}, "No predictions.", paint::text, {.size = 16});
    return canvas.image();
  }
  canvas.text({left + side + share - 4, top - 8}, "right", paint::muted, {.size = small, .align = Align::right});
  for (std::size_t t = 0; t < classes; ++t) {
    const double y = top + cell * static_cast<double>(t), x_name = left + cell * static_cast<double>(t);
    std::int64_t total = 0;
    for (std::int64_t count : report.confusion[t]) total += count;
    canvas.text({left - 8, y + cell / 2 + 0.35 * font}, fit_text(report.class_names[t], font, names), paint::text,
                {.size = font, .align = Align::right});
    canvas.text({x_name + cell / 2 + 0.35 * font, top - 8}, fit_text(report.class_names[t], font, names), paint::text,
                {.size = font, .vertical = true});
    for (std::size_t p = 0; p < classes; ++p) {
      const std::int64_t count = report.confusion[t][p];
      const double part = total ? static_cast<double>(count) / static_cast<double>(total) : 0,
                   x = left + cell * static_cast<double>(p);
      // A tenth of a class taken for another is much: mistakes are shaded on a steeper scale.
      const double shade = t == p ? 0.06 + 0.94 * part : std::min(1.0, 4 * part);
      const Paint ground = tint(t == p ? paint::good : paint::series(1), shade);
      canvas.fill_rect(x + 0.5, y + 0.5, cell - 1, cell - 1, ground);
      if (classes <= 24)
        canvas.text({x + cell / 2, y + cell / 2 + 0.35 * small}, std::to_string(count), count ? text_on(ground) : paint::muted,
                    {.size = small, .align = Align::center});
    }
    if (classes <= 48)
      canvas.text({left + side + share - 4, y + cell / 2 + 0.35 * font},
                  total
                      ? strings::format("{:.1f}%", 100.0 * static_cast<double>(report.confusion[t][t]) / static_cast<double>(total))
                      : "–",
                  paint::text, {.size = font, .align = Align::right, .bold = true});
  }
  return canvas.image();
}

Image draw_samples(const RunReport& report) {
  constexpr double picture = 64, gap = 4, top = 76, counts = 150;
  std::vector<std::vector<const Sample*>> by_class(report.class_names.size());
  for (const auto& sample : report.samples) by_class[static_cast<std::size_t>(sample.label)].push_back(&sample);
  std::size_t most = 1, rows = 0;
  for (const auto& samples : by_class) most = std::max(most, samples.size()), rows += !samples.empty();
  const std::int64_t largest = std::max<std::int64_t>(
      1, report.class_counts.empty() ? 1 : *std::max_element(report.class_counts.begin(), report.class_counts.end()));
  const double names = std::min(160.0, widest_class_name(report, small)) + 12,
               pictures = static_cast<double>(most) * (picture + gap);
  const double wide = 2 * edge + names + pictures + 12 + counts;
  Canvas canvas(static_cast<int>(std::max(wide, 560.0)),
                static_cast<int>(top + static_cast<double>(std::max<std::size_t>(rows, 1)) * (picture + gap) + edge),
                paint::page, 2);
  draw_heading(canvas, "Training samples" + (report.title.empty() ? "" : ": " + report.title),
               "As the network sees them, before normalisation; right: images of each class");
  if (report.samples.empty()) canvas.text({edge, top + 20}, "No samples.", paint::text, {.size = 16});
  double y = top;
  for (std::size_t c = 0; c < by_class.size(); ++c) {
    if (by_class[c].empty()) continue;
    const double middle = y + picture / 2;
    canvas.text({edge, middle + 0.35 * small}, fit_text(report.class_names[c], small, names - 8), paint::text, {.size = small});
    for (std::size_t i = 0; i < by_class[c].size(); ++i)
      canvas.blit(by_class[c][i]->image, edge + names + static_cast<double>(i) * (picture + gap), y, picture, picture);
    if (c < report.class_counts.size()) {
      const double x = edge + names + pictures + 12, full = counts - 56;
      const double bar = full * static_cast<double>(report.class_counts[c]) / static_cast<double>(largest);
      canvas.fill_rect(x, middle - 7, bar, 14, paint::series(0));
      canvas.text({x + bar + 6, middle + 0.35 * small}, grouped(report.class_counts[c]), paint::text, {.size = small});
    }
    y += picture + gap;
  }
  return canvas.image();
}

}  // namespace heddle::report
