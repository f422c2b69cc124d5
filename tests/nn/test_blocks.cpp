// Running a network a few images at a time gives what running it whole gives.
#include <cmath>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;

namespace {

// In training too while one lives, and off while a BlocksOff does.
struct Blocks {
  Blocks() { nn::set_blocks(true, true); }
  ~Blocks() { nn::set_blocks(true); }
};
struct BlocksOff {
  BlocksOff() { nn::set_blocks(false); }
  ~BlocksOff() { nn::set_blocks(true, true); }
};

nn::Conv2d conv(int in, int out) {
  return nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1});
}

// Every kind of layer that draws masks, with a skip.
nn::Sequential network(const std::shared_ptr<nn::Module>& norm) {
  manual_seed(5);
  return nn::Sequential(
      conv(3, 6), nn::ReLU(), nn::Dropout({.p = 0.2}), norm, nn::Dropout2d({.p = 0.3}),
      nn::Residual(nn::Sequential(conv(6, 6), nn::GroupNorm({.num_groups = 2, .num_channels = 6}), nn::ReLU())),
      nn::MaxPool2d(), nn::Dropout({.p = 0.1}), conv(6, 7), nn::LayerNorm({.normalized_shape = {7, 8, 8}}),
      nn::AdaptiveAvgPool2d(), nn::Flatten(), nn::Dropout({.p = 0.1}), nn::Linear({.in_features = 7, .out_features = 4}));
}
std::shared_ptr<nn::Module> group_norm() {
  return nn::share(nn::GroupNorm({.num_groups = 3, .num_channels = 6}));
}

struct Result {
  std::vector<float> y, dx;
  std::vector<std::vector<float>> gradients;
  std::vector<float> drawn_next;
};

Result run(nn::Module& net, const Tensor& images) {
  default_generator().manual_seed(9);
  default_generator().begin_step(3);
  Tensor x = images.clone();
  x.requires_grad_();
  net.zero_grad();
  const Tensor y = net(x);
  sum(y * y).backward();
  Result r{y.to_vector<float>(), x.grad().to_vector<float>(), {}, rand({5}).to_vector<float>()};
  for (const Tensor& p : net.parameters()) r.gradients.push_back(p.grad().to_vector<float>());
  return r;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, scale = 1e-6;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    scale = std::max(scale, std::abs(static_cast<double>(a[i])));
  }
  return worst / scale;
}

// Counts its calls, and says or does not say that it goes by rows.
struct Counter : nn::Module {
  Counter(std::shared_ptr<int> count, bool rows) : calls(std::move(count)), rows(rows) {}
  std::shared_ptr<int> calls;
  bool rows;
  Tensor forward(const Tensor& x) override {
    ++*calls;
    return x;
  }
  bool by_rows() const override { return rows; }
};

}  // namespace

TEST_CASE("blocks of images: outputs and masks to the bit, gradients but for the order of their sums") {
  const Blocks in_training_too;
  for (const std::int64_t n : {7, 32, 45}) {
    auto net = network(group_norm());
    const Tensor x = randn({n, 3, 16, 16});
    const Result blocks = run(net, x);
    BlocksOff off;
    const Result whole = run(net, x);
    CHECK(blocks.y == whole.y);
    CHECK(blocks.dx == whole.dx);
    CHECK(blocks.drawn_next == whole.drawn_next);
    REQUIRE(blocks.gradients.size() == whole.gradients.size());
    for (std::size_t i = 0; i < whole.gradients.size(); ++i) CHECK(difference(whole.gradients[i], blocks.gradients[i]) < 1e-5);
  }
}

TEST_CASE("blocks of images: the same bits on any number of threads") {
  const Blocks in_training_too;
  auto net = network(group_norm());
  const Tensor x = randn({45, 3, 16, 16});
  test::same_on_any_threads([&] {
    const Result r = run(net, x);
    std::vector<float> all = r.y;
    all.insert(all.end(), r.dx.begin(), r.dx.end());
    for (const auto& g : r.gradients) all.insert(all.end(), g.begin(), g.end());
    return all;
  });
}

TEST_CASE("blocks of images: evaluation with batch norm") {
  const Blocks in_training_too;
  auto net = network(nn::share(nn::BatchNorm2d({.num_features = 6})));
  const Tensor x = randn({32, 3, 16, 16});
  net(x);  // running statistics
  net.eval();
  NoGradGuard guard;
  const auto blocks = net(x).to_vector<float>();
  {
    BlocksOff off;
    CHECK(net(x).to_vector<float>() == blocks);
  }
}

TEST_CASE("blocks of images: what was prepared of weights for one batch serves the next, until they change in any way") {
  const NoGradGuard guard;
  const Tensor x = randn({32, 3, 16, 16});
  const auto build = [] { return nn::Sequential(conv(3, 12), nn::ReLU(), conv(12, 6)); };
  nn::Sequential net = build(), other = build();
  std::vector<float> before;
  const auto check = [&](nn::Module& module) {
    nn::set_blocks(true);
    const auto first = module(x).to_vector<float>(), second = module(x).to_vector<float>();
    nn::set_blocks(false);
    const auto whole = module(x).to_vector<float>();
    nn::set_blocks(true);
    CHECK(first == whole);
    CHECK(second == whole);
    CHECK(whole != before);
    before = whole;
  };
  check(net);
  check(other);
  check(net);
  Tensor last = net.named_parameters()[2].second;
  last.data<float>()[last.numel() - 1] += 1;  // unknown to anybody
  check(net);
  last.detach().fill_(0.25);
  check(net);
}

TEST_CASE("blocks of images: gradients add up, and a kept graph can be walked again") {
  const Blocks in_training_too;
  auto net = network(group_norm());
  const Tensor x = randn({32, 3, 16, 16});
  const Tensor loss = sum(net(x));
  loss.backward({}, true);
  const Tensor weight = net.parameters()[0];
  const auto once = weight.grad().to_vector<float>();
  loss.backward();
  const auto twice = weight.grad().to_vector<float>();
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == 2 * once[i]);
  CHECK_THROWS_AS(loss.backward(), Error);
}

TEST_CASE("blocks of images: only where every module goes by rows and none is watched") {
  const Blocks in_training_too;
  const Tensor x = randn({32, 3, 16, 16});
  set_num_threads(1);  // the counters are plain
  const auto calls_of = [&](bool rows, bool hooked) {
    auto calls = std::make_shared<int>(0);
    nn::Sequential net(conv(3, 4), Counter(calls, rows));
    if (hooked) net[0].register_forward_hook([](nn::Module&, const Tensor&, const Tensor&) {});
    net(x);
    return *calls;
  };
  CHECK(calls_of(true, false) > 1);
  nn::set_blocks(true);
  CHECK(calls_of(true, false) == 1);  // recorded
  CHECK(no_grad([&] { return calls_of(true, false); }) > 1);
  nn::set_blocks(true, true);
  CHECK(calls_of(false, false) == 1);
  CHECK(calls_of(true, true) == 1);
  set_num_threads(0);
  nn::Sequential training(conv(3, 6), nn::BatchNorm2d({.num_features = 6}));  // statistics of the whole batch, not of a block
  const auto y = training(x).to_vector<float>();
  BlocksOff off;
  CHECK(training(x).to_vector<float>() == y);
}

TEST_CASE("blocks of images: an error speaks of the whole batch") {
  const Blocks in_training_too;
  nn::Sequential net(conv(4, 6), nn::ReLU());
  CHECK_THROWS_WITH(net(randn({32, 3, 16, 16})), Catch::Matchers::ContainsSubstring("[32, 3, 16, 16]"));
}
