// Elements by number, parts and rearrangements, sorting. Expected numbers are PyTorch's.
#include <limits>

#include "heddle/ops/cat.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/index.hpp"
#include "heddle/ops/rearrange.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/sort.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using V = std::vector<double>;
using N = std::vector<std::int64_t>;

V gradient(const Tensor& x, const Tensor& y) {
  Tensor leaf = x;
  leaf.set_grad({});
  sum(y * arange(1, static_cast<double>(y.numel() + 1), 1, y.options()).reshape(y.shape())).backward();
  return x.grad().to_vector<double>();
}

Tensor sample(Device device) {
  return tensor(V{1, -2, 3, 4, 0, -6}, Shape{2, 3}, device).requires_grad_();
}
Tensor numbers(N values, const Shape& shape, Device device) {
  return tensor(values, shape, device);
}

std::vector<Shape> shapes_of(const std::vector<Tensor>& parts) {
  std::vector<Shape> shapes;
  for (const Tensor& part : parts) shapes.push_back(part.shape());
  return shapes;
}

}  // namespace

TEST_CASE("index_select, gather and take_along_dim", "[index]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    const Tensor columns = numbers({2, 0, 2}, {3}, device);
    CHECK(index_select(x, 1, columns).to_vector<double>() == V{3, 1, 3, -6, 4, -6});
    CHECK(gradient(x, x.index_select(1, columns)) == V{2, 0, 4, 5, 0, 10});
    CHECK(index_select(x, -2, numbers({1}, {}, device)).to_vector<double>() == V{4, 0, -6});
    const Tensor each = numbers({2, 0, 1, 1}, {2, 2}, device);
    CHECK(gather(x, 1, each).to_vector<double>() == V{3, 1, 0, 0});
    CHECK(gradient(x, x.gather(1, each)) == V{2, 0, 1, 0, 7, 0});
    CHECK(gather(x, 0, numbers({1, 0}, {1, 2}, device)).to_vector<double>() == V{4, -2});  // smaller than x
    CHECK(gradient(x, gather(x, 0, numbers({1, 0}, {1, 2}, device))) == V{0, 2, 0, 1, 0, 0});
    CHECK(take_along_dim(x, numbers({1, 0, 1}, {1, 3}, device), 0).to_vector<double>() == V{4, -2, -6});
    CHECK(gradient(x, x.take_along_dim(numbers({1, 0, 1}, {1, 3}, device), 0)) == V{0, 2, 0, 1, 0, 3});
    CHECK(gradient(x, take_along_dim(x, numbers({5, 0, 5}, {3}, device))) == V{2, 0, 0, 0, 0, 4});
    CHECK(take_along_dim(x, x.argmax(1, true), 1).to_vector<double>() == V{3, 4});
    const Tensor big = leaf({3, 4, 5}, device);
    for (int dim : {0, 1, 2}) {
      require_gradients(
          [=](const auto& in) {
            return index_select(in[0].transpose(0, 2), dim, numbers({2, 0, 0, 1, 2}, {5}, device));
          },
          {big});
      require_gradients(
          [=](const auto& in) {
            return gather(in[0], dim, numbers({2, 0, 0, 1, 2, 1, 0, 2}, {2, 2, 2}, device));
          },
          {big});
    }
    for (DType type : {float32, bfloat16, int64, uint8})
      CHECK(index_select(arange(0, 4, 1, {type, device}), 0, numbers({3, 3, 0}, {3}, device)).to(float64).to_vector<double>() ==
            V{3, 3, 0});
    const Tensor rounded = full({2, 3}, 1, {bfloat16, device}).requires_grad_();
    sum(index_select(rounded, 1, columns)).backward();
    CHECK(rounded.grad().to(float64).to_vector<double>() == V{1, 0, 2, 1, 0, 2});
    CHECK(index_select(x, 0, numbers({}, {0}, device)).shape() == Shape{0, 3});
    CHECK(gather(x, 1, numbers({}, {2, 0}, device)).shape() == Shape{2, 0});
    CHECK(gather(zeros({0, 3}, {float32, device}), 1, numbers({}, {0, 3}, device)).shape() == Shape{0, 3});
    CHECK(gather(full({}, 4, {float32, device}), 0, numbers({0, 0}, {2}, device)).to_vector<float>() ==
          std::vector<float>{4, 4});
  }
  const Tensor x = zeros({2, 3});
  require_error(
      [&] {
        index_select(x, 1, numbers({0, 3}, {2}, cpu));
      },
      "[index_select] expected numbers in [0, 3), got 3 at 1");
  require_error([&] { gather(x, 1, numbers({-1, 0}, {1, 2}, cpu)); }, "[gather] expected numbers in [0, 3), got -1 at 0");
  require_error(
      [&] {
        gather(x, 1, zeros({3, 1}, {int64}));
      },
      "[gather] expected an index no larger than [2, 3] but along dimension 1, got [3, 1]");
  require_error([&] { gather(x, 1, zeros({2}, {int64})); }, "[gather] expected an index of 2 dimensions for [2, 3], got [2]");
  require_error(
      [&] {
        gather(x, 1, zeros({2, 1}));
      },
      "[gather] expected a tensor of numbers of int64 on cpu, got float32 on cpu");
  // Who overwrites the numbers is found out.
  const Tensor y = leaf({3});
  Tensor places = numbers({0, 1}, {2}, cpu);
  const Tensor z = sum(gather(y, 0, places));
  places += 1;
  CHECK_THROWS_AS(z.backward(), Error);
}

TEST_CASE("scatter_add and index_add", "[index]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device), src = tensor(V{10, 20, 30, 40, 50, 60}, Shape{2, 3}, device).requires_grad_();
    const Tensor to = numbers({0, 0, 2, 1, 1, 1}, {2, 3}, device);
    const Tensor y = scatter_add(x, 1, to, src);
    CHECK(y.to_vector<double>() == V{31, -2, 33, 4, 150, -6});
    CHECK(gradient(x, y) == V{1, 2, 3, 4, 5, 6});
    CHECK(src.grad().to_vector<double>() == V{1, 1, 3, 5, 5, 5});
    CHECK(index_add(x, 1, numbers({0, 0, 2}, {3}, device), src).to_vector<double>() == V{31, -2, 33, 94, 0, 54});
    for (int dim : {0, 1}) {
      require_gradients(
          [=](const auto& in) {
            return in[0].scatter_add(dim, numbers({1, 0, 1, 1}, {2, 2}, device), in[1]);
          },
          {leaf({2, 3}, device), leaf({4, 3}, device, 1, 2, 2)});
    }
    require_gradients(
        [=](const auto& in) {
          return index_add(in[0], 0, numbers({1, 1, 0}, {3}, device), in[1]);
        },
        {leaf({2, 3}, device), leaf({3, 3}, device, 1, 2, 2)});
    CHECK(scatter_add(zeros({3}, {int64, device}), 0, numbers({2, 2, 0}, {3}, device), ones({3}, {int64, device}))
              .to_vector<std::int64_t>() == N{1, 0, 2});
    CHECK(scatter_add(zeros({3}, {bfloat16, device}), 0, numbers({2, 2}, {2}, device), ones({2}, {bfloat16, device}))
              .to(float64)
              .to_vector<double>() == V{0, 0, 2});
    CHECK(scatter_add(x, 1, numbers({}, {2, 0}, device), src).to_vector<double>() == x.to_vector<double>());
  }
  // A histogram of floats: the same bits on any number of threads.
  const Tensor values = made({20000}, cpu).to(float32), to = (arange(0, 20000, 1, {int64}) * 7919);
  const Tensor bins = to - div(to.to(float64), 100).to(int64) * 100;
  same_on_any_threads([&] { return scatter_add(zeros({100}), 0, bins, values).to_vector<float>(); });
  const Tensor rows = made({2000, 40}, cpu).to(float32), row_bins = bins.slice(0, 0, 2000);
  same_on_any_threads([&] { return index_add(zeros({100, 40}), 0, row_bins, rows).to_vector<float>(); });
  require_error(
      [] {
        scatter_add(zeros({2, 3}), 1, zeros({2, 4}, {int64}), zeros({2, 3}));
      },
      "[scatter_add] expected an index no larger than the source [2, 3], nor than [2, 3] but along dimension 1, got [2, 4]");
  require_error(
      [] {
        index_add(zeros({2, 3}), 1, zeros({2}, {int64}), zeros({2, 3}));
      },
      "[index_add] expected a source of shape [2, 2], got [2, 3]");
}

TEST_CASE("split, chunk and unbind give views", "[index]") {
  using S = std::vector<Shape>;
  const Tensor x = zeros({5, 2});
  CHECK(shapes_of(split(x, 2)) == S{{2, 2}, {2, 2}, {1, 2}});
  CHECK(shapes_of(chunk(x, 3)) == S{{2, 2}, {2, 2}, {1, 2}});
  CHECK(shapes_of(x.chunk(4)) == S{{2, 2}, {2, 2}, {1, 2}});
  CHECK(shapes_of(x.split(7)) == S{{5, 2}});
  CHECK(shapes_of(split(x, 1, -1)) == S{{5, 1}, {5, 1}});
  CHECK(shapes_of(split_with_sizes(x, {1, 0, 4})) == S{{1, 2}, {0, 2}, {4, 2}});
  CHECK(shapes_of(split(zeros({0, 2}), 2)) == S{{0, 2}});
  CHECK(shapes_of(split(zeros({0, 2}), 0)) == S{{0, 2}});
  CHECK(shapes_of(chunk(zeros({0, 2}), 2)) == S{{0, 2}, {0, 2}});
  CHECK(shapes_of(unbind(x, 1)) == S{{5}, {5}});
  split(x, 2)[1].fill_(3);
  CHECK(x.sum().item() == 12);
  require_gradients(
      [](const auto& in) {
        const auto parts = chunk(in[0], 3, 1);
        return parts[0] * parts[2] + parts[1];
      },
      {leaf({2, 6})});
  require_error([&] { split(x, 0); }, "[split] expected a size of 1 or more, got 0");
  require_error([&] { split_with_sizes(x, {2, 2}); }, "[split_with_sizes] expected sizes that add up to 5, got 4");
  require_error([&] { chunk(zeros({}), 2); }, "[chunk] expected a tensor with dimensions, got a scalar");
}

TEST_CASE("flip and roll", "[index]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    CHECK(flip(x, 1).to_vector<double>() == V{3, -2, 1, -6, 0, 4});
    CHECK(gradient(x, flip(x, 1)) == V{3, 2, 1, 6, 5, 4});
    CHECK(x.flip({0, -1}).to_vector<double>() == V{-6, 0, 4, 3, -2, 1});
    CHECK(roll(x, 1).to_vector<double>() == V{-6, 1, -2, 3, 4, 0});
    CHECK(gradient(x, roll(x, 1)) == V{2, 3, 4, 5, 6, 1});
    CHECK(roll(x, {1, -1}, {0, 1}).to_vector<double>() == V{0, -6, 4, -2, 3, 1});
    CHECK(gradient(x, x.roll({1, -1}, {0, 1})) == V{6, 4, 5, 3, 1, 2});
    CHECK(roll(x, 5, 1).to_vector<double>() == V{-2, 3, 1, 0, -6, 4});
    CHECK(gradient(x, roll(x, 5, 1)) == V{3, 1, 2, 6, 4, 5});
    for (DType type : {uint8, int64, bfloat16})
      CHECK(flip(arange(0, 3, 1, {type, device}), 0).to(float64).to_vector<double>() == V{2, 1, 0});
    require_gradients([](const auto& in) { return flip(in[0].transpose(0, 1), {0, 2}); }, {leaf({2, 3, 4}, device)});
    CHECK(flip(zeros({0, 2}, {float32, device}), 0).shape() == Shape{0, 2});
    CHECK(roll(zeros({0, 2}, {float32, device}), 1).shape() == Shape{0, 2});
    // A copy, even where nothing moves.
    Tensor same = flip(x.detach(), Shape{});
    same += 1;
    CHECK(x.to_vector<double>()[0] == 1);
  }
  require_error([] { flip(zeros({2, 2}), {0, 0}); }, "[flip] expected each dimension once, got [0, 0]");
  require_error([] { roll(zeros({2, 2}), {1, 2}, {0}); }, "[roll] expected a shift for each of the dimensions [0], got [1, 2]");
}

TEST_CASE("sort, argsort and topk", "[index]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    const auto [values, places] = sort(x, 1);
    CHECK(values.to_vector<double>() == V{-2, 1, 3, -6, 0, 4});
    CHECK(places.to_vector<std::int64_t>() == N{1, 0, 2, 2, 1, 0});
    CHECK(gradient(x, values) == V{2, 1, 3, 6, 5, 4});
    const auto down = x.sort(0, true);
    CHECK(down.values.to_vector<double>() == V{4, 0, 3, 1, -2, -6});
    CHECK(down.indices.to_vector<std::int64_t>() == N{1, 1, 0, 0, 0, 1});
    CHECK(x.argsort(-1, true).to_vector<std::int64_t>() == N{2, 0, 1, 0, 1, 2});
    const auto best = topk(x, 2);
    CHECK(best.values.to_vector<double>() == V{3, 1, 4, 0});
    CHECK(best.indices.to_vector<std::int64_t>() == N{2, 0, 0, 1});
    CHECK(gradient(x, best.values) == V{2, 0, 1, 3, 4, 0});
    const auto least = x.topk(1, 0, false);
    CHECK(least.values.to_vector<double>() == V{1, -2, -6});
    CHECK(least.indices.to_vector<std::int64_t>() == N{0, 0, 1});
    const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
    const Tensor odd = tensor(V{nan, 1, -infinity, infinity, nan, 0}, {}, device);
    CHECK(argsort(odd).to_vector<std::int64_t>() == N{2, 5, 1, 3, 0, 4});
    CHECK(argsort(odd, 0, true).to_vector<std::int64_t>() == N{0, 4, 3, 1, 5, 2});
    for (DType type : {float32, bfloat16, int64, uint8})
      CHECK(sort(tensor(V{2, 0, 1}, {}, device).to(type)).values.to(float64).to_vector<double>() == V{0, 1, 2});
    require_gradients([](const auto& in) { return sort(in[0].transpose(0, 1), 0).values; }, {leaf({3, 20}, device)});
    require_gradients([](const auto& in) { return topk(in[0], 3, 0).values; }, {leaf({7, 2}, device)});
    CHECK(sort(full({}, 2, {float32, device})).indices.item<int>() == 0);
    CHECK(sort(zeros({0, 2}, {float32, device}), 0).values.shape() == Shape{0, 2});
    CHECK(topk(zeros({2, 3}, {float32, device}), 0).values.shape() == Shape{2, 0});
  }
  require_error([] { topk(zeros({2, 3}), 4); }, "[topk] expected from 0 to 3 elements of dimension 1 of [2, 3], got 4");
}
