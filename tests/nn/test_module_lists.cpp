// ModuleList, ModuleDict, and PixelShuffle against PyTorch's numbers.
#include <vector>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<std::string> names_of(const nn::NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, t] : tensors) names.push_back(name);
  return names;
}

Tensor counting(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return tensor(values).reshape(shape);
}

nn::Linear linear(int in, int out) {
  return nn::Linear({.in_features = in, .out_features = out, .bias = false});
}

struct Heads : nn::Module {
  nn::ModuleList trunk{linear(3, 4), linear(4, 5)};
  nn::ModuleDict heads;
  Heads() { heads.insert("old", linear(5, 2)).insert("new", linear(5, 7)); }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (const auto& part : trunk) y = relu((*part)(y));
    return heads["new"](y);
  }
  void members(nn::Members& m) override { m.module("trunk", trunk).module("heads", heads); }
};

}  // namespace

TEST_CASE("Lists and dictionaries of modules have PyTorch's names, and train, convert and load as parts do", "[lists]") {
  Heads net;
  const std::vector<std::string> names = {"trunk.0.weight", "trunk.1.weight", "heads.old.weight", "heads.new.weight"};
  REQUIRE(names_of(net.state_dict()) == names);
  REQUIRE(names_of(net.named_parameters()) == names);
  REQUIRE(net.heads.keys() == std::vector<std::string>{"old", "new"});
  REQUIRE(net.trunk.size() == 2);
  Heads other;
  REQUIRE(other.load_state_dict(net.state_dict()).ok());
  const Tensor x = ones({2, 3});
  REQUIRE(net(x).shape() == Shape{2, 7});
  REQUIRE(net(x).to_vector<float>() == other(x).to_vector<float>());
  net.to(float64);
  REQUIRE(net.heads["old"].state_dict()[0].second.dtype() == float64);
  net.eval();
  REQUIRE_FALSE(net.trunk[1].training());
  net.trunk.push_back(nn::ReLU());
  REQUIRE(net.trunk[2].type_name() == "ReLU");
}

TEST_CASE("Lists and dictionaries of modules refuse what has no meaning", "[lists]") {
  Heads net;
  REQUIRE_THROWS_WITH(net.trunk(ones({2, 3})), ContainsSubstring("expected calls of its parts"));
  REQUIRE_THROWS_WITH(net.heads(ones({2, 3})), ContainsSubstring("expected calls of its parts"));
  REQUIRE_THROWS_WITH(net.trunk[2], ContainsSubstring("[ModuleList] expected an index below 2, got 2"));
  REQUIRE_THROWS_WITH(net.heads["none"], ContainsSubstring("[ModuleDict] expected one of old, new, got 'none'"));
  REQUIRE_THROWS_WITH(net.heads.insert("old", nn::ReLU()), ContainsSubstring("again"));
  REQUIRE_THROWS_WITH(net.heads.insert("a.b", nn::ReLU()), ContainsSubstring("without dots"));
  REQUIRE_THROWS_WITH(net.heads.insert("", nn::ReLU()), ContainsSubstring("without dots"));
  REQUIRE(net.heads.size() == 2);
}

TEST_CASE("PixelShuffle and its inverse move what PyTorch's move", "[lists]") {
  nn::PixelShuffle shuffle({.upscale_factor = 2});
  nn::PixelUnshuffle back({.downscale_factor = 2});
  const Tensor x = counting({2, 8, 1, 3}), y = shuffle(x);
  REQUIRE(y.shape() == Shape{2, 2, 2, 6});
  REQUIRE(y.to_vector<float>() == std::vector<float>{0,  3,  1,  4,  2,  5,  6,  9,  7,  10, 8,  11, 12, 15, 13, 16,
                                                     14, 17, 18, 21, 19, 22, 20, 23, 24, 27, 25, 28, 26, 29, 30, 33,
                                                     31, 34, 32, 35, 36, 39, 37, 40, 38, 41, 42, 45, 43, 46, 44, 47});
  REQUIRE(back(y).to_vector<float>() == x.to_vector<float>());
  const Tensor small = pixel_unshuffle(counting({1, 2, 6}), 2);
  REQUIRE(small.shape() == Shape{4, 1, 3});
  REQUIRE(small.to_vector<float>() == std::vector<float>{0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11});
  REQUIRE(shuffle(empty({0, 4, 2, 2})).shape() == Shape{0, 1, 4, 4});
  REQUIRE(nn::to_string(shuffle) == "PixelShuffle(upscale_factor=2)");
  REQUIRE(nn::to_string(back) == "PixelUnshuffle(downscale_factor=2)");

  // The gradient of a rearrangement is the inverse rearrangement.
  Tensor leaf = counting({1, 4, 1, 2}).requires_grad_();
  sum(mul(pixel_shuffle(leaf, 2), counting({1, 1, 2, 4}))).backward();
  REQUIRE(leaf.grad().to_vector<float>() == pixel_unshuffle(counting({1, 1, 2, 4}), 2).to_vector<float>());

  REQUIRE_THROWS_WITH(shuffle(ones({1, 6, 2, 2})), ContainsSubstring("[pixel_shuffle] expected channels in groups of 4"));
  REQUIRE_THROWS_WITH(pixel_unshuffle(ones({1, 3, 2}), 2), ContainsSubstring("multiples of downscale_factor 2"));
  REQUIRE_THROWS_WITH(pixel_shuffle(ones({4, 4}), 2), ContainsSubstring("[..., c, h, w]"));
  REQUIRE_THROWS_WITH(pixel_shuffle(ones({4, 4, 4}), 0), ContainsSubstring("factor of 1"));
  REQUIRE_FALSE(nn::to_onnx(shuffle, {1, 4, 3, 3}).empty());
}
