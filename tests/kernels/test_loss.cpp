// Softmax, cross-entropy and the meters against their definitions, and their gradients against finite differences.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/loss/loss.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_loss.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

template <class T>
std::vector<double> in_double(const std::vector<T>& x) {
  const auto values = wide(x);
  return {values.begin(), values.end()};
}

template <class T>
void require_near(const std::vector<T>& stored, const std::vector<double>& want, double tolerance) {
  const auto got = in_double(stored);
  REQUIRE(got.size() >= want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double size = std::abs(want[i]), allowed = tolerance * std::max(1.0, size) + storage_error<T> * size;
    if (!(std::abs(got[i] - want[i]) <= allowed)) {
      INFO("element " << i);
      REQUIRE(got[i] == Approx(want[i]).margin(allowed));
    }
  }
}

template <class T>
constexpr double unit = 8 * std::numeric_limits<Wide<T>>::epsilon();

std::vector<SoftmaxShape> softmax_shapes() {
  return {{1, 1, 1},    {3, 2, 1},     {128, 10, 1}, {131, 10, 1}, {5, 64, 1},  {5, 65, 1},
          {3, 1000, 1}, {2000, 37, 1}, {3, 10, 7},   {2, 5, 64},   {2, 19, 200}};
}

}  // namespace

TEMPLATE_TEST_CASE("softmax and log_softmax, forward and backward", "[loss]", float, double) {
  using T = TestType;
  for (const auto& backend : backends<LossKernels<T>>())
    for (const auto& s : softmax_shapes())
      for (bool log : {false, true}) {
        INFO(backend.name << ": " << s.outer << " x " << s.classes << " x " << s.inner << (log ? " log" : ""));
        const auto count = static_cast<std::size_t>(s.outer * s.classes * s.inner);
        const auto x = made_up<T>(count, -8, 8), dy = made_up<T>(count, -1, 1, 2);
        auto dx = backend.buffer(x), ddy = backend.buffer(dy);
        const auto y = same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<T>(count));
          backend.table->softmax({}, s, log, dx, out);
          return out.host();
        });
        const auto want = reference_softmax(s, log, in_double(x));
        require_near(y, want, unit<T>);

        auto dyy = backend.buffer(y);
        const auto gradient = same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<T>(count));
          backend.table->softmax_backward({}, s, log, dyy, ddy, out);
          return out.host();
        });
        std::vector<double> want_gradient(count);
        for (std::int64_t o = 0; o < s.outer; ++o)
          for (std::int64_t i = 0; i < s.inner; ++i) {
            auto at = [&](std::int64_t c) { return static_cast<std::size_t>((o * s.classes + c) * s.inner + i); };
            for (std::int64_t c = 0; c < s.classes; ++c)
              for (std::int64_t d = 0; d < s.classes; ++d) {
                const double probability = log ? std::exp(want[at(c)]) : want[at(c)];  // the whole Jacobian
                const double derivative = log ? (c == d) - probability : want[at(d)] * ((c == d) - probability);
                want_gradient[at(c)] += static_cast<double>(dy[at(d)]) * derivative;
              }
          }
        require_near(gradient, want_gradient, 4 * unit<T>);
      }
}

TEMPLATE_TEST_CASE("extreme logits neither overflow nor lose the answer", "[loss]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<LossKernels<T>>())
    for (std::int64_t classes : {3, 100}) {
      INFO(backend.name << ", " << classes);
      std::vector<T> x(static_cast<std::size_t>(2 * classes), T(-9984.0f));
      x[0] = T(9984.0f);
      x[static_cast<std::size_t>(classes + 1)] = T(-9920.0f);
      auto dx = backend.buffer(x);
      for (bool log : {false, true}) {
        if (!backend.table->softmax) break;
        auto y = backend.buffer(std::vector<T>(x.size()));
        backend.table->softmax({}, {2, classes, 1}, log, dx, y);
        require_near(y.host(), reference_softmax({2, classes, 1}, log, in_double(x)), unit<T>);
      }
      auto labels = backend.buffer(std::vector<std::int64_t>{1, 1});
      auto loss = backend.buffer(std::vector<Wide<T>>(2)), total = backend.buffer(std::vector<Wide<T>>(1)),
           g = backend.buffer(std::vector<Wide<T>>{1, 1}), y = backend.buffer(std::vector<Wide<T>>(x.size()));
      CrossEntropyShape s{.n = 2, .classes = classes, .reduction = Reduction::none};
      backend.table->cross_entropy({}, s, dx, labels, nullptr, loss, y, total);
      REQUIRE(loss.host()[0] == Approx(19968));
      auto gradient = backend.buffer(std::vector<T>(x.size()));
      backend.table->cross_entropy_backward({}, s, y, labels, nullptr, total, g, gradient);
      REQUIRE(in_double(gradient.host())[0] == 1);
      REQUIRE(in_double(gradient.host())[1] == -1);
    }
}

TEMPLATE_TEST_CASE("cross-entropy over weights, smoothing, ignored labels and reductions", "[loss]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<LossKernels<T>>())
    for (const auto& [n, classes] : {std::pair<std::int64_t, std::int64_t>{1, 2}, {7, 10}, {300, 10}, {6600, 10}, {33, 100}})
      for (bool weighted : {false, true})
        for (double smoothing : {0.0, 0.1})
          for (std::int64_t ignore : {-100, 1})
            for (Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
              INFO(backend.name << ": " << n << " x " << classes << (weighted ? " weighted" : "") << " smoothing " << smoothing
                                << " ignore " << ignore << " reduction " << static_cast<int>(reduction));
              const CrossEntropyShape s{n, classes, smoothing, ignore, reduction};
              const auto count = static_cast<std::size_t>(n * classes);
              const auto x = made_up<T>(count, -5, 5);
              auto labels = made_up<std::int64_t>(static_cast<std::size_t>(n), 0, static_cast<double>(classes), 3);
              if (ignore == 1 && labels[0] == 1) labels[0] = 0;
              const auto weight =
                  weighted ? made_up<Wide<T>>(static_cast<std::size_t>(classes), 0.1, 2, 4) : std::vector<Wide<T>>{};
              const auto rows = reduction == Reduction::none ? static_cast<std::size_t>(n) : 1;
              const auto dloss = made_up<Wide<T>>(rows, 0.5, 2, 5);

              auto dx = backend.buffer(x), dw = backend.buffer(weight), dd = backend.buffer(dloss);
              auto dl = backend.buffer(labels);
              auto log_p = backend.buffer(std::vector<Wide<T>>(count)), total = backend.buffer(std::vector<Wide<T>>(1));
              Wide<T>* w = weighted ? dw.get() : nullptr;
              const auto loss = same_on_any_threads([&] {
                auto out = backend.buffer(std::vector<Wide<T>>(rows));
                backend.table->cross_entropy({}, s, dx, dl, w, out, log_p, total);
                return out.host();
              });
              const auto want_log = reference_softmax({n, classes, 1}, true, in_double(x));
              const auto want = reference_cross_entropy(s, want_log, labels, in_double(weight));
              require_near(log_p.host(), want_log, unit<T>);
              require_near(loss, want.loss, 4 * unit<T>);
              require_near(total.host(), {want.total_weight}, unit<T>);

              const auto gradient = same_on_any_threads([&] {
                auto out = backend.buffer(std::vector<T>(count));
                backend.table->cross_entropy_backward({}, s, log_p, dl, w, total, dd, out);
                return out.host();
              });
              // d/dx of row i: g (p sum_c t_c w_c - t_c w_c), with the smoothed target t.
              std::vector<double> want_gradient(count);
              for (std::int64_t i = 0; i < n; ++i) {
                const auto label = labels[static_cast<std::size_t>(i)];
                if (label == ignore) continue;
                double g = static_cast<double>(dloss[rows == 1 ? 0 : static_cast<std::size_t>(i)]);
                if (reduction == Reduction::mean) g /= want.total_weight;
                auto target = [&](std::int64_t c) {
                  const double wc = weighted ? static_cast<double>(weight[static_cast<std::size_t>(c)]) : 1;
                  return wc * ((c == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes));
                };
                double sum = 0;
                for (std::int64_t c = 0; c < classes; ++c) sum += target(c);
                for (std::int64_t c = 0; c < classes; ++c) {
                  const auto k = static_cast<std::size_t>(i * classes + c);
                  want_gradient[k] = g * (std::exp(want_log[k]) * sum - target(c));
                }
              }
              require_near(gradient, want_gradient, 4 * unit<T>);

              if (smoothing != 0) continue;
              const auto nll = same_on_any_threads([&] {
                auto out = backend.buffer(std::vector<Wide<T>>(rows));
                backend.table->nll_loss({}, s, log_p, dl, w, out, total);
                return out.host();
              });
              require_near(nll, want.loss, 4 * unit<T>);
              auto dlog = backend.buffer(std::vector<Wide<T>>(count, 42));
              backend.table->nll_loss_backward({}, s, dl, w, total, dd, dlog);
              std::vector<double> want_dlog(count);
              for (std::int64_t i = 0; i < n; ++i) {
                const auto label = labels[static_cast<std::size_t>(i)];
                if (label == ignore) continue;
                double g = static_cast<double>(dloss[rows == 1 ? 0 : static_cast<std::size_t>(i)]);
                if (reduction == Reduction::mean) g /= want.total_weight;
                want_dlog[static_cast<std::size_t>(i * classes + label)] =
                    -g * (weighted ? static_cast<double>(weight[static_cast<std::size_t>(label)]) : 1);
              }
              require_near(dlog.host(), want_dlog, unit<T>);
            }
}

TEST_CASE("the gradient of cross-entropy agrees with finite differences", "[loss]") {
  for (const auto& backend : backends<LossKernels<double>>()) {
    INFO(backend.name);
    const CrossEntropyShape s{.n = 4, .classes = 5, .label_smoothing = 0.2, .ignore_index = 3};
    const auto x = made_up<double>(20, -2, 2);
    auto labels = backend.buffer(std::vector<std::int64_t>{0, 3, 4, 2});
    auto weight = backend.buffer(made_up<double>(5, 0.3, 2, 4));
    auto loss = backend.buffer(std::vector<double>(1)), log_p = backend.buffer(std::vector<double>(20));
    auto total = backend.buffer(std::vector<double>(1)), one = backend.buffer(std::vector<double>{1}),
         gradient = backend.buffer(std::vector<double>(20));
    auto loss_at = [&](const std::vector<double>& point) {
      auto logits = backend.buffer(point);
      backend.table->cross_entropy({}, s, logits, labels, weight, loss, log_p, total);
      return loss.host()[0];
    };
    loss_at(x);
    backend.table->cross_entropy_backward({}, s, log_p, labels, weight, total, one, gradient);
    for (std::size_t i = 0; i < 20; ++i) {
      auto up = x, down = x;
      up[i] += 1e-5, down[i] -= 1e-5;
      REQUIRE(gradient.host()[i] == Approx((loss_at(up) - loss_at(down)) / 2e-5).margin(1e-9));
    }
  }
}

TEMPLATE_TEST_CASE("rows that are ignored count for nothing, even where they are not finite", "[loss]", float, double,
                   BFloat16) {
  using T = TestType;
  const T nan(std::nanf("")), zero(0.0f);
  for (const auto& backend : backends<LossKernels<T>>()) {
    INFO(backend.name);
    auto x = backend.buffer(std::vector<T>{T(1.0f), T(2.0f), nan, nan, zero, zero});
    auto labels = backend.buffer(std::vector<std::int64_t>{1, -100, 0});
    auto loss = backend.buffer(std::vector<Wide<T>>(1)), log_p = backend.buffer(std::vector<Wide<T>>(6)),
         total = backend.buffer(std::vector<Wide<T>>(1));
    auto one = backend.buffer(std::vector<Wide<T>>{1});
    auto gradient = backend.buffer(std::vector<T>(6, nan));
    const CrossEntropyShape s{.n = 3, .classes = 2};
    backend.table->cross_entropy({}, s, x, labels, nullptr, loss, log_p, total);
    REQUIRE(total.host()[0] == 2);
    REQUIRE(loss.host()[0] == Approx((std::log(1 + std::exp(-1.0)) + std::log(2.0)) / 2));
    backend.table->cross_entropy_backward({}, s, log_p, labels, nullptr, total, one, gradient);
    REQUIRE(in_double(gradient.host())[2] == 0);
    REQUIRE(in_double(gradient.host())[3] == 0);
    auto none = backend.buffer(std::vector<std::int64_t>{-100, -100, -100});
    backend.table->cross_entropy({}, s, x, none, nullptr, loss, log_p, total);
    REQUIRE(std::isnan(loss.host()[0]));  // the mean of nothing
  }
}

TEMPLATE_TEST_CASE("the meters add up loss, hits and samples", "[loss]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& backend : backends<LossKernels<T>>())
    for (std::int64_t n : {1, 6, 128, 5003}) {
      INFO(backend.name << ", " << n);
      const auto whole = made_up<std::int64_t>(static_cast<std::size_t>(n * 10), 0, 5.99);  // many equals
      std::vector<T> stored;
      for (const auto logit : whole) stored.push_back(T(static_cast<float>(logit)));
      const auto x = in_double(stored);
      const auto labels = made_up<std::int64_t>(static_cast<std::size_t>(n), 0, 10, 7);
      double hits = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto row = x.begin() + i * 10;
        hits += std::max_element(row, row + 10) - row == labels[static_cast<std::size_t>(i)];
      }
      auto dx = backend.buffer(stored);
      auto loss = backend.buffer(std::vector<Wide<T>>{0.5f});
      auto dl = backend.buffer(labels);
      const auto totals = same_on_any_threads([&] {
        auto out = backend.buffer(std::vector<double>{1, 2, 3});
        backend.table->accumulate_metrics({}, n, 10, dx, dl, loss, out);
        backend.table->accumulate_metrics({}, n, 10, dx, dl, loss, out);
        return out.host();
      });
      REQUIRE(totals == std::vector<double>{1 + static_cast<double>(n), 2 + 2 * hits, 3 + 2 * static_cast<double>(n)});
    }
}
