// Softmax, cross-entropy and its gradient: ten classes as in CIFAR-10, and a thousand.
#include <cmath>

#include "bench/support.hpp"
#include "kernels/loss/loss.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = LossKernels<float>;

// Buffers of one size. The loss, the weights' sum and the loss's gradient are single numbers.
struct Data {
  CrossEntropyShape shape;
  Rotating<float> x, y;
  Fixed<float> log_p, loss, weight, dloss;
  Fixed<std::int64_t> labels;
  Fixed<double> totals;
  Data(Where where, std::int64_t n, std::int64_t classes, bool cold)
      : shape{.n = n, .classes = classes},
        x(where, made_up<float>(n * classes, -5, 5), cold),
        y(where, n * classes, cold),
        log_p(where, n * classes),
        loss(where, 1),
        weight(where, 1),
        dloss(where, std::vector<float>{1}),
        labels(where, made_up<std::int64_t>(n, 0, static_cast<double>(classes))),
        totals(where, std::vector<double>(3)) {}
};

void cross_entropy(const Kernels& k, Stream stream, const Data& d, float* log_p) {
  k.cross_entropy(stream, d.shape, d.x.next(), d.labels, nullptr, d.loss, log_p, d.weight);
}

// The loss from its definition.
double mean_loss(const Data& d) {
  const auto x = d.x.host();
  const auto labels = d.labels.host();
  double total = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float* const row = &x[i * static_cast<std::size_t>(d.shape.classes)];
    double sum = 0;
    for (std::int64_t c = 0; c < d.shape.classes; ++c) sum += std::exp(static_cast<double>(row[c]));
    total += std::log(sum) - static_cast<double>(row[labels[i]]);
  }
  return total / static_cast<double>(labels.size());
}

// One kernel at one size: `call` is what is timed, of which `result` is the output. All of them are handed a forward pass's
// log-probabilities.
void add_kernel(const std::string& name, std::int64_t n, std::int64_t classes, int accesses, Rotating<float> Data::*result,
                std::function<void(const Kernels&, Stream, const Data&)> call) {
  add<Kernels>(name + " " + std::to_string(n) + " x " + std::to_string(classes), [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t rows = sized(b, n, std::int64_t{130});
    const bool cold = n * classes > 100000;
    const Data d(b.where, rows, classes, cold), want(Where::host, rows, classes, false);
    cross_entropy(k, {}, d, d.log_p), cross_entropy(reference<Kernels>(), {}, want, want.log_p);
    require_near(name + ": loss", static_cast<double>(d.loss.host()[0]), mean_loss(want), 1e-5);
    require_near(name + ": log-probabilities", d.log_p.host(), want.log_p.host(), 1e-5);
    call(k, {}, d), call(reference<Kernels>(), {}, want);
    require_near(name, (d.*result).host(), (want.*result).host(), 1e-4);
    require_near(name + ": totals", d.totals.host(), want.totals.host(), 1e-5 * static_cast<double>(rows));
    return Ready{{.bytes = 4.0 * accesses * static_cast<double>(rows * classes)},
                 [=, &k](Stream stream) { call(k, stream, d); }};
  });
}

void add_all() {
  for (const auto& [n, classes] : {std::pair<std::int64_t, std::int64_t>{128, 10}, {65536, 10}, {4096, 1000}}) {
    const std::int64_t c = classes;
    add_kernel("softmax", n, c, 2, &Data::y, [](const Kernels& k, Stream stream, const Data& d) {
      k.softmax(stream, {d.shape.n, d.shape.classes, 1}, false, d.x.next(), d.y.next());
    });
    add_kernel("log_softmax_backward", n, c, 3, &Data::y, [](const Kernels& k, Stream stream, const Data& d) {
      k.softmax_backward(stream, {d.shape.n, d.shape.classes, 1}, true, d.log_p, d.x.next(), d.y.next());
    });
    add_kernel("cross_entropy", n, c, 2, &Data::y,
               [](const Kernels& k, Stream stream, const Data& d) { cross_entropy(k, stream, d, d.y.next()); });
    add_kernel("cross_entropy_backward", n, c, 2, &Data::y, [](const Kernels& k, Stream stream, const Data& d) {
      k.cross_entropy_backward(stream, d.shape, d.log_p, d.labels, nullptr, d.weight, d.dloss, d.y.next());
    });
    add_kernel("nll_loss_backward", n, c, 1, &Data::y, [](const Kernels& k, Stream stream, const Data& d) {
      k.nll_loss_backward(stream, d.shape, d.labels, nullptr, d.weight, d.dloss, d.y.next());
    });
    add_kernel("accumulate_metrics", n, c, 1, &Data::x, [](const Kernels& k, Stream stream, const Data& d) {
      k.accumulate_metrics(stream, d.shape.n, d.shape.classes, d.x.next(), d.labels, d.loss, d.totals);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
