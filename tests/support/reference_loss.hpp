// Softmax and cross-entropy as PyTorch's documentation defines them, in double.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/loss/loss.hpp"

namespace heddle::test {

inline std::vector<double> reference_softmax(const kernels::SoftmaxShape& s, bool log, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.inner; ++i) {
      auto at = [&](std::int64_t c) { return static_cast<std::size_t>((o * s.classes + c) * s.inner + i); };
      double most = -INFINITY, sum = 0;
      for (std::int64_t c = 0; c < s.classes; ++c) most = std::fmax(most, x[at(c)]);
      for (std::int64_t c = 0; c < s.classes; ++c) sum += std::exp(x[at(c)] - most);
      for (std::int64_t c = 0; c < s.classes; ++c) {
        const double value = x[at(c)] - most - std::log(sum);
        y[at(c)] = log ? value : std::exp(value);
      }
    }
  return y;
}

struct ReferenceLoss {
  std::vector<double> loss;  ///< one a row, or one
  double total_weight = 0;
};
/// weight may be empty. log_probability [n, classes].
inline ReferenceLoss reference_cross_entropy(const kernels::CrossEntropyShape& s, const std::vector<double>& log_probability,
                                             const std::vector<std::int64_t>& labels, const std::vector<double>& weight) {
  ReferenceLoss out;
  double sum = 0;
  for (std::int64_t i = 0; i < s.n; ++i) {
    double row = 0;
    if (labels[static_cast<std::size_t>(i)] != s.ignore_index) {
      for (std::int64_t c = 0; c < s.classes; ++c) {
        // The smoothed target distribution: 1 - e on the label, and e spread over all classes.
        const double target = (c == labels[static_cast<std::size_t>(i)] ? 1 - s.label_smoothing : 0) +
                              s.label_smoothing / static_cast<double>(s.classes);
        const double w = weight.empty() ? 1 : weight[static_cast<std::size_t>(c)];
        if (target != 0) row -= target * w * log_probability[static_cast<std::size_t>(i * s.classes + c)];
      }
      out.total_weight += weight.empty() ? 1 : weight[static_cast<std::size_t>(labels[static_cast<std::size_t>(i)])];
    }
    sum += row;
    if (s.reduction == kernels::Reduction::none) out.loss.push_back(row);
  }
  if (s.reduction == kernels::Reduction::sum) out.loss = {sum};
  if (s.reduction == kernels::Reduction::mean) out.loss = {sum / out.total_weight};
  return out;
}

}  // namespace heddle::test
