// One seed gives one network, whichever order a compiler builds the arguments of a call in; and what nests.
#include <cstring>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

std::vector<float> values_of(nn::Module& net) {
  std::vector<float> values;
  for (const Tensor& t : net.parameters()) {
    const auto v = t.to_vector<float>();
    values.insert(values.end(), v.begin(), v.end());
  }
  return values;
}

nn::Linear linear(int in, int out) { return nn::Linear({.in_features = in, .out_features = out}); }
nn::Conv2d conv(int in, int out) { return nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3}); }

// Layers in the order in which a compiler that begins with the last argument builds them.
template <class A, class B, class C> nn::Sequential built_from_the_right(A a, B b, C c) {
  manual_seed(5);
  auto third = c();
  auto second = b();
  auto first = a();
  return nn::Sequential(std::move(first), std::move(second), std::move(third));
}

// A part whose own order is the language's: layers as they are declared, whatever members() says first.
struct Backwards : nn::Module {
  nn::Linear b = linear(3, 3), a = linear(3, 3);
  Tensor own = randn({3});
  Tensor forward(const Tensor& x) override { return b(a(x)) * own; }
  void members(nn::Members& m) override { m.module("a", a).module("b", b).parameter("own", own); }
};

}  // namespace

TEST_CASE("layers in a call's parentheses have the weights of layers in braces", "[draw]") {
  manual_seed(5);
  nn::Sequential braces{conv(3, 4), nn::Sequential{conv(4, 4), nn::ReLU(), nn::Residual(conv(4, 4))}, linear(4, 2), Backwards()};
  manual_seed(5);
  nn::Sequential parentheses(conv(3, 4), nn::Sequential(conv(4, 4), nn::ReLU(), nn::Residual(conv(4, 4))), linear(4, 2), Backwards());
  CHECK(values_of(parentheses) == values_of(braces));
  // What is drawn next is the same too.
  const auto next = rand({2}).to_vector<float>();
  manual_seed(5);
  nn::Sequential again{conv(3, 4), nn::Sequential{conv(4, 4), nn::ReLU(), nn::Residual(conv(4, 4))}, linear(4, 2), Backwards()};
  CHECK(rand({2}).to_vector<float>() == next);
}

TEST_CASE("layers built from the right are drawn again as if built from the left", "[draw]") {
  manual_seed(5);
  nn::Sequential left{linear(2, 3), Backwards(), linear(3, 1)};
  auto right = built_from_the_right([] { return linear(2, 3); }, [] { return Backwards(); }, [] { return linear(3, 1); });
  CHECK(values_of(right) == values_of(left));
  // Blocks inside blocks.
  manual_seed(5);
  nn::Sequential deep{nn::Sequential{linear(1, 2), linear(2, 3)}, Backwards(), nn::Sequential{linear(3, 4), linear(4, 1)}};
  const auto pair = [](int a, int b, int c) {
    auto last = linear(b, c);
    auto first = linear(a, b);
    return nn::Sequential(std::move(first), std::move(last));
  };
  auto deep_right = built_from_the_right([&] { return pair(1, 2, 3); }, [] { return Backwards(); }, [&] { return pair(3, 4, 1); });
  CHECK(values_of(deep_right) == values_of(deep));
}

TEST_CASE("weights that somebody chose are not drawn again", "[draw]") {
  // Initialised anew by the user: the draw that counts moves with its layer.
  const auto normal = [] {
    auto layer = linear(2, 2);
    no_grad([&] { nn::init::normal_(layer.weight); });
    return layer;
  };
  manual_seed(5);
  nn::Sequential left{normal(), linear(2, 2), normal()};
  auto right = built_from_the_right(normal, [] { return linear(2, 2); }, normal);
  CHECK(values_of(right) == values_of(left));
  // Loaded, or filled.
  const auto filled = [] {
    auto layer = linear(2, 2);
    layer.weight.detach().fill_(7);
    return layer;
  };
  auto loaded = built_from_the_right([] { return linear(2, 2); }, filled, [] { return linear(2, 2); });
  CHECK(loaded[1].parameters()[0].to_vector<float>() == std::vector<float>(4, 7.0f));
  // Layers with names are built where their definitions stand.
  manual_seed(5);
  auto a = linear(2, 2), b = linear(2, 2);
  const auto b_before = values_of(b);
  nn::Sequential net(b, a);
  CHECK(values_of(net[0]) == b_before);
  // A draw of unknown place in between: everything stays as it was drawn.
  manual_seed(5);
  auto late = linear(2, 2);
  rand({1});
  auto early = linear(2, 2);
  const auto early_before = values_of(early);
  nn::Sequential gap(std::move(early), std::move(late));
  CHECK(values_of(gap[0]) == early_before);
}

// The bits of README's network, from whichever compiler and processor.
TEST_CASE("README's network has the weights of its seed", "[draw]") {
  manual_seed(1);
  nn::Sequential net(nn::Conv2d({.in_channels = 3, .out_channels = 16, .kernel_size = 3, .padding = 1}),
                     nn::BatchNorm2d({.num_features = 16}), nn::ReLU(), nn::MaxPool2d(), nn::AdaptiveAvgPool2d(), nn::Flatten(),
                     nn::Linear({.in_features = 16, .out_features = 10}));
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const float value : values_of(net)) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (bits >> 8 * byte & 0xff)) * 1099511628211u;
  }
  CHECK(hash == 0xbfdf90ae05c1a4a4u);
}

TEST_CASE("sequential() and residual() nest what the constructors copy", "[draw]") {
  nn::Sequential inner{nn::ReLU(), nn::Flatten()};
  CHECK(nn::Sequential(inner).size() == 2);  // C++'s copy
  auto nested = nn::sequential(inner);
  CHECK(nested.size() == 1);
  CHECK(nested.named_modules()[2].first == "0.0");
  CHECK(nn::sequential(nn::sequential(nn::Sequential(nn::ReLU()))).named_modules().back().first == "0.0.0");
  auto twice = nn::residual(nn::residual(nn::Identity()));  // x + (x + x)
  CHECK(twice(ones({1})).item() == 3);
}
