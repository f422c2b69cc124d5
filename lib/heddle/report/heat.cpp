#include "heddle/report/heat.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "heddle/base/check.hpp"
#include "heddle/report/canvas.hpp"
#include "heddle/report/font.hpp"

namespace heddle::report {
namespace {

// Dark to light, so that it reads without colours too.
std::array<double, 3> colour_of(double heat) {
  static constexpr std::array<std::array<double, 3>, 5> stops = {
      {{40, 10, 90}, {130, 25, 125}, {215, 60, 75}, {250, 150, 20}, {252, 250, 150}}};
  const double at = std::clamp(heat, 0.0, 1.0) * (stops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  std::array<double, 3> colour{};
  for (std::size_t c = 0; c < 3; ++c)
    colour[c] = std::lerp(stops[below][c], stops[below + 1][c], at - static_cast<double>(below));
  return colour;
}

// Bilinear, with pixels' values at their centres; u and v run from 0 to 1 over the whole map.
double sample(const HeatMap& heat, double u, double v) {
  const double x = std::clamp(u * heat.width - 0.5, 0.0, heat.width - 1.0),
               y = std::clamp(v * heat.height - 0.5, 0.0, heat.height - 1.0);
  const int x0 = static_cast<int>(x), y0 = static_cast<int>(y), x1 = std::min(x0 + 1, heat.width - 1),
            y1 = std::min(y0 + 1, heat.height - 1);
  const auto at = [&](int i, int j) { return static_cast<double>(heat.values[static_cast<std::size_t>(j * heat.width + i)]); };
  return std::lerp(std::lerp(at(x0, y0), at(x1, y0), x - x0), std::lerp(at(x0, y1), at(x1, y1), x - x0), y - y0);
}

}  // namespace

HeatMap heat_of(const Tensor& maps, std::int64_t index) {
  check(maps.dim() == 3 && 0 <= index && index < maps.size(0), "heat",
        "expected maps [n, h, w] and an index below n, got {} and {}", maps.shape().str(), index);
  const Tensor one = maps.select(0, index);
  return {static_cast<int>(one.size(1)), static_cast<int>(one.size(0)), one.to(float32).to_vector<float>()};
}

Image overlay(const Image& picture, const HeatMap& heat, int factor) {
  check(heat.width > 0 && heat.height > 0 && heat.values.size() == static_cast<std::size_t>(heat.width) * heat.height, "heat",
        "expected a map of {} x {} values, got {}", heat.width, heat.height, heat.values.size());
  check(factor >= 1 && (picture.channels == 1 || picture.channels == 3), "heat",
        "expected a picture of 1 or 3 channels and a factor of 1 or more, got {} and {}", picture.channels, factor);
  constexpr double strongest = 0.75;
  const double largest = *std::max_element(heat.values.begin(), heat.values.end());
  Image result{picture.width * factor, picture.height * factor, 3, {}};
  result.pixels.resize(static_cast<std::size_t>(result.width) * result.height * 3);
  for (int y = 0; y < result.height; ++y)
    for (int x = 0; x < result.width; ++x) {
      const double h = largest > 0 ? sample(heat, (x + 0.5) / result.width, (y + 0.5) / result.height) / largest : 0;
      const auto colour = colour_of(h);
      const std::uint8_t* const under = picture.at(x / factor, y / factor);
      std::uint8_t* const out = result.pixels.data() + (static_cast<std::size_t>(y) * result.width + x) * 3;
      for (int c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>(
            std::lround(std::lerp(under[picture.channels == 3 ? c : 0], colour[static_cast<std::size_t>(c)], strongest * h)));
    }
  return result;
}

Image draw_looked_at(const LookedAtSheet& sheet) {
  constexpr double edge = 22, picture = 96, gap = 6, small = 13, heading = 20, top = 70, section = 40, row = picture + 52;
  constexpr int pairs = 4, triples = 3, factor = 6;
  constexpr double width = 972, pair = width / pairs, triple = width / triples;
  const auto rows_of = [](std::size_t count, int columns) {
    return std::max<std::size_t>(1, (count + static_cast<std::size_t>(columns) - 1) / static_cast<std::size_t>(columns));
  };
  const double right_height = section + static_cast<double>(rows_of(sheet.right.size(), pairs)) * row;
  const double wrong_height = section + static_cast<double>(rows_of(sheet.wrong.size(), triples)) * row;
  Canvas canvas(static_cast<int>(width + 2 * edge), static_cast<int>(top + right_height + wrong_height + edge / 2), paint::page,
                2);
  const auto name = [&](int c) {
    return c < static_cast<int>(sheet.class_names.size()) ? sheet.class_names[static_cast<std::size_t>(c)] : std::to_string(c);
  };
  const auto write = [&](double x, double y, const std::string& text, Paint colour, double room, bool bold = false) {
    canvas.text({x, y}, fit_text(text, small, room), colour, {.size = small, .bold = bold});
  };
  const auto head = [&](double y, const std::string& text, const std::string& note) {
    canvas.text({edge, y + 18}, text, paint::text, {.size = 16, .bold = true});
    const double x = edge + text_width(text, 16) + 22;
    write(x, y + 18, note, paint::muted, edge + width - x);
  };
  canvas.text({edge, edge + 14}, fit_text(sheet.title, heading, width), paint::text, {.size = heading, .bold = true});
  write(edge, edge + 36, sheet.below, paint::muted, width);

  head(top, "Right", "the picture, and where the answer comes from");
  if (sheet.right.empty()) write(edge, top + section + 20, "None.", paint::text, width);
  for (std::size_t i = 0; i < sheet.right.size(); ++i) {
    const LookedAt& one = sheet.right[i];
    const double x = edge + pair * static_cast<double>(i % pairs), y = top + section + row * static_cast<double>(i / pairs);
    canvas.blit(one.image, x, y, picture, picture);
    canvas.blit(overlay(one.image, one.predicted_heat, factor), x + picture + gap, y, picture, picture);
    write(x, y + picture + 17, strings::format("{} {:.1f}%", name(one.predicted), 100 * one.confidence), paint::good, pair - 16,
          true);
    write(x, y + picture + 34, strings::format("image {}", one.index), paint::muted, pair - 16);
  }

  const double below = top + right_height;
  head(below, "Wrong", "the picture, where the answer comes from, and what speaks for the true class");
  if (sheet.wrong.empty()) write(edge, below + section + 20, "None.", paint::text, width);
  for (std::size_t i = 0; i < sheet.wrong.size(); ++i) {
    const LookedAt& one = sheet.wrong[i];
    const double x = edge + triple * static_cast<double>(i % triples),
                 y = below + section + row * static_cast<double>(i / triples);
    const double second = x + picture + gap, third = second + picture + gap;
    canvas.blit(one.image, x, y, picture, picture);
    canvas.blit(overlay(one.image, one.predicted_heat, factor), second, y, picture, picture);
    canvas.blit(overlay(one.image, one.label_heat, factor), third, y, picture, picture);
    write(x, y + picture + 17, strings::format("image {}", one.index), paint::muted, picture);
    write(second, y + picture + 17, name(one.predicted), paint::bad, picture, true);
    write(second, y + picture + 34, strings::format("says {:.1f}%", 100 * one.confidence), paint::bad, picture);
    write(third, y + picture + 17, name(one.label), paint::text, picture, true);
    write(third, y + picture + 34, strings::format("is, {:.1f}%", 100 * one.label_confidence), paint::text, picture);
  }
  return canvas.image();
}

}  // namespace heddle::report
