// Reductions over every choice of dimensions, their gradients, ties, and errors.
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

// All elements of x that share an output element, for every output element in order.
std::vector<std::vector<double>> groups(const Tensor& x, const Shape& dims) {
  std::vector<bool> gone(static_cast<std::size_t>(x.dim()), dims.empty());
  for (auto d : dims) gone[static_cast<std::size_t>(d < 0 ? d + x.dim() : d)] = true;
  Shape order;
  std::int64_t kept = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (!gone[static_cast<std::size_t>(d)]) {
      order.push_back(d);
      kept *= x.size(d);
    }
  for (int d = 0; d < x.dim(); ++d)
    if (gone[static_cast<std::size_t>(d)]) order.push_back(d);
  const auto values = x.permute(order).to_vector<double>();
  std::vector<std::vector<double>> result(static_cast<std::size_t>(kept));
  const std::size_t each = values.size() / result.size();
  for (std::size_t i = 0; i < values.size(); ++i) result[i / each].push_back(values[i]);
  return result;
}

double total(const std::vector<double>& v) {
  long double s = 0;
  for (double e : v) s += e;
  return static_cast<double>(s);
}
double average(const std::vector<double>& v) {
  return total(v) / static_cast<double>(v.size());
}
double spread(const std::vector<double>& v, int correction) {
  double s = 0;
  for (double e : v) s += (e - average(v)) * (e - average(v));
  return s / static_cast<double>(v.size() - static_cast<std::size_t>(correction));
}
double length(const std::vector<double>& v) {
  double s = 0;
  for (double e : v) s += e * e;
  return std::sqrt(s);
}

struct Reduction {
  std::string name;
  std::function<Tensor(const Tensor&, const Shape&, bool)> op;
  std::function<double(const std::vector<double>&)> value;
};
std::vector<Reduction> reductions() {
  using X = const Tensor&;
  using D = const Shape&;
  return {
      {"sum", [](X x, D d, bool keep) { return sum(x, d, keep); }, total},
      {"mean", [](X x, D d, bool keep) { return mean(x, d, keep); }, average},
      {"var", [](X x, D d, bool keep) { return var(x, d, 1, keep); }, [](auto& v) { return spread(v, 1); }},
      {"var of all", [](X x, D d, bool keep) { return var(x, d, 0, keep); }, [](auto& v) { return spread(v, 0); }},
      {"std", [](X x, D d, bool keep) { return heddle::std(x, d, 1, keep); }, [](auto& v) { return std::sqrt(spread(v, 1)); }},
      {"norm", [](X x, D d, bool keep) { return norm(x, d, keep); }, length}};
}

}  // namespace

TEST_CASE("reductions over any dimensions", "[reduce]") {
  for (Device device : test_devices())
    for (const auto& [name, op, value] : reductions())
      for (const Shape& dims : {Shape{}, Shape{0}, Shape{1}, Shape{3}, Shape{-1}, Shape{2, 3}, Shape{0, 2, 3}, Shape{0, 2},
                                Shape{1, 3}, Shape{3, 0}, Shape{0, 1, 2, 3}, Shape{-2, 1}}) {
        INFO(name << " over " << dims.str());
        const Tensor x = leaf({3, 4, 2, 5}, device);
        std::vector<double> want;
        for (const auto& group : groups(x.detach(), dims)) want.push_back(value(group));
        const Tensor y = op(x, dims, false), kept = op(x, dims, true);
        require_close(y, want);
        require_close(kept, want);
        Shape shape, shape_kept = x.shape();
        for (int d = 0; d < 4; ++d) {
          bool listed = dims.empty();
          for (auto listed_dim : dims) listed = listed || (listed_dim + 4) % 4 == d;
          if (listed)
            shape_kept[d] = 1;
          else
            shape.push_back(x.size(d));
        }
        REQUIRE(y.shape() == shape);
        REQUIRE(kept.shape() == shape_kept);
        require_gradients([&, op = op](const auto& in) { return op(in[0], dims, false); }, {x});
        require_gradients([&, op = op](const auto& in) { return op(in[0], dims, true); }, {x});
        const auto turned = [&, op = op](const auto& in) { return op(in[0].permute({2, 0, 3, 1}), dims, false); };
        require_close(turned(std::vector{x}), op(x.permute({2, 0, 3, 1}).clone(), dims, false));
        require_gradients(turned, {x});
      }
}

TEST_CASE("reductions of a scalar, of whole numbers, and of nothing", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({}, device);
    require_close(sum(x), x);
    require_close(mean(x), x);
    require_close(max(x), x);
    require_close(max(x, 0).values, x);
    require_gradients([](const auto& in) { return sum(in[0]) * mean(in[0]) * max(in[0]) + max(in[0], 0).values; }, {x});
    REQUIRE(sum(tensor(std::vector<std::int64_t>{1ll << 60, 1, 2}, {}, device)).item<std::int64_t>() == (1ll << 60) + 3);
    REQUIRE(max(tensor(std::vector<std::int64_t>{4, 9, 2}, {}, device)).item() == 9);
    REQUIRE(sum(zeros({0, 3}, {.device = device})).item() == 0);
    REQUIRE(sum(zeros({0, 3}, {.device = device}), {0}).to_vector<float>() == std::vector<float>{0, 0, 0});
    REQUIRE(std::isnan(mean(zeros({0}, {.device = device})).item()));
  }
}

TEST_CASE("sum does not hand out its input's memory", "[reduce]") {
  const Tensor x = ones({});
  Tensor y = sum(x);
  y.fill_(5);
  REQUIRE(x.item() == 1);
}

TEST_CASE("the largest and the smallest of all", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 4, 5}, device);
    const auto values = x.to_vector<double>();
    REQUIRE(max(x).item() == *std::max_element(values.begin(), values.end()));
    REQUIRE(min(x).item() == *std::min_element(values.begin(), values.end()));
    REQUIRE(max(x).shape() == Shape{});
    REQUIRE(argmax(x).item<std::int64_t>() == std::max_element(values.begin(), values.end()) - values.begin());
    require_gradients([](const auto& in) { return max(in[0]) * 2.0 + min(in[0]); }, {x});
    const Tensor tied = tensor(std::vector<double>{1, 3, 3, 0}, {}, device).requires_grad_();
    max(tied).backward();
    REQUIRE(tied.grad().to_vector<double>() == std::vector<double>{0, 0.5, 0.5, 0});
  }
}

TEST_CASE("the largest and the smallest along a dimension", "[reduce]") {
  for (Device device : test_devices())
    for (int dim : {0, 1, 2, -1})
      for (bool largest : {true, false}) {
        const Tensor x = leaf({3, 4, 5}, device);
        const auto op = [=](const Tensor& t, bool keep) { return largest ? max(t, dim, keep) : min(t, dim, keep); };
        std::vector<double> values;
        std::vector<std::int64_t> places;
        for (const auto& group : groups(x.detach(), {dim})) {
          const auto at = largest ? std::max_element(group.begin(), group.end()) : std::min_element(group.begin(), group.end());
          values.push_back(*at);
          places.push_back(at - group.begin());
        }
        const auto [y, index] = op(x, false);
        require_close(y, values);
        REQUIRE(index.to_vector<std::int64_t>() == places);
        REQUIRE(y.shape() == index.shape());
        REQUIRE(y.dim() == 2);
        REQUIRE(op(x, true).values.dim() == 3);
        REQUIRE(op(x, true).indices.to_vector<std::int64_t>() == places);
        if (largest) REQUIRE(argmax(x, dim).to_vector<std::int64_t>() == places);
        require_gradients([&](const auto& in) { return op(in[0], false).values; }, {x});
        require_gradients([&](const auto& in) { return op(in[0].permute({1, 2, 0}), true).values; }, {x});
      }
  const Tensor tied = tensor(std::vector<double>{1, 3, 3, 0, 2, 2}, Shape{2, 3}).requires_grad_();
  const auto [y, index] = max(tied, 1);
  REQUIRE(index.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 1});
  sum(y).backward();
  REQUIRE(tied.grad().to_vector<double>() == std::vector<double>{0, 1, 0, 0, 1, 0});
}

TEST_CASE("norm has gradient 0 at 0", "[reduce]") {
  const Tensor x = zeros({3}, {.dtype = float64}).requires_grad_();
  norm(x).backward();
  REQUIRE(x.grad().to_vector<double>() == std::vector<double>{0, 0, 0});
}

TEST_CASE("sum_to is the way back from broadcasting", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 3, 4}, device);
    require_close(sum_to(x, {3, 1}), sum(x, {0, 2}).reshape({3, 1}));
    require_close(sum_to(x, {}), sum(x));
    require_close(sum_to(x, {1, 1, 4}), sum(x, {0, 1}, true));
    require_same_bits(sum_to(x, {2, 3, 4}), x);
    require_gradients([](const auto& in) { return sum_to(in[0], {3, 1}); }, {x});
  }
  require_error([] { sum_to(zeros({2, 3}), {2, 2}); }, "[sum_to] expected shapes that broadcast, got [2, 2] and [2, 3]");
  require_error([] { sum_to(zeros({1, 3}), {2, 3}); }, "[sum_to] expected a shape that broadcasts to [1, 3], got [2, 3]");
}

TEST_CASE("reductions give the same bits on any number of threads", "[reduce]") {
  const Tensor x = made({37, 50, 41}).to(float32);
  same_on_any_threads([&] {
    std::vector<float> all;
    for (const auto& [name, op, value] : reductions())
      for (const Shape& dims : {Shape{}, Shape{0}, Shape{2}, Shape{0, 2}}) {
        const Tensor xl = x.detach().requires_grad_();
        const Tensor y = op(xl, dims, false);
        sum(y * y).backward();
        for (const Tensor& t : {y, xl.grad()})
          for (float v : t.to_vector<float>()) all.push_back(v);
      }
    return all;
  });
}

TEST_CASE("reductions say what they expected", "[reduce]") {
  const Tensor x = zeros({2, 3});
  require_error([&] { sum(x, {2}); }, "[sum] expected a dimension in [-2, 2), got 2");
  require_error([&] { mean(x, {0, -2}); }, "[mean] expected each dimension once, got [0, -2]");
  require_error([&] { mean(zeros({2}, {.dtype = int64})); }, "[mean] expected float32 or float64, got int64");
  require_error([&] { sum(zeros({2}, {.dtype = uint8})); }, "[sum] expected float32, float64 or int64, got uint8");
  require_error([&] { var(zeros({1})); }, "[var] expected more than 1 elements, got 1 of shape [1]");
  require_error([&] { max(zeros({0, 3})); }, "[max] expected elements to choose from, got shape [0, 3]");
  require_error([&] { argmax(x, 5); }, "[argmax] expected a dimension in [-2, 2), got 5");
}
