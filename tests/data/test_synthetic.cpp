// The stand-in: the same images for the same seed whatever else is drawn, in equal classes that colour does not tell apart.
#include <cmath>
#include <set>

#include "heddle/data/synthetic.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::data;
using namespace heddle::test;

TEST_CASE("Synthetic images depend on seed, split and index alone", "[synthetic]") {
  const auto bytes =
      same_on_any_threads([] { return synthetic({.count = 300, .seed = 5}).images().to_vector<std::uint8_t>(); });
  const auto of = [&](const SyntheticOptions& options) { return synthetic(options).images().to_vector<std::uint8_t>(); };
  const auto part = of({.count = 70, .seed = 5});
  REQUIRE(std::equal(part.begin(), part.end(), bytes.begin()));
  REQUIRE(of({.count = 70, .seed = 6}) != part);
  REQUIRE(of({.count = 70, .seed = 5, .split = Split::test}) != part);
  REQUIRE(synthetic({.count = 70, .seed = 6}).labels().to_vector<std::int64_t>() !=
          synthetic({.count = 70, .seed = 5}).labels().to_vector<std::int64_t>());
  REQUIRE(synthetic({.count = 0}).size() == 0);
  REQUIRE_THROWS_AS(synthetic({.count = -1}), Error);
}

TEST_CASE("Synthetic classes come in equal numbers, in no fixed order", "[synthetic]") {
  const auto set = synthetic({.count = 1003});
  for (const auto count : class_counts(set)) REQUIRE((count == 100 || count == 101));
  const auto labels = set.labels().to_vector<std::int64_t>();
  REQUIRE(std::vector(labels.begin(), labels.begin() + 10) != std::vector(labels.begin() + 10, labels.begin() + 20));
  REQUIRE(set.class_names().size() == 10);
  REQUIRE(std::set(set.class_names().begin(), set.class_names().end()).size() == 10);
}

TEST_CASE("No two synthetic images are alike, and mean colour gives no class away", "[synthetic]") {
  const auto set = synthetic({.count = 4000});
  const std::uint8_t* images = set.images().data<const std::uint8_t>();
  const auto labels = set.labels().to_vector<std::int64_t>();
  std::set<std::vector<std::uint8_t>> seen;
  std::vector<std::vector<double>> colour(4000, std::vector<double>(3));
  std::vector<std::vector<double>> centre(10, std::vector<double>(3));
  for (std::size_t i = 0; i < 4000; ++i) {
    seen.emplace(images + i * 3072, images + (i + 1) * 3072);
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t k = 0; k < 1024; ++k) colour[i][c] += images[i * 3072 + c * 1024 + k] / 1024.0;
      centre[static_cast<std::size_t>(labels[i])][c] += colour[i][c] / 400;
    }
  }
  REQUIRE(seen.size() == 4000);
  // The nearest class centre in mean colour is not much more often right than one guess in ten.
  int right = 0;
  for (std::size_t i = 0; i < 4000; ++i) {
    std::size_t best = 0;
    double least = HUGE_VAL;
    for (std::size_t k = 0; k < 10; ++k) {
      double d = 0;
      for (std::size_t c = 0; c < 3; ++c) d += (colour[i][c] - centre[k][c]) * (colour[i][c] - centre[k][c]);
      if (d < least) least = d, best = k;
    }
    right += static_cast<std::int64_t>(best) == labels[i];
  }
  REQUIRE(right < 4000 * 0.2);
}
