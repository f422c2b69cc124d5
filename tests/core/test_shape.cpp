#include "heddle/core/layout.hpp"
#include "heddle/core/shape.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("shapes hold sizes", "[shape]") {
  Shape s{2, 3, 4};
  REQUIRE(s.rank() == 3);
  REQUIRE(s.numel() == 24);
  REQUIRE(s.back() == 4);
  REQUIRE(s.str() == "[2, 3, 4]");
  REQUIRE(s == Shape(std::vector<std::int64_t>{2, 3, 4}));
  REQUIRE_FALSE(s == Shape{2, 3});
  REQUIRE(Shape{}.numel() == 1);
  REQUIRE(Shape{}.empty());
  REQUIRE(Shape{}.str() == "[]");
  REQUIRE(Shape{2, 0, 3}.numel() == 0);
  s.insert(0, 7);
  REQUIRE(s == Shape{7, 2, 3, 4});
  s.insert(4, 9);
  s.erase(1);
  REQUIRE(s == Shape{7, 3, 4, 9});
  require_error([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }, "[shape] expected at most 8 dimensions, got 9");
  Shape full{1, 1, 1, 1, 1, 1, 1, 1};
  require_error([&] { full.push_back(1); }, "[shape] expected at most 8 dimensions, got one more");
}

TEST_CASE("strides of a dense tensor", "[shape]") {
  REQUIRE(Shape{2, 3, 4}.dense_strides() == Shape{12, 4, 1});
  REQUIRE(Shape{}.dense_strides() == Shape{});
  REQUIRE(Shape{3, 0, 2}.dense_strides() == Shape{2, 2, 1});
}

TEST_CASE("shapes broadcast", "[shape]") {
  REQUIRE(broadcast_shapes({2, 3}, {3}, "t") == Shape{2, 3});
  REQUIRE(broadcast_shapes({2, 1, 4}, {5, 1}, "t") == Shape{2, 5, 4});
  REQUIRE(broadcast_shapes({}, {4}, "t") == Shape{4});
  REQUIRE(broadcast_shapes({0}, {1}, "t") == Shape{0});
  require_error([] { broadcast_shapes({2, 3}, {2, 4}, "t"); }, "[t] expected shapes that broadcast, got [2, 3] and [2, 4]");
}

TEST_CASE("dimensions count from either end", "[shape]") {
  REQUIRE(normalize_dim(1, 3, "t") == 1);
  REQUIRE(normalize_dim(-1, 3, "t") == 2);
  REQUIRE(normalize_dim(0, 0, "t") == 0);
  require_error([] { normalize_dim(3, 3, "t"); }, "[t] expected a dimension in [-3, 3), got 3");
  require_error([] { normalize_dim(-4, 3, "t"); }, "[t] expected a dimension in [-3, 3), got -4");
}

TEST_CASE("index spaces merge dimensions that are walked alike", "[layout]") {
  using detail::element_shape;
  using detail::expanded_strides;
  const Shape dense{2, 3, 4};
  const auto one = element_shape(dense, dense.dense_strides(), dense.dense_strides());
  REQUIRE(one.dims == 1);
  REQUIRE(one.size[0] == 24);
  // A bias of [3, 1] beside [2, 3, 4]: nothing merges.
  const auto bias = element_shape(dense, dense.dense_strides(), expanded_strides({3, 1}, {1, 1}, dense));
  REQUIRE(bias.dims == 3);
  REQUIRE(bias.stride_b[0] == 0);
  REQUIRE(bias.stride_b[1] == 1);
  REQUIRE(bias.stride_b[2] == 0);
  // A scalar repeats over everything: one dimension of stride 0.
  const auto scalar = element_shape(dense, dense.dense_strides(), expanded_strides({}, {}, dense));
  REQUIRE(scalar.dims == 1);
  REQUIRE(scalar.stride_b[0] == 0);
  REQUIRE(element_shape({}, {}, {}).count() == 1);
  REQUIRE(element_shape({1, 1}, {5, 9}, {1, 1}).count() == 1);
}
