#include "heddle/train/trainer.hpp"

#include <algorithm>
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

// What every step of a training works with.
struct Loop {
  nn::Module& net;
  optim::Optimizer& optimizer;
  optim::LRScheduler* schedule;
  const TrainerOptions& options;
  std::vector<Tensor> parameters;
  std::int64_t steps;  // of the whole training

  // One step from a batch to the next weights, counted in the state. Nothing in it waits for the device.
  void step(const data::Batch& batch, TrainerState& state) const {
    default_generator().begin_step(static_cast<std::uint64_t>(++state.step));
    optimizer.zero_grad();
    const Tensor logits = net(batch.images);
    const Tensor loss = cross_entropy(logits, batch.labels, {.label_smoothing = options.label_smoothing});
    loss.backward();
    if (options.clip_grad_norm > 0) optim::clip_grad_norm_(parameters, options.clip_grad_norm);
    state.lr = optimizer.lr();
    optimizer.step();
    if (schedule && schedule->last_step() + 1 < steps) schedule->step();
    state.meter.add(logits, batch.labels, loss.detach());
    ++state.batch;
  }

  // The rest of the epoch that the state is in. False when on_step ended it.
  bool epoch(const data::DataLoader& train, TrainerState& state) const {
    net.train();
    const auto& loader = train.options();
    const double before = state.seconds;
    const Stopwatch watch;
    for (const auto& batch : train.epoch(static_cast<std::uint64_t>(state.epoch), state.batch)) {
      step(batch, state);
      state.seconds = before + watch.seconds();
      const bool go_on =
          !options.on_step || options.on_step({.epoch = state.epoch + 1,
                                               .epochs = options.epochs,
                                               .step = state.batch,
                                               .steps = train.size(),
                                               .images = std::min(state.batch * loader.batch_size, train.dataset().size()),
                                               .seconds = state.seconds,
                                               .meter = &state.meter});
      if (!go_on) return false;
    }
    synchronize(train.dataset().device());
    state.seconds = before + watch.seconds();
    return true;
  }
};

// An empty meter on the device, or the state's own moved there in the middle of an epoch.
void prepare_meter(TrainerState& state, Device device) {
  if (state.batch == 0) state.seconds = 0;
  if (state.meter.device() != device) {
    const Tensor sums = state.meter.state();
    state.meter = Meter(device);
    state.meter.load_state(sums);
  }
  if (state.batch == 0) state.meter.reset();
}

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

std::vector<EpochResult> fit(nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule,
                             const data::DataLoader& train, const data::DataLoader& test, const TrainerOptions& options) {
  check(options.epochs >= 1, "fit", "expected one epoch or more, got {}", options.epochs);
  const Loop loop{
      net, optimizer, schedule, options, optimizer.parameters(), static_cast<std::int64_t>(options.epochs) * train.size()};
  default_generator().manual_seed(options.seed);
  TrainerState beginning;
  TrainerState& state = options.state ? *options.state : beginning;
  check(state.epoch >= 0 && state.batch >= 0 && state.batch <= train.size(), "fit",
        "expected a state within epochs of {} batches, got batch {} after epoch {}", train.size(), state.batch, state.epoch);

  while (state.epoch < options.epochs) {
    prepare_meter(state, train.dataset().device());
    if (!loop.epoch(train, state)) break;
    EpochResult result{.epoch = state.epoch + 1, .lr = state.lr, .train = state.meter.read()};
    result.seconds = state.seconds;
    result.images_per_second = static_cast<double>(result.train.count) / result.seconds;
    check(std::isfinite(result.train.loss), "fit",
          "expected a finite loss, got {} in epoch {} (step {}): the learning rate ({}) may be too high", result.train.loss,
          result.epoch, state.step, result.lr);
    result.test = evaluate(net, test);
    state.history.push_back(result);
    state.epoch = result.epoch;
    state.batch = 0;
    if (options.on_epoch && !options.on_epoch(result)) break;
  }
  return state.history;
}

}  // namespace heddle::train
