#include "heddle/ops/loss.hpp"

#include <limits>

#include "heddle/core/observe.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/loss/loss.hpp"

namespace heddle {

using namespace detail;
using kernels::CrossEntropyShape;
using kernels::LossKernels;

namespace {

kernels::Reduction kernel_reduction(Reduction reduction) {
  switch (reduction) {
    case Reduction::none:
      return kernels::Reduction::none;
    case Reduction::mean:
      return kernels::Reduction::mean;
    default:
      return kernels::Reduction::sum;
  }
}

void check_labels(std::string_view where, const Tensor& scores, const Tensor& labels) {
  check(scores.dim() == 2 && scores.size(1) > 0, where, "expected scores [n, classes] of one class or more, got {}", scores.shape());
  check(labels.dtype() == int64, where, "expected labels of int64, got {}", heddle::name_of(labels.dtype()));
  check(labels.shape() == Shape{scores.size(0)}, where, "expected labels of shape [{}] for scores {}, got {}", scores.size(0),
        scores.shape(), labels.shape());
  check(labels.device() == scores.device(), where, "expected labels on {}, got them on {}", scores.device(), labels.device());
}

// Before anything is launched. Labels on a GPU are not read back: that would stop the step.
void check_range(std::string_view where, const Tensor& labels, std::int64_t classes, std::int64_t ignore_index) {
  if (!labels.device().is_cpu()) return;
  const auto* label = labels.data<std::int64_t>();
  for (std::int64_t i = 0; i < labels.numel(); ++i)
    check((label[i] >= 0 && label[i] < classes) || label[i] == ignore_index, where,
          "expected labels in [0, {}) or the ignored {}, got {} at {}", classes, ignore_index, label[i], i);
}

// What both losses keep: dense operands, their shape, and the divisor of the mean.
struct Problem {
  CrossEntropyShape shape;
  Tensor scores, labels, weight, loss, total_weight;
};

Problem problem_of(std::string_view where, const Tensor& scores, const Tensor& labels, const Tensor& weight,
                   std::int64_t ignore_index, Reduction reduction, double label_smoothing) {
  check_labels(where, scores, labels);
  check_operand(where, "weight", weight, {scores.size(1)}, scores);
  Problem p;
  p.shape = {scores.size(0), scores.size(1), label_smoothing, ignore_index, kernel_reduction(reduction)};
  p.scores = dense(scores);
  p.labels = dense(labels);
  p.weight = dense_or_none(weight);
  check_range(where, p.labels, p.shape.classes, ignore_index);
  p.loss = empty(reduction == Reduction::none ? Shape{p.shape.n} : Shape{}, wide_options(scores));
  // Of no sample the mean is that of nothing, and the sum 0.
  if (p.shape.n == 0) p.loss.fill_(reduction == Reduction::mean ? std::numeric_limits<double>::quiet_NaN() : 0);
  p.total_weight = empty({1}, wide_options(scores));
  return p;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  constexpr auto where = "cross_entropy";
  if (lacks_kernels(logits)) return cross_entropy(logits.to(float32), labels, options);
  const Scope scope("loss", where, logits);
  check(options.label_smoothing >= 0 && options.label_smoothing <= 1, where, "expected a label_smoothing in [0, 1], got {}",
        options.label_smoothing);
  const Problem p =
      problem_of(where, logits, labels, options.weight, options.ignore_index, options.reduction, options.label_smoothing);
  const Tensor log_probability = empty(logits.shape(), wide_options(logits));
  visit_activation(logits, where, [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    if (p.shape.n == 0) return;
    kernels_for<LossKernels<T>>(logits.device())
        .cross_entropy(stream_of(logits), p.shape, p.scores.data<T>(), p.labels.data<std::int64_t>(), data_or_null<W>(p.weight),
                       p.loss.data<W>(), log_probability.data<W>(), p.total_weight.data<W>());
  });
  scope.output(p.loss);
  if (!needs_grad({logits})) return p.loss;
  return record(where, {logits}, p.loss,
                [shape = p.shape, options = logits.options(), log_probability, total = p.total_weight, labels = Saved(p.labels),
                 weight = Saved(p.weight)](const Tensor& dloss, const Needs&) -> Grads {
                  Tensor dlogits = empty(log_probability.shape(), options);
                  visit_activation(dlogits, where, [&]<class T>(TypeTag<T>) {
                    using W = kernels::Wide<T>;
                    if (shape.n == 0) return;
                    kernels_for<LossKernels<T>>(dloss.device())
                        .cross_entropy_backward(stream_of(dloss), shape, log_probability.data<W>(),
                                                labels.get(where).data<std::int64_t>(), data_or_null<W>(weight.get(where)),
                                                total.data<W>(), dloss.data<W>(), dlogits.data<T>());
                  });
                  return {dlogits};
                });
}

Tensor nll_loss(const Tensor& log_probability, const Tensor& labels, const NllLossOptions& options) {
  constexpr auto where = "nll_loss";
  if (log_probability.dtype() == bfloat16) return nll_loss(log_probability.to(float32), labels, options);
  const Problem p = problem_of(where, log_probability, labels, options.weight, options.ignore_index, options.reduction, 0);
  visit_floating(log_probability.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (p.shape.n == 0) return;
    kernels_for<LossKernels<T>>(log_probability.device())
        .nll_loss(stream_of(log_probability), p.shape, p.scores.data<T>(), p.labels.data<std::int64_t>(),
                  data_or_null<T>(p.weight), p.loss.data<T>(), p.total_weight.data<T>());
  });
  if (!needs_grad({log_probability})) return p.loss;
  return record(where, {log_probability}, p.loss,
                [shape = p.shape, total = p.total_weight, labels = Saved(p.labels), weight = Saved(p.weight)](
                    const Tensor& dloss, const Needs&) -> Grads {
                  Tensor dx = empty({shape.n, shape.classes}, dloss.options());
                  visit_floating(dloss.dtype(), where, [&]<class T>(TypeTag<T>) {
                    if (shape.n == 0) return;
                    kernels_for<LossKernels<T>>(dloss.device())
                        .nll_loss_backward(stream_of(dloss), shape, labels.get(where).data<std::int64_t>(),
                                           data_or_null<T>(weight.get(where)), total.data<T>(), dloss.data<T>(), dx.data<T>());
                  });
                  return {dx};
                });
}

namespace {

void check_pair(std::string_view where, const Tensor& input, const Tensor& target) {
  check(target.defined(), where, "expected a target of the input's shape {}, got none", input.shape());
  check(target.shape() == input.shape(), where, "expected a target of the input's shape {}, got {}", input.shape(),
        target.shape());
  check_same_kind(where, "target", target, input);
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::mean ? mean(losses) : sum(losses);
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_pair("mse_loss", input, target);
  return reduced(square(sub(input, target)), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_pair("l1_loss", input, target);
  return reduced(abs(sub(input, target)), reduction);
}

// (1 - t) x - log(sigmoid(x)), log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)), as PyTorch takes it: of infinite logits it is
// infinite where x = inf and t < 1, else NaN. Recorded as one op, since the parts have no gradient at 0 and the whole has.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction) {
  constexpr auto where = "binary_cross_entropy_with_logits";
  check_pair(where, logits, target);
  Tensor losses = no_grad([&] { return (1.0 - target) * logits - (-relu(-logits) - log(exp(-abs(logits)) + 1.0)); });
  losses = record(where, {logits, target}, losses,
                  [x = Saved(logits), t = Saved(target)](const Tensor& dy, const Needs& needs) -> Grads {
                    Grads grads(2);
                    if (needs[0]) grads[0] = (sigmoid(x.get(where)) - t.get(where)) * dy;
                    if (needs[1]) grads[1] = -(x.get(where) * dy);
                    return grads;
                  });
  return reduced(losses, reduction);
}

void accumulate_metrics(Tensor& totals, const Tensor& logits, const Tensor& labels, const Tensor& loss) {
  constexpr auto where = "accumulate_metrics";
  check_labels(where, logits, labels);
  check(totals.dtype() == float64 && totals.shape() == Shape{3} && totals.is_contiguous() && totals.device() == logits.device(),
        where, "expected totals float64 [3] on {}, got {} {} on {}", logits.device(), heddle::name_of(totals.dtype()),
        totals.shape(), totals.device());
  check(loss.numel() == 1, where, "expected a loss of one element, got {}", loss.shape());
  check_parameter(where, "loss", loss, logits);
  begin_write(totals, where);
  if (logits.size(0) == 0) return;  // its loss is the mean of nothing
  const Tensor logits_dense = dense(lacks_kernels(logits) ? widened(logits) : logits), labels_dense = dense(labels);
  visit_activation(logits_dense, where, [&]<class T>(TypeTag<T>) {
    kernels_for<LossKernels<T>>(logits.device())
        .accumulate_metrics(stream_of(logits), logits.size(0), logits.size(1), logits_dense.data<T>(),
                            labels_dense.data<std::int64_t>(), loss.data<kernels::Wide<T>>(), totals.data<double>());
  });
}

}  // namespace heddle
