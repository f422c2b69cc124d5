#include "heddle/train/lr_finder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "heddle/base/check.hpp"
#include "heddle/core/random.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/ops/loss.hpp"

namespace heddle::train {
namespace {

constexpr std::string_view where = "find_lr";

// Everything that a training step changes. It is put back by put_back(), or when this goes away because something failed; what
// fails then too is left out, since the first failure is the one to report.
class Restore {
 public:
  Restore(nn::Module& net, optim::Optimizer& optimizer)
      : optimizer_(optimizer),
        state_(optimizer.state_dict()),
        generator_(default_generator()),
        parameters_(optimizer.parameters()) {
    for (const auto& [path, value] : net.state_dict()) values_.emplace_back(value, empty_like(value).copy_(value));
    for (const auto& [path, parameter] : net.named_parameters())
      if (!holds(parameter)) parameters_.push_back(parameter);
    for (Tensor& p : parameters_) gradients_.push_back(p.grad().defined() ? empty_like(p).copy_(p.grad()) : Tensor{});
  }
  ~Restore() {
    if (done_) return;
    try {
      put_back();
    } catch (...) {
    }
  }
  void put_back() {
    default_generator() = generator_;
    for (auto& [value, copy] : values_) value.copy_(copy);
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].set_grad(gradients_[i]);
    optimizer_.load_state_dict(state_);
    done_ = true;
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  bool holds(const Tensor& p) const {
    return std::any_of(parameters_.begin(), parameters_.end(), [&](const Tensor& q) { return q.impl() == p.impl(); });
  }

  optim::Optimizer& optimizer_;
  optim::StateDict state_;
  Generator generator_;
  bool done_ = false;
  std::vector<Tensor> parameters_, gradients_;
  std::vector<std::pair<Tensor, Tensor>> values_;
};

// Batches without end, epoch after epoch.
template <class F>
void for_batches(const data::DataLoader& loader, F&& f) {
  for (std::uint64_t epoch = 0;; ++epoch)
    for (const auto& batch : loader.epoch(epoch))
      if (!f(batch)) return;
}

}  // namespace

void analyse(LRCurve& curve, double bandwidth) {
  auto& points = curve.points;
  if (points.empty()) return;
  const double most = 1.25 * points.front().loss;
  for (LRPoint& at : points) {
    // Least squares around `at`: sums of the weights times 1, x, x^2, y and x y, with x counted from here.
    double w0 = 0, w1 = 0, w2 = 0, y0 = 0, y1 = 0;
    for (const LRPoint& p : points) {
      const double x = std::log10(p.lr / at.lr), z = x / bandwidth, w = std::exp(-0.5 * z * z);
      if (!std::isfinite(p.loss)) continue;
      const double y = std::min(p.loss, most);
      w0 += w, w1 += w * x, w2 += w * x * x, y0 += w * y, y1 += w * x * y;
    }
    const double determinant = w0 * w2 - w1 * w1;
    const bool line = determinant > 1e-12 * w0 * w0;
    at.slope = line ? (w0 * y1 - w1 * y0) / determinant : 0;
    at.smoothed = line ? (w2 * y0 - w1 * y1) / determinant : y0 / w0;
  }
  const auto lower = [](const LRPoint& a, const LRPoint& b) { return a.smoothed < b.smoothed; };
  const auto least = std::min_element(points.begin(), points.end(), lower);
  curve.suggestion = curve.minimum = 0;
  const auto begin = points.begin() + static_cast<std::ptrdiff_t>(points.size() / 10);
  if (least <= begin) return;
  const auto steepest =
      std::min_element(begin, least + 1, [](const LRPoint& a, const LRPoint& b) { return a.slope < b.slope; });
  if (steepest->slope >= 0) return;
  curve.suggestion = steepest->lr, curve.minimum = least->lr;
}

LRCurve find_lr(nn::Module& net, optim::Optimizer& optimizer, const data::DataLoader& loader, const LRFinderOptions& options) {
  check(options.start_lr > 0 && options.start_lr < options.end_lr, where, "expected 0 < start_lr < end_lr, got {} and {}",
        options.start_lr, options.end_lr);
  check(options.steps >= 10, where, "expected 10 steps or more, got {}", options.steps);
  check(options.stop_factor > 1 && options.bandwidth > 0, where,
        "expected a stop_factor above 1 and a bandwidth above 0, got {} and {}", options.stop_factor, options.bandwidth);
  Restore restore(net, optimizer);
  std::optional<nn::ModeGuard> mode;  // as fit(): frozen parts of a network in training stay so
  if (!net.training()) mode.emplace(net, true);
  default_generator().manual_seed(options.seed);
  LRCurve curve;
  const double factor = std::pow(options.end_lr / options.start_lr, 1.0 / (options.steps - 1));
  // For stopping alone: an average that follows the loss, corrected for its beginning at 0.
  constexpr double keep = 0.8;
  double average = 0, share = 0, least = std::numeric_limits<double>::infinity();
  for_batches(loader, [&](const data::Batch& batch) {
    const auto step = static_cast<int>(curve.points.size());
    const double lr = options.start_lr * std::pow(factor, step);
    default_generator().begin_step(static_cast<std::uint64_t>(step) + 1);
    optimizer.set_lr(lr);
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(net(batch.images), batch.labels, {.label_smoothing = options.label_smoothing});
    const double value = loss.item<double>();
    check(step > 0 || std::isfinite(value), where, "expected a finite loss at the first step, got {}", value);
    curve.points.push_back({.lr = lr, .loss = value});
    if (options.on_step) options.on_step(step + 1, lr, value);
    average = keep * average + (1 - keep) * value;
    share = keep * share + (1 - keep);
    const double now = average / share;
    least = std::min(least, now);
    curve.diverged = !std::isfinite(value) || now > options.stop_factor * least;
    if (curve.diverged || step + 1 == options.steps) return false;
    loss.backward();
    optimizer.step();
    return true;
  });
  restore.put_back();
  analyse(curve, options.bandwidth);
  return curve;
}

}  // namespace heddle::train
