#include "heddle/train/trainer.hpp"

#include <chrono>
#include <cmath>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/random.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"

namespace heddle::train {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Evaluation mode for as long as it lives.
class EvalGuard {
 public:
  explicit EvalGuard(nn::Module& net) : net_(net), before_(net.training()) { net_.eval(); }
  ~EvalGuard() { net_.train(before_); }
  EvalGuard(const EvalGuard&) = delete;
  EvalGuard& operator=(const EvalGuard&) = delete;

 private:
  nn::Module& net_;
  bool before_;
  NoGradGuard no_grad_;
};

}  // namespace

Metrics evaluate(nn::Module& net, const data::DataLoader& loader) {
  EvalGuard guard(net);
  Meter meter(loader.dataset().device());
  for (const auto& batch : loader.epoch(0)) {
    const Tensor logits = net(batch.images);
    meter.add(logits, batch.labels, cross_entropy(logits, batch.labels));
  }
  return meter.read();
}

Predictions predict(nn::Module& net, const data::DataLoader& loader) {
  EvalGuard guard(net);
  Predictions all;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const auto& batch : loader.epoch(0)) {
    const auto best = max(softmax(net(batch.images), 1), 1);
    append(all.index, batch.index.to_vector<std::int64_t>());
    append(all.label, batch.labels.to_vector<std::int64_t>());
    append(all.predicted, best.indices.to_vector<std::int64_t>());
    append(all.confidence, best.values.to_vector<float>());
  }
  return all;
}

std::vector<EpochResult> fit(nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule, const data::DataLoader& train,
                             const data::DataLoader& test, const TrainerOptions& options) {
  check(options.epochs >= 1, "fit", "expected one epoch or more, got {}", options.epochs);
  const Device device = train.dataset().device();
  const std::vector<Tensor> parameters = optimizer.parameters();
  Generator& generator = default_generator();
  generator.manual_seed(options.seed);
  Meter meter(device);
  std::vector<EpochResult> history;
  std::uint64_t step = 0;

  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    net.train();
    meter.reset();
    EpochResult result{.epoch = epoch};
    Progress progress{.epoch = epoch, .epochs = options.epochs, .steps = train.size(), .meter = &meter};
    const Stopwatch watch;
    for (const auto& batch : train.epoch(static_cast<std::uint64_t>(epoch - 1))) {
      generator.begin_step(++step);
      optimizer.zero_grad();
      const Tensor logits = net(batch.images);
      const Tensor loss = cross_entropy(logits, batch.labels, {.label_smoothing = options.label_smoothing});
      loss.backward();
      if (options.clip_grad_norm > 0) optim::clip_grad_norm_(parameters, options.clip_grad_norm);
      result.lr = optimizer.lr();
      optimizer.step();
      if (schedule && schedule->last_step() + 1 < static_cast<std::int64_t>(options.epochs) * train.size()) schedule->step();
      meter.add(logits, batch.labels, loss.detach());
      ++progress.step;
      progress.images += batch.labels.size(0);
      progress.seconds = watch.seconds();
      if (options.on_step) options.on_step(progress);
    }
    synchronize(device);
    result.seconds = watch.seconds();
    result.images_per_second = static_cast<double>(progress.images) / result.seconds;
    result.train = meter.read();
    check(std::isfinite(result.train.loss), "fit",
          "expected a finite loss, got {} in epoch {} (step {}): the learning rate ({}) may be too high", result.train.loss, epoch, step,
          result.lr);
    result.test = evaluate(net, test);
    history.push_back(result);
    if (options.on_epoch && !options.on_epoch(result)) break;
  }
  return history;
}

}  // namespace heddle::train
