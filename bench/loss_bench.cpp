// Softmax, cross-entropy and its gradient: ten classes as in CIFAR-10, and a thousand.
#include <memory>

#include "bench/support.hpp"
#include "kernels/loss/loss.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

int main(int argc, char** argv) {
  const auto& k = LossKernels<float>::cpu();
  for (const auto& [n, classes] : {std::pair<std::int64_t, std::int64_t>{128, 10}, {65536, 10}, {4096, 1000}}) {
    const std::string size = std::to_string(n) + " x " + std::to_string(classes);
    const std::int64_t count = n * classes;
    const bool cold = count > 100000;
    const auto values = made_up<float>(count, -5, 5);
    auto x = std::make_shared<Rotating<float>>(values, cold), y = std::make_shared<Rotating<float>>(values, cold);
    auto log_p = std::make_shared<std::vector<float>>(values.size());
    auto labels = std::make_shared<std::vector<std::int64_t>>(made_up<std::int64_t>(n, 0, static_cast<double>(classes)));
    auto scalars = std::make_shared<std::vector<float>>(3, 1.0f);
    auto totals = std::make_shared<std::vector<double>>(3);
    const CrossEntropyShape s{.n = n, .classes = classes};
    float *loss = scalars->data(), *weight = loss + 1, *dloss = loss + 2;

    k.cross_entropy({}, s, values.data(), labels->data(), nullptr, loss, log_p->data(), weight);
    double want = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < classes; ++c)
        sum += std::exp(static_cast<double>(values[static_cast<std::size_t>(i * classes + c)]));
      want += std::log(sum) -
              static_cast<double>(values[static_cast<std::size_t>(i * classes + (*labels)[static_cast<std::size_t>(i)])]);
    }
    require_near("cross_entropy", static_cast<double>(*loss), want / static_cast<double>(n), 1e-5);

    const double bytes = 8.0 * static_cast<double>(count);
    add("softmax " + size, {.bytes = bytes}, [=, &k] { k.softmax({}, {n, classes, 1}, false, x->next(), y->next()); });
    add("cross_entropy " + size, {.bytes = bytes},
        [=, &k] { k.cross_entropy({}, s, x->next(), labels->data(), nullptr, scalars->data(), y->next(), weight); });
    add("cross_entropy_backward " + size, {.bytes = bytes},
        [=, &k] { k.cross_entropy_backward({}, s, log_p->data(), labels->data(), nullptr, weight, dloss, y->next()); });
    add("accumulate_metrics " + size, {.bytes = bytes / 2},
        [=, &k] { k.accumulate_metrics({}, n, classes, x->next(), labels->data(), scalars->data(), totals->data()); });
  }
  return run(argc, argv);
}
