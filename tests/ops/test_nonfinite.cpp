// Numbers that are not finite: NaN comes out where it went in, infinity where it is seen, as in PyTorch; and subnormal numbers.
#include <cmath>
#include <limits>

#include "heddle/base/denormal.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/pool.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

const double missing = std::nan(""), inf = std::numeric_limits<double>::infinity();

// One value, or in enough elements that vectors are filled.
Tensor many(double value, DType type) {
  return full({67}, value, {.dtype = type});
}

}  // namespace

TEST_CASE("NaN comes out of every op that it goes into", "[nonfinite]") {
  using Op = std::function<Tensor(const Tensor&)>;
  const std::vector<std::pair<const char*, Op>> ops = {
      {"relu", [](const Tensor& x) { return relu(x); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"gelu, tanh", [](const Tensor& x) { return gelu(x, GeluApproximation::tanh); }},
      {"silu", [](const Tensor& x) { return silu(x); }},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
      {"tanh", [](const Tensor& x) { return heddle::tanh(x); }},
      {"softmax", [](const Tensor& x) { return softmax(x, 0); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x, 0); }},
      {"softmax of columns",
       [](const Tensor& x) {
         return softmax(x.reshape({1, 67}).expand({3, 67}), 0);
       }},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 1); }},
      {"maximum", [](const Tensor& x) { return maximum(x, zeros_like(x)); }},
      {"maximum", [](const Tensor& x) { return maximum(zeros_like(x), x); }},
      {"minimum", [](const Tensor& x) { return minimum(zeros_like(x), x); }},
      {"exp", [](const Tensor& x) { return heddle::exp(x); }},
      {"log", [](const Tensor& x) { return heddle::log(x); }},
      {"sqrt", [](const Tensor& x) { return heddle::sqrt(x); }},
      {"abs", [](const Tensor& x) { return heddle::abs(x); }},
      {"pow", [](const Tensor& x) { return heddle::pow(x, 2.5); }},
      {"max", [](const Tensor& x) { return max(x); }},
      {"min", [](const Tensor& x) { return min(x); }},
      {"max, along", [](const Tensor& x) { return max(x, 0).values; }},
      {"sum", [](const Tensor& x) { return sum(x); }},
      {"max_pool2d",
       [](const Tensor& x) {
         return max_pool2d(x.reshape({1, 1, 67}), {1, 2});
       }},
      {"max_pool2d 2 x 2",
       [](const Tensor& x) {
         return max_pool2d(x.slice(0, 0, 64).reshape({1, 8, 8}), 2);
       }},
  };
  for (DType type : {float32, float64})
    for (const auto& [name, op] : ops) {
      INFO(name << " of " << name_of(type));
      for (double v : op(many(missing, type)).to(float64).to_vector<double>()) CHECK(std::isnan(v));
    }
  // One among numbers wins wherever the largest or smallest is asked for.
  for (std::int64_t at : {0, 1, 40, 66}) {
    Tensor x = arange(0, 67);
    x.select(0, at).fill_(missing);
    INFO("NaN at " << at);
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(min(x).item()));
    CHECK(argmax(x).item<int>() == at);
    CHECK(max(x, 0).indices.item<int>() == at);
    CHECK(min(x, 0).indices.item<int>() == at);
    x.requires_grad_();
    max(x).backward();
    for (std::int64_t i = 0; i < 67; ++i) CHECK(x.grad().select(0, i).item() == (i == at ? 1 : 0));
  }
  CHECK(heddle::pow(full({}, missing), 0).item() == 1);
  CHECK(heddle::pow(ones({}), full({}, missing)).item() == 1);
}

TEST_CASE("infinity in softmax", "[nonfinite]") {
  const auto of = [](std::vector<double> v) { return softmax(tensor(v), 0).to_vector<double>(); };
  CHECK(of({-inf, 0, 0}) == std::vector<double>{0, 0.5, 0.5});
  for (double v : of({-inf, -inf})) CHECK(std::isnan(v));
  CHECK(std::isnan(of({inf, 0})[0]));
}

TEST_CASE("relu's gradient is 0 where it cuts off, and passes where x is NaN", "[nonfinite]") {
  for (DType type : {float32, float64}) {
    const Tensor x = tensor(std::vector<double>{-1, 0, 2, missing}).to(type).requires_grad_();
    const Tensor y = relu(x);
    y.backward(full({4}, inf, {.dtype = type}));
    CHECK(x.grad().to(float64).to_vector<double>() == std::vector<double>{0, 0, inf, inf});
  }
}

TEST_CASE("binary cross-entropy of infinite logits is PyTorch's", "[nonfinite]") {
  const auto loss = [](double x, double t) { return binary_cross_entropy_with_logits(full({}, x), full({}, t)).item(); };
  CHECK(loss(inf, 0) == inf);
  CHECK(std::isnan(loss(inf, 1)));
  CHECK(std::isnan(loss(-inf, 0)));
  CHECK(std::isnan(loss(-inf, 1)));
  CHECK(loss(1000, 1) == 0);
  CHECK(loss(-1000, 0) == 0);
  CHECK(loss(-1000, 1) == 1000);
  CHECK(loss(1000, 0) == 1000);
}

// A product with a matrix of averages once made NaN of windows that do not see the infinite pixel: 0 * inf.
TEST_CASE("adaptive_avg_pool2d keeps infinity in the windows that see it", "[nonfinite]") {
  for (DType type : {float32, float64}) {
    Tensor x = ones({1, 1, 7, 10}, {.dtype = type});
    x.view_of_memory({}, {}, 6 * 10 + 9).fill_(inf);
    const auto y = adaptive_avg_pool2d(x, {3, 4}).to(float64).to_vector<double>();
    REQUIRE(y.size() == 12);
    for (std::size_t i = 0; i < 11; ++i) CHECK(y[i] == 1);
    CHECK(y[11] == inf);
  }
}

// Winograd's algorithm mixes the inputs of a tile: an infinite pixel made 16 outputs NaN, where 9 see it, and nothing could
// be done about it but a variable in the environment.
TEST_CASE("a convolution asked to be direct keeps infinity where it is seen", "[nonfinite]") {
  Tensor x = zeros({2, 16, 16, 16});
  x.view_of_memory({}, {}, 5 * 16 + 5).fill_(inf);
  const Tensor w = ones({16, 16, 3, 3});
  const std::string before(get_conv_algorithm());
  set_conv_algorithm("direct");
  CHECK(get_conv_algorithm() == "direct");
  std::int64_t infinite = 0, nans = 0;
  for (float v : conv2d(x, w, {}, {.padding = 1}).to_vector<float>()) infinite += std::isinf(v), nans += std::isnan(v);
  CHECK(infinite == 9 * 16);
  CHECK(nans == 0);
  set_conv_algorithm("winograd");
  nans = 0;
  for (float v : conv2d(x, w, {}, {.padding = 1}).to_vector<float>()) nans += std::isnan(v);
  CHECK(nans > 0);
  set_conv_algorithm(before);
  require_error([] { set_conv_algorithm("fft"); }, "[set_conv_algorithm] expected auto, direct or winograd, got 'fft'");
}

// Subnormals were made zeros in float64 too, and nothing said so.
TEST_CASE("subnormal numbers are kept where set_flush_denormal(false) asks for that", "[nonfinite]") {
  const double tiny = 1e-310;
  const Tensor x = full({1000}, tiny, {.dtype = float64}), y = full({1000}, 1e-40f);
  CHECK(get_flush_denormal());
  CHECK((x * 0.5).to_vector<double>()[500] == 0);
  set_flush_denormal(false);
  const auto kept = (x * 0.5).to_vector<double>();
  const auto kept32 = (y * 0.5).to_vector<float>();
  set_flush_denormal(true);
  for (double v : kept) CHECK(v == tiny * 0.5);
  for (float v : kept32) CHECK(v == 1e-40f * 0.5f);
  CHECK(x.clone().to_vector<double>()[0] == tiny);
}
