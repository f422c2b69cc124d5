// The watch for numbers that are not finite: it finds what was planted, where it was planted.
#include <limits>

#include "heddle/core/random.hpp"
#include "heddle/debug/check_numerics.hpp"
#include "heddle/nn/containers.hpp"
#include "heddle/nn/conv.hpp"
#include "heddle/nn/layers.hpp"
#include "heddle/nn/norm.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// The root's gradient is infinite at 0.
struct Root : nn::Module {
  Tensor forward(const Tensor& x) override { return sqrt(x); }
  std::string describe() const override { return "Root()"; }
};

struct Log : nn::Module {
  Tensor forward(const Tensor& x) override { return log(x); }
  std::string describe() const override { return "Log()"; }
};

nn::Conv2d conv(int in, int out) {
  return nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 1});
}

Tensor image() {
  manual_seed(3);
  return rand({2, 3, 4, 4});
}

void spoil(Tensor t, double value) {
  auto values = t.to_vector<float>();
  values[1] = static_cast<float>(value);
  t.detach().copy_(tensor(values, t.shape()));
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the first layer whose output is not finite is named, and its broken parameter") {
  nn::Sequential net(conv(3, 4), nn::Sequential(conv(4, 4), nn::ReLU()), conv(4, 2));
  spoil(net.named_parameters()[2].second, inf);  // 1.0.weight
  const Tensor x = image();
  net(x);
  {
    debug::CheckNumerics watch(net);
    const std::string said = message_of([&] { net(x); });
    CHECK_THAT(said, ContainsSubstring("[1.0] [forward] expected finite numbers out of 1.0 (Conv2d), got 32 "));
    CHECK_THAT(
        said, ContainsSubstring("infinite of 128 values in its output [2, 4, 4, 4]; its weight holds 1 infinite of 16 values"));
    // Caught, it goes on watching.
    CHECK(message_of([&] { net(x); }) == said);
  }
  CHECK(!observed());
  CHECK_NOTHROW(net(x));
}

TEST_CASE("a layer that makes NaN of good numbers is named without parameters") {
  nn::Sequential net(conv(3, 3), nn::ReLU(), Log(), nn::Flatten());
  debug::CheckNumerics watch(net);
  const std::string said = message_of([&] { net(Tensor(image())); });
  CHECK_THAT(said, ContainsSubstring("[2] [forward] expected finite numbers out of 2 (Log), got "));
  CHECK_THAT(said, !ContainsSubstring("its weight"));
}

TEST_CASE("layers that run as one op are named together") {
  for (const bool fused : {true, false}) {
    nn::set_fusion(fused);
    nn::Sequential net(conv(3, 4), nn::BatchNorm2d({.num_features = 4}), nn::ReLU(), nn::Dropout2d({.p = 0.1}));
    spoil(net.named_parameters()[2].second, std::nan(""));  // 1.weight
    debug::CheckNumerics watch(net);
    const std::string said = message_of([&] { net(image()); });
    CHECK_THAT(said,
               ContainsSubstring(
                   fused ? "[1] [forward] expected finite numbers out of 1+2+3 (BatchNorm2d+ReLU+Dropout2d), run as one op"
                         : "[1] [forward] expected finite numbers out of 1 (BatchNorm2d), got"));
    CHECK_THAT(said, ContainsSubstring("; its weight holds 1 NaN of 4 values"));
  }
  nn::set_fusion(true);
}

TEST_CASE("an input that is not finite is told from a layer that is broken") {
  nn::Sequential net(conv(3, 4), nn::ReLU());
  Tensor x = image();
  spoil(x, std::nan(""));
  debug::CheckNumerics watch(net);
  CHECK_THAT(message_of([&] { net(x); }),
             ContainsSubstring("expected finite numbers into Sequential, got 1 NaN of 96 values in its input"));
}

TEST_CASE("the first layer whose gradient is not finite is named") {
  nn::Sequential net(conv(3, 3), nn::ReLU(), Root(), conv(3, 2));
  const Tensor x = image();
  {
    debug::CheckNumerics watch(net);
    const Tensor y = net(x);
    const std::string said = message_of([&] { sum(y).backward(); });
    CHECK_THAT(said, ContainsSubstring("[backward] expected finite gradients out of 2 (Root), op 'sqrt', got "));
    CHECK_THAT(said, ContainsSubstring("in the gradient [2, 3, 4, 4] of its input 0"));
  }
  // Unwatched, the infinities end at the ReLU, whose gradient is 0 where it cut off, whatever comes from above.
  sum(net(x)).backward();
  CHECK(debug::all_finite(net.parameters()[0].grad()));
}

TEST_CASE("a gradient that a hook spoils is not blamed on the layer it goes into") {
  nn::Sequential net(conv(3, 3), nn::Tanh());
  debug::CheckNumerics watch(net);
  const Tensor x = image();
  Tensor y = net(x);
  y.register_hook([](const Tensor& dy) { return dy * inf; });
  CHECK_THAT(message_of([&] { sum(y).backward(); }),
             ContainsSubstring("[backward] expected a finite gradient into 1 (Tanh), op "));
}

TEST_CASE("what is not finite is counted") {
  Tensor t = zeros({2, 2});
  CHECK(debug::all_finite(t));
  CHECK(debug::all_finite(full({3}, 3e38)));
  CHECK(debug::all_finite(zeros({3}, {.dtype = int64})));
  spoil(t, inf);
  CHECK(debug::count_non_finite(t) == "1 infinite of 4 values");
  CHECK(!debug::all_finite(t));
  t.copy_(tensor(std::vector<float>{std::nanf(""), std::nanf(""), -HUGE_VALF, 1}, Shape{2, 2}));
  CHECK(debug::count_non_finite(t) == "2 NaN and 1 infinite of 4 values");
}

TEST_CASE("where a convolution's output is not finite, the switch of its algorithm is named") {
  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}));
  debug::CheckNumerics watch(net);
  const auto message = [&] {
    try {
      net(full({1, 3, 8, 8}, 3e38));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(message().find("set_conv_algorithm(\"direct\")") != std::string::npos);
  set_conv_algorithm("direct");
  CHECK(message().find("set_conv_algorithm") == std::string::npos);
  set_conv_algorithm("auto");
}
