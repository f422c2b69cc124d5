// Tensor::index and index_put_. Expected shapes and numbers are PyTorch's.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/indexing.hpp"
#include "heddle/ops/rearrange.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::indexing;
using namespace heddle::test;

namespace {

using V = std::vector<double>;

Tensor places(std::vector<std::int64_t> values, const Shape& shape, Device device) {
  return tensor(values, shape, device);
}

// The first elements of a tensor of this shape.
void require_begins(const Tensor& got, const Shape& shape, const V& want) {
  REQUIRE(got.shape() == shape);
  V values = got.to_vector<double>();
  values.resize(std::min(values.size(), want.size()));
  REQUIRE(values == want);
}

}  // namespace

TEST_CASE("numbers, slices, None and the ellipsis give views", "[indexing]") {
  for (Device device : test_devices()) {
    const Tensor x = arange(0, 24, 1, {float64, device}).reshape({2, 3, 4});
    require_begins(x[1], {3, 4}, {12, 13, 14});
    require_begins(x[-1][0], {4}, {12, 13, 14, 15});
    require_begins(x.index({1}), {3, 4}, {12, 13, 14});
    require_begins(x.index({Ellipsis, 1}), {2, 3}, {1, 5, 9, 13, 17, 21});
    require_begins(x.index({"...", 1}), {2, 3}, {1, 5, 9, 13, 17, 21});
    require_begins(x.index({Slice(), Slice(1, 3)}), {2, 2, 4}, {4, 5, 6, 7, 8, 9, 10, 11, 16});
    require_begins(x.index({Slice(), Slice(None, None, 2), None}), {2, 2, 1, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 12});
    require_begins(x.index({-1, Slice(-2)}), {2, 4}, {16, 17, 18, 19, 20});
    require_begins(x.index({Slice(0, 100), Slice(2, 1)}), {2, 0, 4}, {});
    require_begins(x.index({None, Ellipsis, None}), {1, 2, 3, 4, 1}, {0, 1, 2});
    require_begins(x.index({}), {2, 3, 4}, {0, 1, 2});
    require_begins(x.index({1, 2, 3}), {}, {23});
    x.index({0, Ellipsis, Slice(None, None, 3)}).fill_(-1);
    CHECK(x.select(0, 0).to_vector<double>() == V{-1, 1, 2, -1, -1, 5, 6, -1, -1, 9, 10, -1});
    require_gradients(
        [](const auto& in) {
          return in[0].index({Slice(1, None, 2), Ellipsis, -1, None});
        },
        {leaf({4, 2, 3}, device)});
  }
}

TEST_CASE("tensors of numbers and masks take elements", "[indexing]") {
  for (Device device : test_devices()) {
    const Tensor x = arange(0, 24, 1, {float64, device}).reshape({2, 3, 4});
    const Tensor r = places({0, 1, 1}, {3}, device), c = places({2, 0, 3}, {3}, device), back = places({1, -1, 2}, {3}, device);
    const Tensor m = tensor(std::vector<std::uint8_t>{1, 0, 1, 0, 1, 0}, Shape{2, 3}, device);
    require_begins(x[r], {3, 3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    require_begins(x.index({r, Slice(), c}), {3, 3}, {2, 6, 10, 12, 16, 20, 15, 19, 23});
    require_begins(x.index({Slice(), back, c}), {2, 3}, {6, 8, 11, 18, 20, 23});
    require_begins(x.index({r, back}), {3, 4}, {4, 5, 6, 7, 20, 21, 22, 23, 20});
    require_begins(x[m], {3, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19});
    require_begins(x[m.to(float32)], {3, 4}, {0, 1, 2, 3, 8});
    require_begins(x[gt(x, 20)], {3}, {21, 22, 23});
    require_begins(x.index({Slice(), m.select(0, 0)}), {2, 2, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 12});
    require_begins(x.index({0, places({0, -1, 1, 2}, {2, 2}, device)}), {2, 2, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 4});
    require_begins(x.index({r.reshape({3, 1}), places({0, 2}, {2}, device)}), {3, 2, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 12});
    require_begins(x.index({Ellipsis, c}), {2, 3, 3}, {2, 0, 3, 6, 4, 7, 10, 8, 11, 14, 12, 15});
    require_begins(x.index({None, r}), {1, 3, 3, 4}, {0, 1, 2, 3});
    require_begins(x.index({places({1}, {}, device)}), {3, 4}, {12, 13});
    require_begins(x.index({true}), {1, 2, 3, 4}, {0, 1});
    require_begins(x.index({false}), {0, 2, 3, 4}, {});
    require_begins(x.index({m, c}), {3}, {2, 8, 19});
    require_begins(x.index({0, Slice(), places({1, 2}, {2}, device)}), {3, 2}, {1, 2, 5, 6, 9, 10});
    require_begins(x.index({places({0, 1}, {2}, device), 1, places({1, 2}, {2}, device)}), {2}, {5, 18});
    require_begins(x.index({places({}, {0}, device)}), {0, 3, 4}, {});
    require_begins(x.index({Slice(), r, Slice(), None}), {2, 3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7});
    require_begins(x.index({lt(x, 0)}), {0}, {});
    // A copy.
    x[r].fill_(-1);
    CHECK(x.sum().item() == 276);
    const Tensor y = leaf({2, 3, 4}, device);
    require_gradients([&](const auto& in) { return in[0].index({r, Slice(), c}); }, {y});
    require_gradients([&](const auto& in) { return in[0].transpose(0, 2).index({c, back, None, 0}); }, {y});
    require_gradients([&](const auto& in) { return in[0].index({Slice(None, None, 1), m.select(0, 0), Slice(1, 3)}); }, {y});
    require_gradients([&](const auto& in) { return in[0][m] * in[0].index({m}); }, {y});
  }
}

TEST_CASE("index_put_ writes, or adds, in order", "[indexing]") {
  for (Device device : test_devices()) {
    const auto fresh = [&] { return zeros({2, 3}, {float64, device}); };
    Tensor x = fresh();
    x.index_put_({1, Slice(None, None, 2)}, 5);
    CHECK(x.to_vector<double>() == V{0, 0, 0, 5, 0, 5});
    x.index_put_({eq(x, 5)}, -1);
    CHECK(x.to_vector<double>() == V{0, 0, 0, -1, 0, -1});
    x.index_put_({Ellipsis, places({2, 0}, {2}, device)}, tensor(V{1, 2, 3, 4}, Shape{2, 2}, device));
    CHECK(x.to_vector<double>() == V{2, 0, 1, 4, 0, 3});
    Tensor last = fresh(), added = fresh();
    const Tensor twice = places({1, 1, 0}, {3}, device), values = tensor(V{1, 2, 3}, {}, device);
    last.index_put_({0, twice}, values);
    CHECK(last.to_vector<double>() == V{3, 2, 0, 0, 0, 0});
    added.index_put_({0, twice}, values, true);
    CHECK(added.to_vector<double>() == V{3, 3, 0, 0, 0, 0});
    added.index_put_({Slice(), 0}, tensor(V{10}, {}, device), true);
    CHECK(added.to_vector<double>() == V{13, 3, 0, 10, 0, 0});
    Tensor bytes = zeros({3}, {uint8, device});
    bytes.index_put_({places({-1}, {1}, device)}, 7);
    CHECK(bytes.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 0, 7});
    x.index_put_({places({}, {0}, device)}, 1);
    CHECK(x.to_vector<double>() == V{2, 0, 1, 4, 0, 3});
    Tensor own = arange(0, 4, 1, {int64, device});
    own.index_put_({flip(own, 0)}, own);  // values of the same memory
    CHECK(own.to_vector<std::int64_t>() == std::vector<std::int64_t>{3, 2, 1, 0});
    own.index_put_({own}, arange(0, 4, 1, {int64, device}));  // and numbers
    CHECK(own.to_vector<std::int64_t>() == std::vector<std::int64_t>{3, 2, 1, 0});
    Tensor turned = fresh().transpose(0, 1);
    turned.index_put_({places({0, 2}, {2}, device), places({1, 0}, {2}, device)}, 1);
    CHECK(turned.to_vector<double>() == V{0, 1, 0, 0, 1, 0});
  }
  Tensor held = leaf({3});
  CHECK_THROWS_AS(held.index_put_({0}, 1), Error);
  CHECK_THROWS_AS(zeros({3}, {float64}).index_put_({0}, sum(held)), Error);
  no_grad([&] { held.index_put_({0}, 1); });
  CHECK(held.to_vector<double>()[0] == 1);
}

TEST_CASE("indexing says what it expected", "[indexing]") {
  const Tensor x = zeros({2, 3});
  require_error([&] { x.index({0, 0, 0}); }, "[index] expected indices of at most 2 dimensions for [2, 3], got 3");
  require_error([&] { x.index({Ellipsis, Ellipsis}); }, "[index] expected at most one ellipsis, got 2");
  require_error([&] { x.index({":"}); }, "[index] expected \"...\" of texts, got \":\"");
  require_error([&] { x.index({Slice(None, None, 0)}); }, "[slice] expected a step of 1 or more, got 0");
  require_error([&] { x.index({Slice(), places({3}, {1}, cpu)}); }, "[index] expected numbers in [-3, 3), got 3 at 0");
  require_error([&] { x.index({zeros({3}, {uint8})}); },
                "[index] expected a mask of the indexed dimensions' sizes, got [3] at dimension 0 of [2, 3]");
  require_error(
      [&] {
        x.index({places({0, 1}, {2}, cpu), places({0, 1, 2}, {3}, cpu)});
      },
      "[index] expected shapes that broadcast, got [2] and [3]");
  require_error([&] { zeros({})[0]; }, "[select] expected a tensor with dimensions, got a scalar");
  require_error([&] { x.index({Tensor()}); }, "[index] expected an index, got an undefined tensor");
}
