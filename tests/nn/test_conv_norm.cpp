// In evaluation, a convolution and the batch norm behind it run as one, and give what they give one after the other.
#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct FusionOff {
  FusionOff() { nn::set_fusion(false); }
  ~FusionOff() { nn::set_fusion(true); }
};

// A batch norm that has seen something, so that none of its numbers is 0 or 1.
nn::BatchNorm2d seasoned(int channels, bool affine = true) {
  nn::BatchNorm2d norm({.num_features = channels, .affine = affine});
  NoGradGuard guard;
  if (affine) norm.weight.copy_(rand({channels}) + 0.5), norm.bias.copy_(randn({channels}));
  norm.running_mean.copy_(randn({channels}));
  norm.running_var.copy_(rand({channels}) + 0.1);
  return norm;
}

nn::Conv2d conv(int in, int out, nn::Conv2dOptions o = {.kernel_size = 3, .padding = 1}) {
  o.in_channels = in, o.out_channels = out;
  return nn::Conv2d(o);
}

std::vector<float> evaluate(nn::Module& net, const Tensor& x) {
  NoGradGuard guard;
  return net(x).to_vector<float>();
}

}  // namespace

TEST_CASE("conv and batch norm: evaluated as one they give the same bits") {
  manual_seed(3);
  nn::Sequential net(conv(3, 12), seasoned(12), nn::ReLU(), nn::Dropout2d({.p = 0.1}),                    // norm, then relu
                     conv(12, 16), nn::ReLU(), seasoned(16), nn::Dropout({.p = 0.1}),                     // relu, then norm
                     conv(16, 16, {.kernel_size = 3, .padding = 1, .bias = false}), seasoned(16, false),  // neither
                     conv(16, 8, {.kernel_size = 1}), seasoned(8), nn::ReLU(),                            // no Winograd
                     conv(8, 8, {.kernel_size = 3, .stride = 2, .groups = 8}), nn::ReLU(), seasoned(8), nn::ReLU());
  net.train(false);
  for (const std::int64_t images : {2, 50}) {  // 50: in blocks, which share prepared weights
    const Tensor x = randn({images, 3, 32, 32});
    const auto together = evaluate(net, x);
    std::vector<float> apart;
    {
      const FusionOff off;
      apart = evaluate(net, x);
    }
    REQUIRE(together == apart);
    // Recorded, they run one by one.
    REQUIRE(net(x).to_vector<float>() == together);
  }
}

TEST_CASE("conv and batch norm: prepared weights follow the weights") {
  manual_seed(4);
  nn::Sequential net(conv(3, 12), seasoned(12), nn::ReLU(), conv(12, 12));
  net.train(false);
  const Tensor x = randn({50, 3, 32, 32});
  const auto before = evaluate(net, x);
  for (Tensor& p : net.parameters()) {
    NoGradGuard guard;
    // Written to without a word to the library, as an optimizer of a user's own may.
    for (std::int64_t i = 0; i < p.numel(); ++i) p.data<float>()[i] *= 2;
  }
  const auto after = evaluate(net, x);
  REQUIRE(before != after);
  const FusionOff off;
  REQUIRE(after == evaluate(net, x));
}

TEST_CASE("conv and batch norm: what does not fit is an error of the layer that it does not fit") {
  nn::Sequential net(conv(3, 12), seasoned(11));
  net.train(false);
  NoGradGuard guard;
  const Tensor x = randn({2, 3, 8, 8});
  CHECK_THROWS_WITH(net(x), Catch::Matchers::ContainsSubstring("BatchNorm2d"));
  CHECK_THROWS_WITH(net(x), Catch::Matchers::ContainsSubstring("[n, 11, h, w]"));
}

TEST_CASE("conv and batch norm: hooks on either are called") {
  nn::Sequential net(conv(3, 12), seasoned(12));
  net.train(false);
  int calls = 0;
  net[1].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) { ++calls; });
  NoGradGuard guard;
  (void)net(randn({2, 3, 8, 8}));
  REQUIRE(calls == 1);
}
