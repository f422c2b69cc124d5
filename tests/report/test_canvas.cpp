// The canvas: what is drawn where, how much of a pixel is covered, and text that stays inside its box.
#include <algorithm>
#include <cmath>

#include "heddle/base/error.hpp"
#include "heddle/report/canvas.hpp"
#include "heddle/report/font.hpp"
#include "tests/support/catch.hpp"

using namespace heddle::report;

namespace {

constexpr Paint white{{255, 255, 255}}, black{{0, 0, 0}}, red{{255, 0, 0}}, half_red{{255, 0, 0, 128}};

Rgba at(const Canvas& canvas, int x, int y) {
  const auto* p = canvas.image().at(x, y);
  return {p[0], p[1], p[2], p[3]};
}

// Ink on a white canvas, in pixels fully black.
double ink(const Canvas& canvas) {
  double sum = 0;
  for (int y = 0; y < canvas.image().height; ++y)
    for (int x = 0; x < canvas.image().width; ++x) sum += (255 - canvas.image().at(x, y)[0]) / 255.0;
  return sum;
}

struct Box {
  int left = 1 << 20, top = 1 << 20, right = -1, bottom = -1;
};
Box box_of_ink(const Canvas& canvas) {
  Box box;
  for (int y = 0; y < canvas.image().height; ++y)
    for (int x = 0; x < canvas.image().width; ++x)
      if (canvas.image().at(x, y)[0] < 250)
        box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x), std::max(box.bottom, y)};
  return box;
}

}  // namespace

TEST_CASE("rectangles cover pixels, or parts of them") {
  Canvas canvas(8, 6, white);
  CHECK(canvas.image().channels == 4);
  canvas.fill_rect(2, 1, 3, 2, red);
  CHECK(at(canvas, 2, 1) == Rgba{255, 0, 0, 255});
  CHECK(at(canvas, 4, 2) == Rgba{255, 0, 0, 255});
  for (auto [x, y] : {std::pair{1, 1}, {5, 1}, {2, 0}, {2, 3}}) CHECK(at(canvas, x, y) == Rgba{255, 255, 255, 255});
  canvas.fill_rect(0, 5, 0.5, 1, black);
  CHECK(at(canvas, 0, 5).r == 128);
  canvas.fill_rect(7, 0, 1, 1, half_red);
  CHECK(at(canvas, 7, 0) == Rgba{255, 127, 127, 255});
}

TEST_CASE("what lies outside the canvas is cut off") {
  Canvas canvas(4, 4, white);
  canvas.fill_rect(-10, -10, 11, 11, black);
  CHECK(at(canvas, 0, 0).r == 0);
  CHECK(ink(canvas) == Approx(1));
  canvas.polyline({{-50, 2}, {50, 2}}, 1, black);
  canvas.disc({-3, -3}, 1, black);
  canvas.text({100, 100}, "far", black);
  canvas.blit({1, 1, 3, {9, 9, 9}}, 3, 3, 5, 5);
  CHECK(at(canvas, 3, 3).r == 9);
  canvas.blit({1, 1, 3, {9, 9, 9}}, -7, -7, 5, 5);
  CHECK_THROWS_AS(Canvas(0, 5), heddle::Error);
}

TEST_CASE("lines have the ink of their area, and smooth edges") {
  Canvas straight(40, 20, white);
  straight.polyline({{5, 10.5}, {35, 10.5}}, 1, black);
  CHECK(at(straight, 20, 10).r == 0);
  CHECK(at(straight, 20, 9).r == 255);
  Canvas sloping(40, 40, white);
  sloping.polyline({{5, 5}, {35, 30}}, 3, black);
  CHECK(ink(sloping) == Approx(3 * std::hypot(30, 25) + 3.14159 * 2.25).epsilon(0.03));
  int grey = 0;
  for (int x = 0; x < 40; ++x) grey += at(sloping, x, 17).r > 0 && at(sloping, x, 17).r < 255;
  CHECK(grey >= 2);
  // A joint is one shape with its segments: no pixel is covered twice.
  Canvas joined(20, 20, white), whole(20, 20, white);
  joined.polyline({{3, 10.2}, {10, 10.2}, {17, 10.2}}, 2, Paint{{0, 0, 0, 128}});
  whole.polyline({{3, 10.2}, {17, 10.2}}, 2, Paint{{0, 0, 0, 128}});
  CHECK(joined.image().pixels == whole.image().pixels);
}

TEST_CASE("discs and dashes") {
  Canvas disc(20, 20, white);
  disc.disc({10, 10}, 5, black);
  CHECK(ink(disc) == Approx(3.14159 * 25).epsilon(0.02));
  Canvas dashed(100, 9, white);
  dashed.polyline({{0, 4.5}, {40, 4.5}, {100, 4.5}}, 1, black, 10);
  CHECK(at(dashed, 5, 4).r == 0);
  CHECK(at(dashed, 15, 4).r == 255);
  CHECK(at(dashed, 25, 4).r == 0);
  CHECK(at(dashed, 45, 4).r == 0);  // a corner changes nothing
  CHECK(at(dashed, 55, 4).r == 255);
}

TEST_CASE("images land pixel by pixel") {
  const Image image{2, 2, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}};
  Canvas canvas(8, 8, white);
  canvas.blit(image, 1, 2, 4, 4);
  CHECK(at(canvas, 1, 2) == Rgba{255, 0, 0, 255});
  CHECK(at(canvas, 2, 3) == Rgba{255, 0, 0, 255});
  CHECK(at(canvas, 3, 2) == Rgba{0, 255, 0, 255});
  CHECK(at(canvas, 4, 5) == Rgba{10, 20, 30, 255});
  CHECK(at(canvas, 5, 5) == Rgba{255, 255, 255, 255});
  canvas.blit({1, 1, 1, {77}}, 7, 7, 1, 1);
  CHECK(at(canvas, 7, 7) == Rgba{77, 77, 77, 255});
}

TEST_CASE("everything grows with the scale") {
  Canvas canvas(10, 10, white, 2);
  CHECK(canvas.image().width == 20);
  CHECK(canvas.width() == 10);
  canvas.fill_rect(1, 1, 2, 2, black);
  CHECK(ink(canvas) == Approx(16));
}

TEST_CASE("every printable character has a glyph of its own") {
  std::vector<std::vector<std::uint8_t>> pictures;
  for (char32_t c = 0x21; c < 0x7F; ++c) {
    INFO("character " << static_cast<int>(c));
    CHECK(&glyph_of(c) != &glyph_of(0xFFFD));
    CHECK(glyph_of(c).advance > 0);
    Canvas canvas(40, 50, white);
    canvas.text({5, 32}, std::string(1, static_cast<char>(c)), black, {.size = 30});
    CHECK(ink(canvas) > 3);
    const Box box = box_of_ink(canvas);
    CHECK(box.top >= 32 - 26);
    CHECK(box.bottom <= 32 + 8);
    CHECK(box.right <= 5 + text_width(std::string(1, static_cast<char>(c)), 30) + 2);
    CHECK(std::count(pictures.begin(), pictures.end(), canvas.image().pixels) == 0);
    pictures.push_back(canvas.image().pixels);
  }
}

TEST_CASE("text is aligned, upright or along the side") {
  const std::string words = "Test 98%";
  const double width = text_width(words, 16);
  const auto drawn = [&](TextStyle style) {
    Canvas canvas(200, 200, white);
    style.size = 16;
    canvas.text({100, 100}, words, black, style);
    return box_of_ink(canvas);
  };
  const Box left = drawn({}), center = drawn({.align = Align::center}), right = drawn({.align = Align::right}),
            up = drawn({.vertical = true});
  CHECK(left.left >= 99);
  CHECK(left.right <= 100 + width + 1);
  CHECK(std::abs((center.left + center.right) / 2.0 - 100) < 2.5);
  CHECK(right.right <= 101);
  CHECK(left.top >= 100 - 13);
  CHECK(left.bottom <= 101);
  CHECK(up.bottom <= 100);
  CHECK(up.top >= 100 - width - 1);
  CHECK(up.right <= 101);
  CHECK(up.bottom - up.top == Approx(left.right - left.left).margin(2));
}

TEST_CASE("text from outside: other alphabets, broken UTF-8, too long") {
  CHECK(decode_utf8("a\u00e9\u2192\U0001F600") == std::vector<char32_t>{U'a', 0xE9, 0x2192, 0x1F600});
  CHECK(decode_utf8("\xff"
                    "b\xe2\x82") == std::vector<char32_t>{0xFFFD, U'b', 0xFFFD, 0xFFFD});
  CHECK(fit_text("short", 13, 500) == "short");
  const std::string cut = fit_text("a rather long class name \u00e9\u00e9\u00e9", 13, 80);
  CHECK(text_width(cut, 13) <= 80);
  CHECK(cut.substr(cut.size() - 3) == "\u2026");
  for (double width = 0; width < 60; width += 1)
    for (char32_t c : decode_utf8(fit_text("\u00e9b\u00e9\u00e9\u2192", 13, width))) CHECK(c != 0xFFFD);
  Canvas canvas(100, 30, white);
  canvas.text({2, 20}, "\u4e2d\xff", black);
  CHECK(ink(canvas) > 5);
}
