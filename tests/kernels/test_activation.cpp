// Activations against the standard library, and dropout against the stream it is defined by.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/activation/activation.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_activation.hpp"
#include "tests/support/reference_norm.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

constexpr Activation all_activations[] = {Activation::relu, Activation::leaky_relu, Activation::gelu, Activation::gelu_tanh,
                                          Activation::silu, Activation::sigmoid,    Activation::tanh};

// Numbers around 0 and out into the tails, none of them 0.
template <class T> std::vector<T> arguments() {
  auto x = made_up<T>(3001, -4, 4);
  for (const auto& more : {made_up<T>(500, -1e-3, 1e-3, 2), made_up<T>(500, -30, 30, 3), made_up<T>(50, -200, 200, 4)})
    x.insert(x.end(), more.begin(), more.end());
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("activations agree with the standard library", "[activation]", float, double, BFloat16) {
  using T = TestType;
  const double eps = std::numeric_limits<Wide<T>>::epsilon();
  const Wide<T> slope = 0.1f;
  const auto x = arguments<T>();
  const auto dy = made_up<T>(x.size(), -1, 1, 9);
  for (const auto& b : backends<ActivationKernels<T>>())
    for (Activation a : all_activations) {
      INFO(b.name << ", activation " << static_cast<int>(a));
      auto in = b.buffer(x), y = b.buffer(std::vector<T>(x.size())), g = b.buffer(dy), dx = b.buffer(std::vector<T>(x.size()));
      const auto count = static_cast<std::int64_t>(x.size());
      b.table->forward({}, a, count, in, slope, y);
      b.table->backward({}, a, count, backward_reads_output(a) ? y : in, g, slope, dx);
      double worst = 0, worst_gradient = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto number = [](T stored) { return static_cast<double>(static_cast<Wide<T>>(stored)); };
        const double v = number(x[i]), want = activation_reference(a, v, slope), got = number(y.host()[i]);
        const bool from_stored = sizeof(T) == 2 && backward_reads_output(a);
        const double gradient =
            (from_stored ? derivative_from_output(a, got, slope) : derivative_reference(a, v, slope)) * number(dy[i]);
        // Relative where the result is of ordinary size; in the tails absolute.
        const double error = std::abs(got - want) - storage_error<T> * std::abs(want);
        worst = std::max(worst, error / std::max(std::abs(want), 1e-3));
        worst_gradient =
            std::max(worst_gradient, std::abs(number(dx.host()[i]) - gradient) - storage_error<T> * std::abs(gradient));
        CHECK_FALSE(std::isnan(got));
      }
      CHECK(worst < 24 * eps);
      CHECK(worst_gradient < std::max(16 * eps, 2e-9));

      // In place, forward and backward.
      const auto separate = y.host();
      b.table->forward({}, a, count, in, slope, in);
      CHECK(wide(in.host()) == wide(separate));
      auto saved = b.buffer(backward_reads_output(a) ? separate : x);
      b.table->backward({}, a, count, saved, g, slope, g);
      CHECK(wide(g.host()) == wide(dx.host()));
    }
}

TEMPLATE_TEST_CASE("activations at their limits", "[activation]", float, double, BFloat16) {
  using T = TestType;
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& b : backends<ActivationKernels<T>>())
    for (Activation a : all_activations) {
      INFO(b.name << ", activation " << static_cast<int>(a));
      auto x = b.buffer(std::vector<T>{T(0.0f), T(std::nanf("")), T(inf), T(-200.0f), T(200.0f)});
      auto stored = b.buffer(std::vector<T>(5));
      b.table->forward({}, a, 5, x, 0, stored);
      const auto y = wide(stored.host());
      CHECK(y[0] == (a == Activation::sigmoid ? 0.5f : 0));
      CHECK(std::isnan(y[1]));
      const bool bounded = a == Activation::sigmoid || a == Activation::tanh;
      CHECK(y[2] == (bounded ? 1 : inf));
      CHECK(y[3] == Approx(a == Activation::tanh ? -1 : 0).margin(1e-30));
      CHECK(y[4] == (bounded ? 1 : 200));
      auto zero = b.buffer(std::vector<T>{T(0.0f)}), one = b.buffer(std::vector<T>{T(1.0f)}), dx = b.buffer(std::vector<T>(1));
      b.table->backward({}, a, 1, zero, one, 0.25f, dx);
      if (a == Activation::relu) CHECK(wide(dx.host())[0] == 0);
      if (a == Activation::leaky_relu) CHECK(wide(dx.host())[0] == 0.25f);
    }
}

TEMPLATE_TEST_CASE("dropout keeps what its stream says", "[activation][dropout]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& b : backends<ActivationKernels<T>>())
    for (auto [planes, inner] : {std::pair{1, 1}, {7, 3}, {5, 1024}, {3, 1000}, {1, 40001}, {500, 1}})
      for (float p : {0.0f, 0.02f, 0.5f, 0.999f, 1.0f})
        for (bool by_plane : {false, true}) {
          INFO(b.name << ", " << planes << " planes of " << inner << ", p " << p << ", by plane " << by_plane);
          const RandomKey key{0x123456789abcdefull, 0x500000003ull, 77, Purpose::dropout};
          const Dropout drop{p, by_plane, key};
          const std::int64_t size = std::int64_t{planes} * inner;
          const auto values = made_up<T>(size, 1, 2);
          auto x = b.buffer(values), y = b.buffer(std::vector<T>(size, T(77.0f)));
          b.table->dropout({}, planes, inner, drop, x, y);
          const auto factors = dropout_reference(drop, size, inner);
          bool same = true;
          const auto given = wide(values), got = wide(y.host());
          for (std::int64_t i = 0; i < size; ++i) {
            const double want = factors[i] == 0 ? 0.0 : static_cast<double>(given[i]) * factors[i];
            same &= std::abs(static_cast<double>(got[i]) - want) <= (1e-6 + storage_error<T>)*want;
          }
          CHECK(same);
          b.table->dropout({}, planes, inner, drop, x, x);
          CHECK(wide(x.host()) == wide(y.host()));
        }
}

TEST_CASE("dropout reads the step from where a captured graph has it", "[activation][dropout]") {
  for (const auto& b : backends<ActivationKernels<float>>()) {
    auto step = b.buffer(std::vector<std::uint64_t>{5});
    const auto ones = b.buffer(std::vector<float>(300, 1.0f)).host();
    auto x = b.buffer(ones), here = b.buffer(std::vector<float>(300)), there = b.buffer(std::vector<float>(300));
    b.table->dropout({}, 3, 100, {0.5f, false, {1, 5, 2, Purpose::dropout}}, x, here);
    b.table->dropout({}, 3, 100, {0.5f, false, {1, 99, 2, Purpose::dropout, step.get()}}, x, there);
    CHECK(here.host() == there.host());
  }
}

TEST_CASE("activations and dropout give the same bits on any number of threads", "[activation]") {
  for (const auto& b : backends<ActivationKernels<float>>()) {
    const std::int64_t count = b.emulated() ? 10003 : 100003;
    auto x = b.buffer(made_up<float>(static_cast<std::size_t>(count), -3, 3));
    same_on_any_threads([&] {
      auto y = b.buffer(std::vector<float>(static_cast<std::size_t>(count))), z = b.buffer(std::vector<float>(static_cast<std::size_t>(count)));
      b.table->forward({}, Activation::gelu, count, x, 0.0f, y);
      b.table->dropout({}, 1, count, {0.3f, false, {4, 4, 4, Purpose::dropout}}, y, z);
      return z.host();
    });
  }
}
