// Maps of heat over pictures, and marks on charts.
#include "heddle/report/chart.hpp"
#include "heddle/report/heat.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

report::Image grey(int width, int height) {
  return {width, height, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3, 128)};
}

}  // namespace

TEST_CASE("heat is laid over a picture where it is hot, and only there") {
  const report::HeatMap heat{4, 4, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0}};
  const auto image = report::overlay(grey(8, 8), heat, 2);
  CHECK(image.width == 16);
  CHECK(image.height == 16);
  const auto pixel = [&](int x, int y) { return std::vector<int>(image.at(x, y), image.at(x, y) + 3); };
  CHECK(pixel(0, 0) == std::vector<int>{128, 128, 128});
  CHECK(pixel(4, 15) == std::vector<int>{128, 128, 128});
  // The map's third column and row are the picture's pixels 8 to 11.
  CHECK(pixel(10, 10)[0] > 180);
  CHECK(pixel(10, 10)[2] < pixel(10, 10)[0]);
  CHECK(pixel(5, 10) != pixel(10, 10));
}

TEST_CASE("a map without heat shows the picture, and a scale does not matter") {
  const auto picture = grey(4, 2);
  CHECK(report::overlay(picture, {2, 2, {0, 0, 0, 0}}, 1).pixels == picture.pixels);
  CHECK(report::overlay(picture, {2, 2, {0, 1, 2, 3}}, 3).pixels ==
        report::overlay(picture, {2, 2, {0, 100, 200, 300}}, 3).pixels);
  CHECK_THROWS_AS(report::overlay(picture, {2, 2, {0, 1}}, 1), Error);
  CHECK_THROWS_AS(report::overlay(picture, {1, 1, {1}}, 0), Error);
}

TEST_CASE("maps come out of a tensor one by one") {
  const auto heat = report::heat_of(tensor(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Shape{2, 2, 3}), 1);
  CHECK(heat.width == 3);
  CHECK(heat.height == 2);
  CHECK(heat.values == std::vector<float>{7, 8, 9, 10, 11, 12});
  CHECK_THROWS_AS(report::heat_of(zeros({2, 2, 3}), 2), Error);
}

TEST_CASE("a sheet has room for all that it shows") {
  report::LookedAtSheet sheet{
      .title = "compact", .below = "layer 8.3", .class_names = {"cat", "dog"}, .right = {}, .wrong = {}};
  const int empty = report::draw_looked_at(sheet).height;
  const report::LookedAt one{.image = grey(32, 32),
                             .index = 3,
                             .label = 1,
                             .predicted = 0,
                             .confidence = 0.9,
                             .label_confidence = 0.1,
                             .predicted_heat = {2, 2, {0, 1, 2, 3}},
                             .label_heat = {2, 2, {3, 2, 1, 0}}};
  sheet.right.assign(4, one);
  sheet.wrong.assign(3, one);
  CHECK(report::draw_looked_at(sheet).height == empty);
  sheet.right.assign(5, one);
  const int more = report::draw_looked_at(sheet).height;
  CHECK(more > empty);
  sheet.wrong.assign(4, one);
  CHECK(report::draw_looked_at(sheet).height > more);
}

TEST_CASE("a chart over powers of ten says so, and shows its marks") {
  const report::Chart chart{.title = "Loss",
                            .series = {{.name = "smoothed", .points = {{-6, 2.3}, {-3, 2.0}, {1, 5}}}},
                            .x_name = "lr",
                            .powers_of_ten = true,
                            .marks = {{-2, "0.01"}}};
  const std::string svg = report::chart_svg(chart);
  for (const char* text : {">1e-6<", ">1e-4<", ">0.01<", ">10<", "lr 1e-6", "lr 0.001", "Loss by lr"}) {
    INFO(text);
    CHECK_THAT(svg, ContainsSubstring(text));
  }
  CHECK(report::x_text(chart, -2.5) == "0.00316");
  CHECK(report::x_text({.title = "", .series = {}}, 12) == "12");
}
