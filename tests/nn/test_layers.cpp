// Layers: initial values, fusion of neighbours, containers, the layer table.
#include <cmath>
#include <numeric>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct Moments {
  double mean, deviation, largest;
};

Moments moments(const Tensor& t) {
  const auto v = t.detach().to(float64).to_vector<double>();
  double sum = 0, squares = 0, largest = 0;
  for (double x : v) {
    sum += x;
    squares += x * x;
    largest = std::max(largest, std::abs(x));
  }
  const double n = static_cast<double>(v.size()), mean = sum / n;
  return {mean, std::sqrt(squares / n - mean * mean), largest};
}

// Fusion is global: back on when the test ends.
struct FusionOff {
  FusionOff() { nn::set_fusion(false); }
  ~FusionOff() { nn::set_fusion(true); }
};

}  // namespace

TEST_CASE("default initialisation is PyTorch's: uniform within 1 / sqrt(fan_in)") {
  manual_seed(3);
  nn::Conv2d conv({.in_channels = 32, .out_channels = 64, .kernel_size = 3});
  const double bound = 1 / std::sqrt(32 * 9.0);
  const auto w = moments(conv.weight);
  CHECK(w.largest <= bound);
  CHECK(w.largest > 0.99 * bound);
  CHECK(w.deviation == Approx(bound / std::sqrt(3.0)).epsilon(0.02));
  CHECK(moments(conv.bias).largest <= bound);
  nn::Conv2d depthwise({.in_channels = 64, .out_channels = 64, .kernel_size = 3, .groups = 64});
  CHECK(moments(depthwise.weight).largest <= 1.0 / 3);
  CHECK(moments(depthwise.weight).largest > 0.3);
}

TEST_CASE("initialisers have the deviation their papers give") {
  manual_seed(4);
  Tensor w = empty({64, 32, 3, 3});
  nn::init::kaiming_normal_(w);
  CHECK(moments(w).deviation == Approx(std::sqrt(2.0 / (32 * 9))).epsilon(0.02));
  nn::init::kaiming_normal_(w, 0, nn::init::Fan::out);
  CHECK(moments(w).deviation == Approx(std::sqrt(2.0 / (64 * 9))).epsilon(0.02));
  nn::init::xavier_uniform_(w);
  CHECK(moments(w).largest <= std::sqrt(6.0 / ((32 + 64) * 9)));
  CHECK(moments(w).deviation == Approx(std::sqrt(2.0 / ((32 + 64) * 9))).epsilon(0.02));
  nn::init::constant_(w, 0.25);
  CHECK(moments(w).deviation == Approx(0).margin(1e-7));
  Tensor vector = empty({5});
  CHECK_THROWS_AS(nn::init::xavier_normal_(vector), Error);
}

// A norm and its neighbours run as one op draw the same random numbers, and give the same values and gradients, as the
// layers one after another.
TEST_CASE("fused neighbours agree with the layers one after another") {
  const auto run = [](const std::function<nn::Sequential()>& build, bool fused) {
    manual_seed(11);
    auto net = build();
    Tensor x = randn({4, 8, 5, 5}, {.dtype = float64});
    net.to(float64);
    x.requires_grad_();
    nn::set_fusion(fused);
    const Tensor y = net(x);
    nn::set_fusion(true);
    (y * y).backward(arange(0, y.numel(), 1, {.dtype = float64}).reshape(y.shape()));
    std::vector<double> all = y.detach().to_vector<double>();
    for (const auto& t : {x.grad()}) {
      const auto v = t.to_vector<double>();
      all.insert(all.end(), v.begin(), v.end());
    }
    for (const auto& p : net.parameters()) {
      const auto v = p.grad().to_vector<double>();
      all.insert(all.end(), v.begin(), v.end());
    }
    for (const auto& [name, b] : net.named_buffers())
      if (b.dtype() == float64) {
        const auto v = b.to_vector<double>();
        all.insert(all.end(), v.begin(), v.end());
      }
    return all;
  };
  const std::vector<std::function<nn::Sequential()>> nets = {
      [] { return nn::Sequential(nn::ReLU(), nn::Dropout({.p = 0.2}), nn::BatchNorm2d({.num_features = 8})); },
      [] { return nn::Sequential(nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::Dropout2d({.p = 0.3})); },
      [] { return nn::Sequential(nn::ReLU(), nn::GroupNorm({.num_groups = 2, .num_channels = 8}), nn::Dropout({.p = 0.3})); },
      [] { return nn::Sequential(nn::LayerNorm({.normalized_shape = {8, 5, 5}}), nn::ReLU(), nn::Dropout2d({.p = 0.3})); },
      [] { return nn::Sequential(nn::ReLU(), nn::Dropout2d({.p = 0.4}), nn::InstanceNorm2d({.num_features = 8, .affine = true}), nn::ReLU()); },
      [] {
        return nn::Sequential(nn::Conv2d({.in_channels = 8, .out_channels = 8, .kernel_size = 3}), nn::ReLU(), nn::BatchNorm2d({.num_features = 8}),
                              nn::Dropout2d({.p = 0.3}), nn::ReLU(), nn::Dropout({.p = 0.1}), nn::GroupNorm({.num_groups = 4, .num_channels = 8}));
      },
  };
  for (std::size_t i = 0; i < nets.size(); ++i) {
    CAPTURE(i);
    const auto fused = run(nets[i], true), separate = run(nets[i], false);
    REQUIRE(fused.size() == separate.size());
    double worst = 0;
    for (std::size_t k = 0; k < fused.size(); ++k) worst = std::max(worst, std::abs(fused[k] - separate[k]) / (1 + std::abs(separate[k])));
    CHECK(worst < 1e-10);
  }
}

TEST_CASE("a hooked layer is not fused away") {
  nn::Sequential net(nn::BatchNorm2d({.num_features = 2}), nn::ReLU());
  int calls = 0;
  net[1].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++calls; });
  net(ones({2, 2, 3, 3}));
  CHECK(calls == 1);
}

TEST_CASE("residual adds, and refuses another shape") {
  nn::Residual keep{nn::Identity()};
  CHECK(keep(ones({2, 3})).to_vector<float>() == std::vector<float>(6, 2.0f));
  nn::Residual shrink(nn::MaxPool2d{});
  CHECK_THROWS_WITH(
      shrink(ones({1, 1, 4, 4})),
      Catch::Matchers::ContainsSubstring("expected an inner module that keeps the shape [1, 1, 4, 4], got [1, 1, 2, 2]"));
}

TEST_CASE("the layer table counts parameters, multiply-adds and the receptive field") {
  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}),
                     nn::BatchNorm2d({.num_features = 8}), nn::ReLU(), nn::MaxPool2d(),
                     nn::Conv2d({.in_channels = 8, .out_channels = 4, .kernel_size = 3, .stride = 2, .dilation = 2}), nn::AdaptiveAvgPool2d(),
                     nn::Flatten(), nn::Linear({.in_features = 4, .out_features = 10}));
  const auto s = nn::summarize(net, {2, 3, 32, 32});
  CHECK(s.parameters == 3 * 8 * 9 + 16 + 8 * 4 * 9 + 4 + 50);
  CHECK(s.layers.size() == 8);
  CHECK(s.layers[0].output == Shape{2, 8, 32, 32});
  CHECK(s.layers[0].multiply_adds == 2 * 8 * 32 * 32 * 27);
  CHECK(s.layers[0].receptive_field == 3);
  CHECK(s.layers[3].receptive_field == 4);
  CHECK(s.layers[4].receptive_field == 4 + 2 * 2 * 2);
  CHECK(s.layers[7].multiply_adds == 2 * 40);
  const auto text = s.str();
  CHECK(s.parameters == 574);
  CHECK(text.substr(text.rfind("Total")) == "Total params: 574\n");
  CHECK(net.training());
}

TEST_CASE("a receptive field that is no square has its height and its width") {
  // A kernel of 1 x 7 was once given as 1 x 1: only heights were followed.
  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 4, .kernel_size = {1, 7}, .padding = {0, 3}}),
                     nn::MaxPool2d({.kernel_size = {1, 2}}), nn::Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = {3, 1}}));
  const auto s = nn::summarize(net, {1, 3, 8, 32});
  CHECK(s.layers[0].receptive_height == 1);
  CHECK(s.layers[0].receptive_width == 7);
  CHECK(s.layers[0].receptive_field == 7);
  CHECK(s.layers[0].sees() == "1 x 7");
  CHECK(s.layers[2].receptive_height == 3);
  CHECK(s.layers[2].receptive_width == 8);
  CHECK(s.str().find("Receptive field: 3 x 8\n") != std::string::npos);
}
