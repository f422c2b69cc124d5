// Softmax and the losses on the GPU from their definitions, in double: one thread a distribution or a gradient's element, and
// one thread alone for whatever is a sum over rows. What the fast kernels are compared with; pointers as in loss.hpp.
#include <cmath>

#include "kernels/loss/loss_device.cuh"

namespace heddle::kernels {
namespace {

template <class T>
HD_KERNEL void naive_softmax_kernel(SoftmaxShape s, bool log, const T* x, T* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.outer * s.inner) return;
  const std::int64_t at = i / s.inner * s.classes * s.inner + i % s.inner;
  double most = -INFINITY, sum = 0;
  for (std::int64_t c = 0; c < s.classes; ++c) most = std::fmax(most, static_cast<double>(x[at + c * s.inner]));
  for (std::int64_t c = 0; c < s.classes; ++c) sum += std::exp(static_cast<double>(x[at + c * s.inner]) - most);
  for (std::int64_t c = 0; c < s.classes; ++c) {
    const double d = static_cast<double>(x[at + c * s.inner]) - most;
    y[at + c * s.inner] = static_cast<T>(log ? d - std::log(sum) : std::exp(d) / sum);
  }
}

// dx_c = sum over d of dy_d * dy_d/dx_c, the whole Jacobian; one thread an element.
template <class T>
HD_KERNEL void naive_softmax_backward_kernel(SoftmaxShape s, bool log, const T* y, const T* dy, T* dx) {
  const std::int64_t k = simt::thread_number();
  if (k >= s.outer * s.classes * s.inner) return;
  const std::int64_t c = k / s.inner % s.classes, at = k - c * s.inner;
  const double own = log ? std::exp(static_cast<double>(y[k])) : static_cast<double>(y[k]);
  double sum = 0;
  for (std::int64_t d = 0; d < s.classes; ++d) {
    const double same = c == d ? 1 : 0, derivative = log ? same - own : static_cast<double>(y[at + d * s.inner]) * (same - own);
    sum += static_cast<double>(dy[at + d * s.inner]) * derivative;
  }
  dx[k] = static_cast<T>(sum);
}

// One thread.
template <class T>
HD_KERNEL void naive_loss_kernel(CrossEntropyShape s, const T* log_probability, const std::int64_t* labels, const T* weight,
                                 T* loss, T* total_weight) {
  LossSums all{0, 0};
  for (std::int64_t i = 0; i < s.n; ++i) {
    const LossSums one = row_loss(s, log_probability + i * s.classes, labels[i], weight);
    if (s.reduction == Reduction::none) loss[i] = static_cast<T>(one.loss);
    all.join(one);
  }
  *total_weight = static_cast<T>(all.weight);
  if (s.reduction != Reduction::none) *loss = static_cast<T>(s.reduction == Reduction::mean ? all.loss / all.weight : all.loss);
}

template <class T>
HD_KERNEL void naive_cross_entropy_backward_kernel(CrossEntropyShape s, const T* log_probability, const std::int64_t* labels,
                                                   const T* weight, const T* total_weight, const T* dloss, T* dlogits) {
  const std::int64_t k = simt::thread_number();
  if (k >= s.n * s.classes) return;
  T all = 0;
  for (std::int64_t c = 0; c < s.classes; ++c) all += weight ? weight[c] : T(1);
  const std::int64_t i = k / s.classes;
  dlogits[k] = cross_entropy_gradient(s, log_probability, i, k % s.classes, labels[i], weight, all, total_weight, dloss);
}

// One thread a row.
template <class T>
HD_KERNEL void naive_nll_loss_backward_kernel(CrossEntropyShape s, const std::int64_t* labels, const T* weight,
                                              const T* total_weight, const T* dloss, T* dlog_probability) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.n) return;
  for (std::int64_t c = 0; c < s.classes; ++c) dlog_probability[i * s.classes + c] = 0;
  if (labels[i] == s.ignore_index) return;
  dlog_probability[i * s.classes + labels[i]] = -row_gradient(s, total_weight, dloss, i) * (weight ? weight[labels[i]] : T(1));
}

// One thread.
template <class T>
HD_KERNEL void naive_metrics_kernel(std::int64_t n, std::int64_t classes, const T* logits, const std::int64_t* labels,
                                    const T* loss, double* totals) {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < n; ++i) right += is_right(classes, logits + i * classes, labels[i]);
  totals[0] += static_cast<double>(*loss) * static_cast<double>(n);
  totals[1] += static_cast<double>(right);
  totals[2] += static_cast<double>(n);
}

template <class T>
void softmax(Stream stream, const SoftmaxShape& s, bool log, const T* x, T* y) {
  simt::launch<naive_softmax_kernel<T>>(simt::blocks_for(s.outer * s.inner, threads), threads, 0, stream, s, log, x, y);
}
template <class T>
void softmax_backward(Stream stream, const SoftmaxShape& s, bool log, const T* y, const T* dy, T* dx) {
  const unsigned blocks = simt::blocks_for(s.outer * s.classes * s.inner, threads);
  simt::launch<naive_softmax_backward_kernel<T>>(blocks, threads, 0, stream, s, log, y, dy, dx);
}
template <class T>
void nll_loss(Stream stream, const CrossEntropyShape& given, const T* log_probability, const std::int64_t* labels,
              const T* weight, T* loss, T* total_weight) {
  CrossEntropyShape s = given;
  s.label_smoothing = 0;
  simt::launch<naive_loss_kernel<T>>(1, 1, 0, stream, s, log_probability, labels, weight, loss, total_weight);
}
template <class T>
void cross_entropy(Stream stream, const CrossEntropyShape& s, const T* logits, const std::int64_t* labels, const T* weight,
                   T* loss, T* log_probability, T* total_weight) {
  softmax(stream, {s.n, s.classes, 1}, true, logits, log_probability);
  simt::launch<naive_loss_kernel<T>>(1, 1, 0, stream, s, log_probability, labels, weight, loss, total_weight);
}
template <class T>
void cross_entropy_backward(Stream stream, const CrossEntropyShape& s, const T* log_probability, const std::int64_t* labels,
                            const T* weight, const T* total_weight, const T* dloss, T* dlogits) {
  const unsigned blocks = simt::blocks_for(s.n * s.classes, threads);
  simt::launch<naive_cross_entropy_backward_kernel<T>>(blocks, threads, 0, stream, s, log_probability, labels, weight,
                                                       total_weight, dloss, dlogits);
}
template <class T>
void nll_loss_backward(Stream stream, const CrossEntropyShape& s, const std::int64_t* labels, const T* weight,
                       const T* total_weight, const T* dloss, T* dlog_probability) {
  const unsigned blocks = simt::blocks_for(s.n, threads);
  simt::launch<naive_nll_loss_backward_kernel<T>>(blocks, threads, 0, stream, s, labels, weight, total_weight, dloss,
                                                  dlog_probability);
}
template <class T>
void accumulate_metrics(Stream stream, std::int64_t n, std::int64_t classes, const T* logits, const std::int64_t* labels,
                        const T* loss, double* totals) {
  simt::launch<naive_metrics_kernel<T>>(1, 1, 0, stream, n, classes, logits, labels, loss, totals);
}

template <class T>
constexpr LossKernels<T> table{softmax<T>,  softmax_backward<T>,  cross_entropy<T>,     cross_entropy_backward<T>,
                               nll_loss<T>, nll_loss_backward<T>, accumulate_metrics<T>};

}  // namespace

template <class T>
const LossKernels<T>& naive_loss_cuda() {
  return table<T>;
}
template const LossKernels<float>& naive_loss_cuda<float>();
template const LossKernels<double>& naive_loss_cuda<double>();

}  // namespace heddle::kernels
