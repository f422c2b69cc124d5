// Softmax, its logarithm, and the losses that stand on them.
#pragma once

#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// x [outer, classes, inner], normalised along classes.
struct SoftmaxShape {
  std::int64_t outer = 1, classes = 1, inner = 1;
};

enum class Reduction { none, mean, sum };

/// logits [n, classes], labels [n]. A label equal to ignore_index counts for nothing.
struct CrossEntropyShape {
  std::int64_t n = 1, classes = 1;
  double label_smoothing = 0;
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};

/// For BFloat16, logits and their gradient, there is everything but softmax and its gradient, which are null.
template <class T>
struct LossKernels {
  void (*softmax)(Stream, const SoftmaxShape&, bool log, const T* x, T* y);
  /// From y = softmax(x), or log_softmax(x) with log.
  void (*softmax_backward)(Stream, const SoftmaxShape&, bool log, const T* y, const T* dy, T* dx);

  /// The loss as PyTorch defines it (class weights [classes] may be null; the mean divides by the weights of the labels):
  /// writes loss ([n] for none, else [1]) and log_probability [n, classes] for the backward pass and total_weight [1],
  /// the mean's divisor.
  void (*cross_entropy)(Stream, const CrossEntropyShape&, const T* logits, const std::int64_t* labels, const Wide<T>* weight,
                        Wide<T>* loss, Wide<T>* log_probability, Wide<T>* total_weight);
  /// dloss is [n] for none, else [1].
  void (*cross_entropy_backward)(Stream, const CrossEntropyShape&, const Wide<T>* log_probability, const std::int64_t* labels,
                                 const Wide<T>* weight, const Wide<T>* total_weight, const Wide<T>* dloss, T* dlogits);
  /// The same on given log-probabilities (no smoothing): loss and its gradient.
  void (*nll_loss)(Stream, const CrossEntropyShape&, const Wide<T>* log_probability, const std::int64_t* labels,
                   const Wide<T>* weight, Wide<T>* loss, Wide<T>* total_weight);
  void (*nll_loss_backward)(Stream, const CrossEntropyShape&, const std::int64_t* labels, const Wide<T>* weight,
                            const Wide<T>* total_weight, const Wide<T>* dloss, Wide<T>* dlog_probability);

  /// Training's meters, kept on the device: totals[0] += loss[0] * n, totals[1] += number of rows whose largest logit
  /// (the first of equals) is the label's, totals[2] += n; totals are double [3].
  void (*accumulate_metrics)(Stream, std::int64_t n, std::int64_t classes, const T* logits, const std::int64_t* labels,
                             const Wide<T>* loss, double* totals);

  static const LossKernels& cpu();
  static const LossKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels
