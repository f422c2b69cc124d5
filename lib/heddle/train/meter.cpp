#include "heddle/train/meter.hpp"

#include <cmath>

#include "heddle/base/format.hpp"
#include "heddle/core/dispatch.hpp"
#include "kernels/loss/loss.hpp"

namespace heddle::train {

Meter::Meter(Device device) : totals_(zeros({3}, {.dtype = float64, .device = device})) {}

void Meter::reset() {
  totals_.zero_();
}

void Meter::add(const Tensor& logits, const Tensor& labels, const Tensor& loss) {
  check(logits.dim() == 2 && labels.dim() == 1 && labels.size(0) == logits.size(0) && loss.numel() == 1, "Meter",
        "expected logits [n, classes], labels [n] and one loss, got {}, {} and {}", logits.shape().str(), labels.shape().str(),
        loss.shape().str());
  check(logits.device() == totals_.device(), "Meter", "expected logits on {}, got {}", totals_.device().str(),
        logits.device().str());
  Tensor scores = logits.detach().contiguous();
  if (scores.dtype() == bfloat16 && scores.device().is_cpu()) scores = scores.to(float32);
  visit_activation(scores, "Meter", [&]<class T>(TypeTag<T>) {
    kernels_for<kernels::LossKernels<T>>(scores.device())
        .accumulate_metrics(stream_of(scores), scores.size(0), scores.size(1), scores.data<T>(), labels.data<std::int64_t>(),
                            loss.data<kernels::Wide<T>>(), totals_.data<double>());
  });
}

void Meter::load_state(const Tensor& totals) {
  check(totals.defined() && totals.dtype() == float64 && totals.shape() == totals_.shape(), "Meter",
        "expected the sums of a meter, float64 [3], got {}",
        totals.defined() ? strings::format("{} {}", name_of(totals.dtype()), totals.shape().str()) : "an undefined tensor");
  // Losses may be NaN; the others are counts.
  const auto sums = totals.to_vector<double>();
  constexpr double largest_count = 9007199254740992;  // 2^53
  check(std::floor(sums[1]) == sums[1] && std::floor(sums[2]) == sums[2] && 0 <= sums[1] && sums[1] <= sums[2] && sums[2] <= largest_count,
        "Meter", "expected right answers among samples, as whole numbers, got {} of {}", sums[1], sums[2]);
  totals_.copy_(totals);
}

Metrics Meter::read() const {
  const auto totals = totals_.to_vector<double>();
  const double count = totals[2];
  if (count == 0) return {};
  return {.loss = totals[0] / count, .accuracy = 100 * totals[1] / count, .count = static_cast<std::int64_t>(count)};
}

}  // namespace heddle::train
