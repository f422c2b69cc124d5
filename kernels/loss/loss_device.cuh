// What the CUDA kernels of losses share: one thread's softmax, one row's loss and gradient.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/loss/loss.hpp"
#include "kernels/simt/join.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

/// y = softmax(x) or its logarithm along `classes` elements that are `pitch` apart. y is not x.
template <class X, class Y>
HD_DEVICE inline void softmax_of(std::int64_t classes, std::int64_t pitch, bool log, const X* x, Y* y) {
  const auto at = [&](std::int64_t c) { return static_cast<Y>(x[c * pitch]); };
  Y most = -std::numeric_limits<Y>::infinity(), sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) most = at(c) > most ? at(c) : most;
  for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(at(c) - most);
  const Y shift = log ? std::log(sum) : 1 / sum;
  for (std::int64_t c = 0; c < classes; ++c) y[c * pitch] = log ? (at(c) - most) - shift : std::exp(at(c) - most) * shift;
}

struct LossSums {
  double loss, weight;
  HD_DEVICE void join(const LossSums& other) { loss += other.loss, weight += other.weight; }
};

/// A row's loss and the weight of its label: (1 - e) w_label (-log p_label) + e / classes * sum over classes of w_c (-log p_c),
/// e being the label smoothing.
template <class T>
HD_DEVICE inline LossSums row_loss(const CrossEntropyShape& s, const T* log_probability, std::int64_t label, const T* weight) {
  if (label == s.ignore_index) return {0, 0};
  const double w = weight ? static_cast<double>(weight[label]) : 1;
  double value = -(1 - s.label_smoothing) * w * static_cast<double>(log_probability[label]);
  if (s.label_smoothing != 0) {
    double sum = 0;
    for (std::int64_t c = 0; c < s.classes; ++c)
      sum += weight ? static_cast<double>(weight[c]) * static_cast<double>(log_probability[c])
                    : static_cast<double>(log_probability[c]);
    value -= s.label_smoothing / static_cast<double>(s.classes) * sum;
  }
  return {value, w};
}

/// What the loss's gradient is worth for row i.
template <class T>
HD_DEVICE inline T row_gradient(const CrossEntropyShape& s, const T* total_weight, const T* dloss, std::int64_t i) {
  return s.reduction == Reduction::none ? dloss[i] : s.reduction == Reduction::mean ? *dloss / *total_weight : *dloss;
}

/// Whether a row's largest logit, the first of equals, is the label's. A NaN is larger than all numbers.
template <class T>
HD_DEVICE inline bool is_right(std::int64_t classes, const T* row, std::int64_t label) {
  std::int64_t best = 0;
  auto most = static_cast<Wide<T>>(row[0]);
  for (std::int64_t c = 1; c < classes; ++c) {
    const auto logit = static_cast<Wide<T>>(row[c]);
    if (logit > most || (logit != logit && most == most)) best = c, most = logit;
  }
  return best == label;
}

/// The element of a cross-entropy's gradient at class c of row i; `all` is the sum of all classes' weights.
template <class T>
HD_DEVICE inline T cross_entropy_gradient(const CrossEntropyShape& s, const T* log_probability, std::int64_t i, std::int64_t c,
                                          std::int64_t label, const T* weight, T all, const T* total_weight, const T* dloss) {
  if (label == s.ignore_index) return 0;
  const T smooth = static_cast<T>(s.label_smoothing / static_cast<double>(s.classes));
  const T g = row_gradient(s, total_weight, dloss, i),
          own = static_cast<T>(1 - s.label_smoothing) * (weight ? weight[label] : T(1));
  const T less = g * smooth * (weight ? weight[c] : T(1)) + (c == label ? g * own : T(0));
  return g * (own + smooth * all) * std::exp(log_probability[i * s.classes + c]) - less;
}

}  // namespace
}  // namespace heddle::kernels
