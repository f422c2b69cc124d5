// Random numbers: repeatable, of the right law, and a stream of its own for every call and step.
#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "heddle/heddle.hpp"
#include "kernels/random/philox.hpp"
#include "kernels/random/random.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("uniform and normal numbers have their mean and deviation", "[random]") {
  for (Device device : test_devices())
    for (DType type : {float32, float64}) {
      Generator generator(4);
      const auto moments = [](const Tensor& t) {
        const auto v = t.dtype() == float64 ? t.to_vector<double>() : [&] {
          const auto f = t.to_vector<float>();
          return std::vector<double>(f.begin(), f.end());
        }();
        double sum = 0, squares = 0;
        for (double e : v) sum += e, squares += e * e;
        const double mean = sum / static_cast<double>(v.size());
        return std::pair(mean, std::sqrt(squares / static_cast<double>(v.size()) - mean * mean));
      };
      const Tensor u = rand({100000}, {type, device}, generator);
      REQUIRE(moments(u).first == Approx(0.5).margin(0.004));
      REQUIRE(moments(u).second == Approx(std::sqrt(1 / 12.0)).margin(0.003));
      const Tensor n = randn({100000}, {type, device}, generator);
      REQUIRE(moments(n).first == Approx(0).margin(0.013));
      REQUIRE(moments(n).second == Approx(1).margin(0.01));
      Tensor t = empty({50001}, {type, device});
      uniform_(t, -3, 5, generator);
      REQUIRE(moments(t).first == Approx(1).margin(0.05));
      normal_(t, 2, 0.5, generator);
      REQUIRE(moments(t).first == Approx(2).margin(0.02));
      REQUIRE(moments(t).second == Approx(0.5).margin(0.02));
    }
}

TEST_CASE("the same seed gives the same numbers, another seed, call or step others", "[random]") {
  Generator a(1), b(1), c(2);
  const auto first = rand({64}, {}, a).to_vector<float>();
  REQUIRE(rand({64}, {}, b).to_vector<float>() == first);
  REQUIRE(rand({64}, {}, c).to_vector<float>() != first);
  const auto second = rand({64}, {}, a).to_vector<float>();
  REQUIRE(second != first);
  a.manual_seed(1);
  REQUIRE(rand({64}, {}, a).to_vector<float>() == first);

  // What a step draws depends on its number alone, not on what was drawn before.
  a.begin_step(7);
  const auto step = rand({64}, {}, a).to_vector<float>();
  for (int i = 0; i < 5; ++i) rand({3}, {}, b);
  b.begin_step(7);
  REQUIRE(rand({64}, {}, b).to_vector<float>() == step);
  b.begin_step(8);
  REQUIRE(rand({64}, {}, b).to_vector<float>() != step);
  REQUIRE(a.seed() == 1);
}

TEST_CASE("keys number the calls of a step", "[random]") {
  Generator g(9);
  g.begin_step(3);
  for (std::uint32_t call = 0; call < 3; ++call) {
    const auto key = g.next(kernels::Purpose::dropout);
    REQUIRE(key.seed == 9);
    REQUIRE(key.step == 3);
    REQUIRE(key.call == call);
    REQUIRE(key.purpose == kernels::Purpose::dropout);
  }
}

TEST_CASE("random numbers are the same on any number of threads", "[random]") {
  same_on_any_threads([] {
    Generator g(5);
    auto values = rand({100003}, {}, g).to_vector<float>();
    for (float v : randn({100003}, {}, g).to_vector<float>()) values.push_back(v);
    return values;
  });
}

TEST_CASE("randperm gives every index once, by seed and epoch", "[random]") {
  const auto order = randperm(1000, 3, 1);
  REQUIRE(std::set<std::int64_t>(order.begin(), order.end()).size() == 1000);
  REQUIRE(*std::min_element(order.begin(), order.end()) == 0);
  REQUIRE(*std::max_element(order.begin(), order.end()) == 999);
  REQUIRE(randperm(1000, 3, 1) == order);
  REQUIRE(randperm(1000, 3, 2) != order);
  REQUIRE(randperm(1000, 4, 1) != order);
  REQUIRE(randperm(0, 1, 1).empty());
  // Every place takes every value about equally often: of 6000 shuffles of three, each of six orders about 1000 times.
  std::vector<int> counts(27);
  for (std::uint64_t epoch = 0; epoch < 6000; ++epoch) {
    const auto p = randperm(3, 8, epoch);
    ++counts[static_cast<std::size_t>(p[0] * 9 + p[1] * 3 + p[2])];
  }
  for (int count : counts)
    if (count) REQUIRE(std::abs(count - 1000) < 150);
  REQUIRE(std::count(counts.begin(), counts.end(), 0) == 21);
}

TEST_CASE("random numbers say what they expected", "[random]") {
  require_error([] { rand({3}, {.dtype = int64}); }, "[uniform_] expected float32 or float64, got int64");
  Tensor x = zeros({4, 4});
  Tensor column = x.view_of_memory({4}, {4}, 0);
  require_error([&] { normal_(column, 0, 1); }, "[normal_] expected a dense tensor, got strides [4] for shape [4]");
}

TEST_CASE("A generator goes on from a state as it went on from there before") {
  Generator generator(7);
  generator.begin_step(3);
  rand({2}, {}, generator);
  const GeneratorState state = generator.get_state();
  CHECK(state.seed == 7);
  CHECK(state.step == 3);
  CHECK(state.call == 1);
  const auto first = randn({5}, {}, generator).to_vector<float>();
  Generator other(1);
  other.set_state(state);
  CHECK(randn({5}, {}, other).to_vector<float>() == first);
}

namespace {
// What a thread draws that has not seeded its own generator.
std::vector<float> on_a_thread(const std::function<void()>& first = [] {}) {
  std::vector<float> drawn;
  std::thread([&] {
    first();
    drawn = rand({4}).to_vector<float>();
  }).join();
  return drawn;
}
}  // namespace

// Every thread used to begin with seed 0: a network made in one had the same weights for every manual_seed.
TEST_CASE("a thread's numbers follow from the last seed and the thread's number", "[random]") {
  manual_seed(1);
  const auto mine = rand({4}).to_vector<float>(), first = on_a_thread(), second = on_a_thread();
  CHECK(first != mine);
  CHECK(second != first);
  manual_seed(2);
  CHECK(on_a_thread() != first);
  manual_seed(1);
  CHECK(on_a_thread() == first);
  CHECK(on_a_thread() == second);
  CHECK(rand({4}).to_vector<float>() == mine);
  // A thread that has drawn before follows a later seed; one that seeded itself does not, but others follow it.
  std::vector<float> drawn, again, own;
  manual_seed(1);
  std::thread([&] {
    drawn = rand({4}).to_vector<float>();
    std::thread([] { manual_seed(1); }).join();
    again = rand({4}).to_vector<float>();
    default_generator().manual_seed(1);
    std::thread([] { manual_seed(8); }).join();
    own = rand({4}).to_vector<float>();
  }).join();
  CHECK(drawn == first);
  CHECK(again == first);
  CHECK(own == mine);
}

TEST_CASE("work that is dealt to threads takes no thread's number", "[random]") {
  manual_seed(1);
  const auto first = on_a_thread();
  manual_seed(1);
  nn::Sequential net{nn::Conv2d({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}), nn::ReLU()};
  manual_seed(1);
  no_grad([&] { net(ones({128, 3, 32, 32})); });
  CHECK(on_a_thread() == first);
}
