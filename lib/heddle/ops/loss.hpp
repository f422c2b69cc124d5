// Loss functions: how far predictions are from what they should be.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// What becomes of the losses of single samples (or elements): kept, averaged into a scalar, or added into one.
enum class Reduction { none, mean, sum };

struct NllLossOptions {
  Tensor weight = {};                ///< one a class, [classes]; the mean divides by the sum of the labels' weights
  std::int64_t ignore_index = -100;  ///< samples with this label count for nothing
  Reduction reduction = Reduction::mean;
};

/// -log_probability[i, labels[i]] for log_probability [n, classes] and labels [n], int64.
/// Error for a label outside of [0, classes) that is not ignore_index. Only labels on the CPU are checked, since reading them
/// from a GPU would stop the step: the data set has checked those.
Tensor nll_loss(const Tensor& log_probability, const Tensor& labels, const NllLossOptions& options = {});

struct CrossEntropyOptions {
  Tensor weight = {};  ///< as in NllLossOptions
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;  ///< the target is this much of the uniform distribution, in [0, 1]
};

/// nll_loss(log_softmax(logits, 1), labels) in one kernel, for logits [n, classes] and labels [n], int64.
/// Label smoothing: Szegedy et al., "Rethinking the Inception architecture", CVPR 2016. Labels are checked as in nll_loss().
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

/// (input - target)^2 of equal shapes.
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// |input - target| of equal shapes.
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
/// -(target * log(sigmoid(x)) + (1 - target) * log(1 - sigmoid(x))), stable for any finite x; targets in [0, 1], of x's shape. As in PyTorch, an infinite
/// logit gives infinity where it is positive and its target below 1, else NaN.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction = Reduction::mean);

/// A training loop's meters, kept where the loss is, so that no step waits for the device: totals (float64 [3]) gain
/// loss * n, the number of rows of logits [n, classes] whose largest element is at the label, and n. loss is the mean, of
/// one element. No gradient.
void accumulate_metrics(Tensor& totals, const Tensor& logits, const Tensor& labels, const Tensor& loss);

}  // namespace heddle
HD_API_END
