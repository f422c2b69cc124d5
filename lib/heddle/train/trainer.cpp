#include "heddle/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/core/random.hpp"
#include "heddle/nn/audit.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/ops/loss.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/softmax.hpp"
#include "heddle/train/recorded_steps.hpp"

namespace heddle::train {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Evaluation mode without recording, for as long as it lives and on this thread.
class EvalGuard {
 public:
  explicit EvalGuard(nn::Module& net) : mode_(net, false) {}

 private:
  nn::ModeGuard mode_;
  NoGradGuard no_grad_;
};

// The parts of a network in training that are in evaluation mode: somebody froze them.
std::vector<nn::Module*> frozen_parts(nn::Module& net) {
  std::vector<nn::Module*> frozen;
  if (!net.training()) return frozen;
  for (const auto& [path, part] : net.named_modules())
    if (!part->training()) frozen.push_back(part);
  return frozen;
}

// What every step of a training works with.
struct Loop {
  nn::Module& net;
  optim::Optimizer& optimizer;
  optim::LRScheduler* schedule;
  const TrainerOptions& options;
  std::vector<Tensor> parameters;
  std::int64_t steps;                // of the whole training
  std::vector<nn::Module*> frozen;   // stay in evaluation mode
  bool* audited;                     // whether a loss has been looked at for what the network forgot to name

  // From a batch to the next weights; nothing in it waits for the device.
  void work(const data::Batch& batch, TrainerState& state) const {
    optimizer.zero_grad();
    const Tensor logits = net(batch.images);
    const Tensor loss = cross_entropy(logits, batch.labels, {.label_smoothing = options.label_smoothing});
    if (!std::exchange(*audited, true)) nn::audit(net, loss, parameters);
    loss.backward();
    if (options.clip_grad_norm > 0) optim::clip_grad_norm_(parameters, options.clip_grad_norm);
    optimizer.step();
    state.meter.add(logits, batch.labels, loss.detach());
  }

  // The rest of the epoch that the state is in, from recordings where there are some. False when on_step ended it.
  bool epoch(const data::DataLoader& train, TrainerState& state, RecordedSteps* recorded) const {
    // A network that somebody left in evaluation mode trains all the same; one in training is taken as it is.
    std::optional<nn::ModeGuard> training;
    if (!net.training()) training.emplace(net, true, frozen);
    const auto& loader = train.options();
    const auto number = static_cast<std::uint64_t>(state.epoch);
    const double before = state.seconds;
    const Stopwatch watch;
    // Counts the step, whose work is do_it(), in the state; false to stop.
    const auto step = [&](const auto& do_it) {
      ++state.step;
      state.lr = optimizer.lr();
      do_it();
      if (schedule && schedule->last_step() + 1 < steps) schedule->step();
      ++state.batch;
      state.seconds = before + watch.seconds();
      return !options.on_step || options.on_step({.epoch = state.epoch + 1,
                                                  .epochs = options.epochs,
                                                  .step = state.batch,
                                                  .steps = train.size(),
                                                  .images = std::min(state.batch * loader.batch_size, train.dataset().size()),
                                                  .seconds = state.seconds,
                                                  .meter = &state.meter});
    };
    if (recorded) {
      recorded->begin_epoch(number);
      while (state.batch < train.size())
        if (!step([&] { recorded->run(state.batch, static_cast<std::uint64_t>(state.step)); })) return false;
    } else {
      for (const auto& batch : train.epoch(number, state.batch)) {
        const auto launch = [&] {
          default_generator().begin_step(static_cast<std::uint64_t>(state.step));
          work(batch, state);
        };
        if (!step(launch)) return false;
      }
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

void evaluate_batch(nn::Module& net, const data::Batch& batch, Meter& meter) {
  const Tensor logits = net(batch.images);
  meter.add(logits, batch.labels, cross_entropy(logits, batch.labels));
}

// evaluate() after each epoch, from recordings.
class RecordedEvaluation {
 public:
  RecordedEvaluation(nn::Module& net, const data::DataLoader& loader)
      : net_(net), loader_(loader), meter_(loader.dataset().device()), steps_(loader, [this](const data::Batch& batch) {
          evaluate_batch(net_, batch, meter_);
        }) {}

  Metrics operator()(std::int64_t step) {
    EvalGuard guard(net_);
    meter_.reset();
    steps_.begin_epoch(0);
    for (std::int64_t batch = 0; batch < loader_.size(); ++batch) steps_.run(batch, static_cast<std::uint64_t>(step));
    return meter_.read();
  }

 private:
  nn::Module& net_;
  const data::DataLoader& loader_;
  Meter meter_;
  RecordedSteps steps_;
};

}  // namespace

Metrics evaluate(nn::Module& net, const data::DataLoader& loader) {
  EvalGuard guard(net);
  Meter meter(loader.dataset().device());
  for (const auto& batch : loader.epoch(0)) evaluate_batch(net, batch, meter);
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
  bool audited = false;
  const Loop loop{net,     optimizer,
                  schedule, options,
                  optimizer.parameters(), static_cast<std::int64_t>(options.epochs) * train.size(),
                  frozen_parts(net), &audited};
  default_generator().manual_seed(options.seed);
  TrainerState beginning;
  TrainerState& state = options.state ? *options.state : beginning;
  check(state.epoch >= 0 && state.batch >= 0 && state.batch <= train.size(), "fit",
        "expected a state within epochs of {} batches, got batch {} after epoch {}", train.size(), state.batch, state.epoch);
  // A training that was shorter left its schedule at the rates of its last step: the next one has others.
  if (schedule && state.epoch < options.epochs && schedule->last_step() + 1 == state.step && state.step < loop.steps) schedule->step();

  const Device device = train.dataset().device();
  std::optional<RecordedSteps> recorded;
  if (device.is_cuda() && options.record_steps && !observed())
    recorded.emplace(train, optimizer, [&](const data::Batch& batch) { loop.work(batch, state); });
  std::optional<RecordedEvaluation> recorded_test;
  if (recorded && test.dataset().device() == device) recorded_test.emplace(net, test);
  while (state.epoch < options.epochs) {
    prepare_meter(state, device);
    if (!loop.epoch(train, state, recorded ? &*recorded : nullptr)) break;
    EpochResult result{.epoch = state.epoch + 1, .lr = state.lr, .train = state.meter.read()};
    result.seconds = state.seconds;
    result.images_per_second = static_cast<double>(result.train.count) / result.seconds;
    check(std::isfinite(result.train.loss), "fit",
          "expected a finite loss, got {} in epoch {} (step {}): the learning rate ({}) may be too high", result.train.loss,
          result.epoch, state.step, result.lr);
    result.test = recorded_test ? (*recorded_test)(state.step) : evaluate(net, test);
    state.history.push_back(result);
    state.epoch = result.epoch;
    state.batch = 0;
    if (options.on_epoch && !options.on_epoch(result)) break;
  }
  return state.history;
}

}  // namespace heddle::train
