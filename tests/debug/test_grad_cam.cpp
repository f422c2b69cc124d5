// Grad-CAM on networks whose maps follow from their weights.
#include "heddle/debug/grad_cam.hpp"
#include "heddle/heddle.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

// logits = V mean(A) with A = relu(W x) by pixel: channel k of class c counts by V[c, k] / (h w).
struct Known : nn::Module {
  nn::Conv2d conv{{.in_channels = 2, .out_channels = 2, .kernel_size = 1, .bias = false}};
  nn::ReLU act;
  nn::AdaptiveAvgPool2d pool;
  nn::Linear head{{.in_features = 2, .out_features = 3, .bias = false}};
  nn::ReLU unused;
  Known() {
    conv.weight.detach().copy_(tensor(std::vector<float>{1, 0, -1, 2}, Shape{2, 2, 1, 1}));
    head.weight.detach().copy_(tensor(std::vector<float>{1, -1, -2, 1, 3, 0.5f}, Shape{3, 2}));
  }
  Tensor forward(const Tensor& x) override { return head(pool(act(conv(x))).flatten(1)); }
  void members(nn::Members& m) override {
    m.module("conv", conv).module("act", act).module("pool", pool).module("head", head).module("unused", unused);
  }
};

// Two images [2, 2, 2, 3].
Tensor images() {
  std::vector<float> values;
  for (int i = 0; i < 24; ++i) values.push_back(static_cast<float>((i * 7) % 11) - 4);
  return tensor(values, Shape{2, 2, 2, 3});
}

}  // namespace

TEST_CASE("maps follow from the weights") {
  Known net;
  const Tensor x = images();
  const std::vector<std::int64_t> classes = {1, 2};
  const auto cam = debug::grad_cam(net, x, {.layer = "act", .classes = classes});
  CHECK(cam.maps.shape() == Shape{2, 2, 3});
  CHECK(cam.classes == classes);
  CHECK(cam.layer == "act");
  const float v[3][2] = {{1, -1}, {-2, 1}, {3, 0.5f}};
  const auto values = x.to_vector<float>();
  std::vector<double> want;
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t p = 0; p < 6; ++p) {
      const double a = values[n * 12 + p], b = values[n * 12 + 6 + p];
      const auto c = static_cast<std::size_t>(classes[n]);
      want.push_back(std::max(0.0, (v[c][0] * std::max(0.0, a) + v[c][1] * std::max(0.0, 2 * b - a)) / 6));
    }
  test::require_close(cam.maps, want, 1e-6);
  CHECK(*std::max_element(want.begin(), want.end()) > 0.5);
  CHECK(*std::min_element(want.begin(), want.end()) == 0);
  test::require_close(cam.logits, no_grad([&] { return net(x); }), 1e-6);
}

TEST_CASE("without options it is the likeliest class at the last layer with an image") {
  Known net;
  CHECK(debug::last_spatial_layer(net, images()) == "act");
  const auto cam = debug::grad_cam(net, images());
  CHECK(cam.layer == "act");
  CHECK(cam.classes == argmax(cam.logits, 1).to_vector<std::int64_t>());
}

TEST_CASE("the network is afterwards as it was") {
  Known net;
  net.conv.bias = {};
  net.train();
  net.act.eval();
  net.head.weight.requires_grad_(false);
  net.conv.weight.set_grad(full({2, 2, 1, 1}, 7));
  const Tensor x = images();
  debug::grad_cam(net, x);
  CHECK(net.training());
  CHECK(net.conv.training());
  CHECK(!net.act.training());
  CHECK(net.conv.weight.requires_grad());
  CHECK(!net.head.weight.requires_grad());
  test::require_close(net.conv.weight.grad(), std::vector<double>(4, 7.0));
  CHECK(!x.requires_grad());
  CHECK(!net.act.has_hooks());
  CHECK_THROWS_AS(debug::grad_cam(net, x, {.classes = {0, 3}}), Error);
  CHECK(!net.act.has_hooks());
  CHECK(net.conv.weight.requires_grad());
}

TEST_CASE("layers that Sequential fuses can be looked at, with the same logits") {
  manual_seed(2);
  nn::Sequential net(nn::Conv2d({.in_channels = 2, .out_channels = 4, .kernel_size = 1}), nn::BatchNorm2d({.num_features = 4}),
                     nn::ReLU(), nn::Dropout({.p = 0.5}), nn::AdaptiveAvgPool2d(), nn::Flatten(),
                     nn::Linear({.in_features = 4, .out_features = 3}));
  net.eval();
  const Tensor plain = no_grad([&] { return net(images()); });
  for (const char* layer : {"0", "1", "2", "3"}) {
    const auto cam = debug::grad_cam(net, images(), {.layer = layer});
    test::require_close(cam.logits, plain, 1e-6);
    CHECK(debug::grad_cam(net, images(), {.layer = layer}).maps.shape() == Shape{2, 2, 3});
  }
  CHECK(debug::last_spatial_layer(net, images()) == "3");
}

TEST_CASE("layers and classes that are not there are errors that help") {
  Known net;
  const auto with = [&](debug::GradCamOptions options) { debug::grad_cam(net, images(), options); };
  CHECK_THROWS_WITH(with({.layer = "cov"}),
                    "[grad_cam] expected the name of a layer (conv, act, pool, head, unused), got 'cov'");
  CHECK_THROWS_WITH(with({.layer = "pool"}),
                    ContainsSubstring("an image of more than one pixel, got [2, 2, 1, 1] from 'pool'"));
  CHECK_THROWS_WITH(with({.layer = "unused"}), ContainsSubstring("got 'unused', which the network does not call"));
  CHECK_THROWS_WITH(with({.classes = {1}}), ContainsSubstring("expected a class for each of 2 images, got 1"));
  CHECK_THROWS_WITH(with({.classes = {1, 3}}), ContainsSubstring("expected classes from 0 to 2, got 3"));
  CHECK_THROWS_AS(debug::grad_cam(net, zeros({2, 2})), Error);
}
