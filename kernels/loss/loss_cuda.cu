// Softmax and the losses on the GPU.
//
// x, y, logits, log_probability [outer, classes, inner] or [n, classes]; labels [n]; loss, total_weight, totals as in loss.hpp.
//
// softmax: where neighbours in memory belong to different distributions, or a distribution is short (up to 64 classes), a
// thread does one; else a warp does one row, its lanes side by side. Three looks each, of which the cache serves two:
// the largest, the sum of exponentials, the result.
// cross_entropy: up to 64 Ki logits are one launch of one block, which writes the log-probabilities row by row and sums the
// losses in double; more are a softmax and then that sum. The sums of the threads are joined in a tree, so the order is
// fixed. accumulate_metrics is one block in the same way.
// Logits of bf16 are read as float, and their gradient is rounded at the store; everything between is float.
// Bytes: 8 a logit forward, 8 backward (bf16: 6 and 6); at 128 x 10 all of it is the launch.
#include <cmath>
#include <limits>

#include "kernels/loss/loss_device.cuh"

namespace heddle::kernels {
namespace {

constexpr std::int64_t one_block = 65536;  // logits

template <class X, class Y>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    softmax_columns_kernel(SoftmaxShape s, bool log, const X* HD_RESTRICT x, Y* HD_RESTRICT y) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.outer * s.inner) return;
  const std::int64_t at = i / s.inner * s.classes * s.inner + i % s.inner;
  softmax_of(s.classes, s.inner, log, x + at, y + at);
}

// One warp a row, inner being 1.
template <class X, class Y>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    softmax_rows_kernel(SoftmaxShape s, bool log, const X* HD_RESTRICT x, Y* HD_RESTRICT y) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t row = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
  if (row >= s.outer) return;  // a whole warp
  x += row * s.classes, y += row * s.classes;
  const auto at = [&](std::int64_t c) { return static_cast<Y>(x[c]); };
  Y most = -std::numeric_limits<Y>::infinity(), sum = 0;
  for (std::int64_t c = lane; c < s.classes; c += 32) most = at(c) > most ? at(c) : most;
  for (int offset = 16; offset > 0; offset /= 2) {
    const Y other = __shfl_xor_sync(simt::full_warp, most, offset);
    most = other > most ? other : most;
  }
  for (std::int64_t c = lane; c < s.classes; c += 32) sum += std::exp(at(c) - most);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(simt::full_warp, sum, offset);
  const Y shift = log ? std::log(sum) : 1 / sum;
  for (std::int64_t c = lane; c < s.classes; c += 32) y[c] = log ? (at(c) - most) - shift : std::exp(at(c) - most) * shift;
}

// softmax: dx = y (dy - sum(y dy)); log_softmax: dx = dy - exp(y) sum(dy).
template <class T>
HD_DEVICE T softmax_term(bool log, T y, T dy) {
  return log ? dy : y * dy;
}
template <class T>
HD_DEVICE T softmax_gradient(bool log, T y, T dy, T sum) {
  return log ? dy - std::exp(y) * sum : y * (dy - sum);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) softmax_backward_columns_kernel(SoftmaxShape s, bool log, const T* HD_RESTRICT y,
                                                                         const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.outer * s.inner) return;
  const std::int64_t at = i / s.inner * s.classes * s.inner + i % s.inner, end = at + s.classes * s.inner;
  T sum = 0;
  for (std::int64_t k = at; k < end; k += s.inner) sum += softmax_term(log, y[k], dy[k]);
  for (std::int64_t k = at; k < end; k += s.inner) dx[k] = softmax_gradient(log, y[k], dy[k], sum);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    softmax_backward_rows_kernel(SoftmaxShape s, bool log, const T* HD_RESTRICT y, const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t row = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
  if (row >= s.outer) return;
  const std::int64_t at = row * s.classes, end = at + s.classes;
  T sum = 0;
  for (std::int64_t k = at + lane; k < end; k += 32) sum += softmax_term(log, y[k], dy[k]);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(simt::full_warp, sum, offset);
  for (std::int64_t k = at + lane; k < end; k += 32) dx[k] = softmax_gradient(log, y[k], dy[k], sum);
}

// One block. Where logits is not null, log_probability is written first; else it is read.
template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    loss_kernel(CrossEntropyShape s, const T* HD_RESTRICT logits, const std::int64_t* HD_RESTRICT labels,
                const Wide<T>* HD_RESTRICT weight, Wide<T>* HD_RESTRICT loss, Wide<T>* log_probability,
                Wide<T>* HD_RESTRICT total_weight) {
  HD_SHARED(LossSums, shared, [threads]);
  LossSums mine{0, 0};
  for (std::int64_t i = threadIdx.x; i < s.n; i += threads) {
    Wide<T>* const row = log_probability + i * s.classes;
    if (logits) softmax_of(s.classes, std::int64_t{1}, true, logits + i * s.classes, row);
    const LossSums one = row_loss(s, row, labels[i], weight);
    if (s.reduction == Reduction::none) loss[i] = static_cast<Wide<T>>(one.loss);
    mine.join(one);
  }
  const LossSums all = simt::join_block<threads>(mine, shared);
  if (threadIdx.x != 0) return;
  *total_weight = static_cast<Wide<T>>(all.weight);
  if (s.reduction != Reduction::none)
    *loss = static_cast<Wide<T>>(s.reduction == Reduction::mean ? all.loss / all.weight : all.loss);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    cross_entropy_backward_kernel(CrossEntropyShape s, const Wide<T>* HD_RESTRICT log_probability,
                                  const std::int64_t* HD_RESTRICT labels, const Wide<T>* HD_RESTRICT weight,
                                  const Wide<T>* HD_RESTRICT total_weight, const Wide<T>* HD_RESTRICT dloss,
                                  T* HD_RESTRICT dlogits) {
  HD_SHARED(simt::Sum<Wide<T>>, shared, [threads]);
  Wide<T> all = static_cast<Wide<T>>(s.classes);
  if (weight) {
    simt::Sum<Wide<T>> mine{0};
    for (std::int64_t c = threadIdx.x; c < s.classes; c += threads) mine.value += weight[c];
    all = simt::join_block<threads>(mine, shared).value;
  }
  const std::int64_t k = simt::thread_number();
  if (k >= s.n * s.classes) return;
  const std::int64_t i = k / s.classes;
  dlogits[k] =
      static_cast<T>(cross_entropy_gradient(s, log_probability, i, k % s.classes, labels[i], weight, all, total_weight, dloss));
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    nll_loss_backward_kernel(CrossEntropyShape s, const std::int64_t* HD_RESTRICT labels, const T* HD_RESTRICT weight,
                             const T* HD_RESTRICT total_weight, const T* HD_RESTRICT dloss, T* HD_RESTRICT dlog_probability) {
  const std::int64_t k = simt::thread_number();
  if (k >= s.n * s.classes) return;
  const std::int64_t i = k / s.classes, label = labels[i];
  const bool own = label != s.ignore_index && label == k % s.classes;
  dlog_probability[k] = own ? -row_gradient(s, total_weight, dloss, i) * (weight ? weight[label] : T(1)) : T(0);
}

// One block.
template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    metrics_kernel(std::int64_t n, std::int64_t classes, const T* HD_RESTRICT logits, const std::int64_t* HD_RESTRICT labels,
                   const Wide<T>* HD_RESTRICT loss, double* HD_RESTRICT totals) {
  HD_SHARED(simt::Sum<int>, shared, [threads]);
  simt::Sum<int> right{0};
  for (std::int64_t i = threadIdx.x; i < n; i += threads) right.value += is_right(classes, logits + i * classes, labels[i]);
  right = simt::join_block<threads>(right, shared);
  if (threadIdx.x != 0) return;
  totals[0] += static_cast<double>(*loss) * static_cast<double>(n);
  totals[1] += right.value;
  totals[2] += static_cast<double>(n);
}

bool by_rows(const SoftmaxShape& s) {
  return s.inner == 1 && s.classes > 64;
}

template <class X, class Y>
void softmax(Stream stream, const SoftmaxShape& s, bool log, const X* x, Y* y) {
  if (s.classes == 0) return;
  if (by_rows(s))
    simt::launch<softmax_rows_kernel<X, Y>>(simt::blocks_for(s.outer, threads / 32), threads, 0, stream, s, log, x, y);
  else
    simt::launch<softmax_columns_kernel<X, Y>>(simt::blocks_for(s.outer * s.inner, threads), threads, 0, stream, s, log, x, y);
}

template <class T>
void softmax_backward(Stream stream, const SoftmaxShape& s, bool log, const T* y, const T* dy, T* dx) {
  if (s.classes == 0) return;
  if (by_rows(s))
    simt::launch<softmax_backward_rows_kernel<T>>(simt::blocks_for(s.outer, threads / 32), threads, 0, stream, s, log, y, dy,
                                                  dx);
  else
    simt::launch<softmax_backward_columns_kernel<T>>(simt::blocks_for(s.outer * s.inner, threads), threads, 0, stream, s, log,
                                                     y, dy, dx);
}

template <class T>
void cross_entropy(Stream stream, const CrossEntropyShape& s, const T* logits, const std::int64_t* labels,
                   const Wide<T>* weight, Wide<T>* loss, Wide<T>* log_probability, Wide<T>* total_weight) {
  const bool together = s.classes <= 64 && s.n * s.classes <= one_block;
  if (!together) softmax(stream, {s.n, s.classes, 1}, true, logits, log_probability);
  simt::launch<loss_kernel<T>>(1, threads, 0, stream, s, together ? logits : nullptr, labels, weight, loss, log_probability,
                               total_weight);
}

template <class T>
void cross_entropy_backward(Stream stream, const CrossEntropyShape& s, const Wide<T>* log_probability,
                            const std::int64_t* labels, const Wide<T>* weight, const Wide<T>* total_weight,
                            const Wide<T>* dloss, T* dlogits) {
  simt::launch<cross_entropy_backward_kernel<T>>(simt::blocks_for(s.n * s.classes, threads), threads, 0, stream, s,
                                                 log_probability, labels, weight, total_weight, dloss, dlogits);
}

template <class T>
void nll_loss(Stream stream, const CrossEntropyShape& given, const T* log_probability, const std::int64_t* labels,
              const T* weight, T* loss, T* total_weight) {
  CrossEntropyShape s = given;
  s.label_smoothing = 0;
  // Without logits, the kernel only reads what it is otherwise to write.
  simt::launch<loss_kernel<T>>(1, threads, 0, stream, s, nullptr, labels, weight, loss, const_cast<T*>(log_probability),
                               total_weight);
}

template <class T>
void nll_loss_backward(Stream stream, const CrossEntropyShape& s, const std::int64_t* labels, const T* weight,
                       const T* total_weight, const T* dloss, T* dlog_probability) {
  simt::launch<nll_loss_backward_kernel<T>>(simt::blocks_for(s.n * s.classes, threads), threads, 0, stream, s, labels, weight,
                                            total_weight, dloss, dlog_probability);
}

template <class T>
void accumulate_metrics(Stream stream, std::int64_t n, std::int64_t classes, const T* logits, const std::int64_t* labels,
                        const Wide<T>* loss, double* totals) {
  simt::launch<metrics_kernel<T>>(1, threads, 0, stream, n, classes, logits, labels, loss, totals);
}

template <class T>
constexpr LossKernels<T> table{softmax<T, T>, softmax_backward<T>,  cross_entropy<T>,     cross_entropy_backward<T>,
                               nll_loss<T>,   nll_loss_backward<T>, accumulate_metrics<T>};
template <>
constexpr LossKernels<BFloat16> table<BFloat16>{nullptr,
                                                nullptr,
                                                cross_entropy<BFloat16>,
                                                cross_entropy_backward<BFloat16>,
                                                nll_loss<float>,
                                                nll_loss_backward<float>,
                                                accumulate_metrics<BFloat16>};

}  // namespace

template <class T>
const LossKernels<T>& naive_loss_cuda();  // loss_naive_cuda.cu

template <>
const LossKernels<float>& LossKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_loss_cuda<float>() : table<float>;
}
template <>
const LossKernels<double>& LossKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_loss_cuda<double>() : table<double>;
}
template <>
const LossKernels<BFloat16>& LossKernels<BFloat16>::cuda(Variant) {
  return table<BFloat16>;
}

}  // namespace heddle::kernels
