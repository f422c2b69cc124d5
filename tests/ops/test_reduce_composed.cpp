// prod, logsumexp, norms, amax, argmin and cumsum. Expected numbers are PyTorch's.
#include <limits>

#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/scan.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using V = std::vector<double>;
using N = std::vector<std::int64_t>;
constexpr double infinity = std::numeric_limits<double>::infinity(), not_a_number = std::numeric_limits<double>::quiet_NaN();

V gradient(const Tensor& x, const Tensor& y) {
  Tensor leaf = x;
  leaf.set_grad({});
  sum(y * arange(1, static_cast<double>(y.numel() + 1), 1, y.options()).reshape(y.shape())).backward();
  return x.grad().to_vector<double>();
}

Tensor sample(Device device) {
  return tensor(V{1, -2, 3, 4, 0, -6}, Shape{2, 3}, device).requires_grad_();
}

}  // namespace

TEST_CASE("prod, with zeros", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    CHECK(prod(x).item() == 0);
    CHECK(gradient(x, prod(x)) == V{0, 0, 0, 0, 144, 0});
    CHECK(prod(x, 1).to_vector<double>() == V{-6, 0});
    CHECK(gradient(x, x.prod(1)) == V{-6, 3, -2, 0, -48, 0});
    CHECK(prod(x, 0, true).shape() == Shape{1, 3});
    CHECK(gradient(x, prod(x, 0, true)) == V{4, 0, -18, 1, -4, 9});
    for (int dim : {0, 1, -1}) require_gradients([=](const auto& in) { return prod(in[0], dim); }, {leaf({4, 3, 2}, device)});
    require_gradients([](const auto& in) { return prod(in[0].transpose(0, 1)); }, {leaf({2, 3}, device)});
    require_gradients([](const auto& in) { return prod(in[0], 0, true); }, {leaf({}, device)});
    CHECK(prod(tensor(N{2, 3, -4}, {}, device)).item<int>() == -24);
    CHECK(prod(zeros({0, 3}, {float64, device}), 0).to_vector<double>() == V{1, 1, 1});
    CHECK(prod(zeros({3, 0}, {float64, device}), 0).shape() == Shape{0});
    CHECK(prod(zeros({0}, {float32, device})).item() == 1);
    CHECK(prod(full({3}, 2, {bfloat16, device})).item() == 8);
  }
}

TEST_CASE("logsumexp", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    require_close(logsumexp(x, 1), V{3.1328452337275756, 4.018194510281095});
    require_close(tensor(gradient(x, x.logsumexp({1}))), V{0.11849965453500957, 0.005899750401902781, 0.8756005950630876,
                                                           1.9639400210365487, 0.035970816224438436, 8.916273901279234e-05});
    require_close(logsumexp(x, {0, 1}), V{4.363605283933464});
    CHECK(logsumexp(x, 0, true).shape() == Shape{1, 3});
    require_gradients([](const auto& in) { return logsumexp(in[0], {0, 2}); }, {leaf({2, 3, 4}, device)});
    require_close(logsumexp(x + 1e6, 1), V{1000003.1328452337275756, 1000004.018194510281095}, 1e-15);
    const Tensor odd = tensor(V{-infinity, -infinity, 1, infinity, not_a_number, 1}, Shape{3, 2}, device);
    require_close(logsumexp(odd, 1), V{-infinity, infinity, not_a_number});
    CHECK(logsumexp(zeros({3, 0}, {float64, device}), 1).to_vector<double>() == V(3, -infinity));
    CHECK(logsumexp(zeros({0, 3}, {float64, device}), 1).shape() == Shape{0});
  }
  // PyTorch gives NaN here, and the mean of a masked batch with it.
  const Tensor nothing = full({2}, -infinity, {float64}).requires_grad_();
  logsumexp(nothing, 0).backward();
  CHECK(nothing.grad().to_vector<double>() == V{0, 0});
  require_error([] { logsumexp(zeros({2}, {int64}), 0); }, "[logsumexp] expected float32 or float64, got int64");
}

TEST_CASE("norms of any order", "[reduce]") {
  struct Case {
    double ord;
    double all;
    V all_gradient, rows, rows_gradient;
  };
  const std::vector<Case> cases = {
      {1, 16, {1, -1, 1, 1, 0, -1}, {6, 10}, {1, -1, 1, 2, 0, -2}},
      {2,
       8.12403840463596,
       {0.12309149097933272, -0.24618298195866545, 0.3692744729379982, 0.4923659639173309, 0, -0.7385489458759964},
       {3.7416573867739413, 7.211102550927978},
       {0.2672612419124244, -0.5345224838248488, 0.8017837257372732, 1.1094003924504583, 0, -1.6641005886756874}},
      {3,
       6.811284607689078,
       {0.02155469812559836, -0.08621879250239343, 0.19399228313038522, 0.34487517000957374, 0, -0.7759691325215409},
       {3.3019272488946263, 6.542132620377179},
       {0.0917202013581841, -0.3668808054327364, 0.8254818122236569, 0.7476722994716779, 0, -1.6822626738112754}},
      {infinity, 6, {0, 0, 0, 0, 0, -1}, {3, 6}, {0, 0, 1, 0, 0, -2}},
      {-infinity, 0, {0, 0, 0, 0, 0, 0}, {1, 0}, {1, 0, 0, 0, 0, 0}},
      {0.5,
       73.88698876643133,
       {8.59575411272515, -6.078116022520108, 4.962760950869699, 4.297877056362575, 0, -3.5092019217677626},
       {17.191508225450303, 19.79795897113271},
       {4.146264369941973, -2.9318516525781364, 2.3938468501173524, 4.449489742783178, 0, -3.6329931618554525}},
      {-1,
       0,
       {0, 0, 0, 0, 0, 0},
       {0.5454545454545455, 0},
       {0.29752066115702486, -0.07438016528925621, 0.03305785123966943, 0, 0, 0}}};
  for (Device device : test_devices())
    for (const Case& c : cases) {
      INFO("order " << c.ord);
      const Tensor x = sample(device);
      require_close(vector_norm(x, c.ord), V{c.all});
      require_close(tensor(gradient(x, norm(x, c.ord))), c.all_gradient);
      require_close(norm(x, c.ord, {1}), c.rows);
      require_close(tensor(gradient(x, vector_norm(x, c.ord, {-1}, true))), c.rows_gradient);
      if (std::isfinite(c.ord))
        require_gradients([&](const auto& in) { return norm(in[0], c.ord, {0, 2}); }, {leaf({2, 3, 2}, device, 0.5, 2)});
    }
  CHECK(norm(tensor(V{0, 3, 0, -1}), 0).item() == 2);
  CHECK(norm(tensor(V{3, 4})).item() == 5);
  CHECK(tensor(V{3, -4}).norm(1, 0).item() == 7);
  CHECK(tensor(V{3, -4}).norm({0}).item() == 5);
  CHECK(tensor(V{3, -4}).norm().item() == 5);
  CHECK(sum(ones({2, 3}), 1).shape() == Shape{2});
  CHECK(mean(ones({2, 3}), -2, true).shape() == Shape{1, 3});
  CHECK(norm(tensor(V{3, 4}), {0}).item() == 5);  // dimensions, not an order
  const Tensor zero = zeros({3}, {float64}).requires_grad_();
  for (double ord : {0.5, 1.0, 2.0, 3.0}) CHECK(gradient(zero, norm(zero, ord)) == V{0, 0, 0});
  CHECK(norm(zeros({0, 2}), 3, {0}).to_vector<float>() == std::vector<float>{0, 0});
  CHECK_THROWS_AS(norm(zeros({0}), infinity), Error);
  CHECK_THROWS_AS(norm(zeros({0}), -1), Error);
}

TEST_CASE("amax, amin and argmin", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    CHECK(amax(x, {1}).to_vector<double>() == V{3, 4});
    CHECK(amin(x, {0, 1}).item() == -6);
    CHECK(amax(x, {0}, true).shape() == Shape{1, 3});
    const Tensor ties = tensor(V{2, 2, 1, 0, 5, 5}, Shape{2, 3}, device).requires_grad_();
    CHECK(gradient(ties, amax(ties, {1})) == V{0.5, 0.5, 0, 0, 1, 1});
    CHECK(gradient(ties, amin(ties, {-1})) == V{0, 0, 1, 2, 0, 0});
    require_gradients([](const auto& in) { return amax(in[0], {0, 2}); }, {leaf({2, 3, 4}, device)});
    CHECK(argmin(x).item<int>() == 5);
    CHECK(x.argmin(1).to_vector<std::int64_t>() == N{1, 2});
    CHECK(argmin(x, 0, true).to_vector<std::int64_t>() == N{0, 0, 1});
    CHECK(argmin(tensor(N{3, std::numeric_limits<std::int64_t>::min(), 1}, {}, device)).item<int>() == 1);
    CHECK(argmin(tensor(V{1, not_a_number, 0, not_a_number}, {}, device)).item<int>() == 1);
    CHECK(argmin(tensor(V{1, 0, 0}, {}, device)).item<int>() == 1);
    CHECK(argmin(zeros({0, 3}, {float32, device}), 1).shape() == Shape{0});
  }
  require_error([] { argmin(zeros({0})); }, "[argmin] expected elements to choose from, got shape [0]");
}

TEST_CASE("cumsum", "[reduce]") {
  for (Device device : test_devices()) {
    const Tensor x = sample(device);
    CHECK(cumsum(x, 1).to_vector<double>() == V{1, -1, 2, 4, 4, -2});
    CHECK(gradient(x, cumsum(x, 1)) == V{6, 5, 3, 15, 11, 6});
    CHECK(x.cumsum(0).to_vector<double>() == V{1, -2, 3, 5, -2, -3});
    CHECK(gradient(x, x.cumsum(-2)) == V{5, 7, 9, 4, 5, 6});
    require_gradients([](const auto& in) { return cumsum(in[0].transpose(0, 1), 1); }, {leaf({5, 3}, device)});
    CHECK(cumsum(tensor(N{1, 2, 3}, {}, device), 0).to_vector<std::int64_t>() == N{1, 3, 6});
    CHECK(cumsum(zeros({0, 3}, {float32, device}), 0).shape() == Shape{0, 3});
    CHECK(cumsum(full({}, 2, {float32, device}), 0).item() == 2);
    CHECK(cumsum(ones({300}, {bfloat16, device}), 0).to(float64).to_vector<double>()[255] == 256);
  }
  const Tensor many = made({300, 50}, cpu).to(float32);
  same_on_any_threads([&] { return cumsum(many, 0).to_vector<float>(); });
  require_error([] { cumsum(zeros({2}), 1); }, "[cumsum] expected a dimension in [-1, 1), got 1");
}
