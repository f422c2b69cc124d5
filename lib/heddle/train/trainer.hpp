// The training loop: epochs over a loader, forward, loss, backward, optimizer, schedule; then a test.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/data/loader.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/optim/optimizer.hpp"
#include "heddle/optim/schedule.hpp"
#include "heddle/train/meter.hpp"

HD_API_BEGIN
namespace heddle::train {

/// One finished epoch.
struct EpochResult {
  int epoch = 0;       ///< from 1
  double lr = 0;       ///< of the epoch's last step
  Metrics train = {};  ///< while training, so over a network that changes
  Metrics test = {};
  double seconds = 0;  ///< of training, without the test
  double images_per_second = 0;
};

/// Where a training stands between two steps. Weights, optimizer, schedule and this are all that it takes to go on to the same
/// bits: which images come next, with which augmentation and which masks, follows from the seeds and these numbers.
struct TrainerState {
  int epoch = 0;           ///< epochs finished
  std::int64_t batch = 0;  ///< batches done of the epoch after these
  std::int64_t step = 0;   ///< optimizer steps in all
  double lr = 0;           ///< of the last step
  double seconds = 0;      ///< spent on these batches
  Meter meter = Meter();   ///< over these batches
  std::vector<EpochResult> history = {};
};

/// Where a running epoch stands, for a progress bar.
struct Progress {
  int epoch = 0, epochs = 0;         ///< from 1
  std::int64_t step = 0, steps = 0;  ///< done in this epoch, of
  std::int64_t images = 0;           ///< done in this epoch
  double seconds = 0;                ///< since the epoch began
  const Meter* meter = nullptr;      ///< reading it waits for the device: now and then, not at every step
};

struct TrainerOptions {
  int epochs = 1;
  std::uint64_t seed = 0;  ///< of dropout: step s draws the numbers of (seed, s)
  double label_smoothing = 0;
  double clip_grad_norm = 0;  ///< 0: no clipping
  /// On a GPU: the steps are recorded as a CUDA graph and replayed, to the same bits, unless an Observer watches. A network
  /// that waits for the device in its forward pass, or does something else each time, needs false.
  bool record_steps = true;
  /// Where to begin, and kept up to date: what a callback saves of it (see checkpoint.hpp), another call goes on from. Null:
  /// at the beginning.
  TrainerState* state = nullptr;
  /// What they return says whether to go on.
  std::function<bool(const Progress&)> on_step = {};
  std::function<bool(const EpochResult&)> on_epoch = {};
};

/// Loss and accuracy in evaluation mode (a ModeGuard's: no module's own mode changes), without recording. Several threads may
/// evaluate one network at once, as they may predict() with it.
Metrics evaluate(nn::Module& net, const data::DataLoader& loader);

/// What the network says of each sample of a loader, in the loader's order.
struct Predictions {
  std::vector<std::int64_t> index, label, predicted;
  std::vector<float> confidence;  ///< softmax of the predicted class
};
Predictions predict(nn::Module& net, const data::DataLoader& loader);

/// Trains by cross-entropy. A network in training mode is taken as it is: parts that were put into evaluation mode (a frozen
/// batch norm) stay there, and parameters with requires_grad_(false) stay as they are. One in evaluation mode as a whole is
/// trained as a whole; in both cases every module has its own mode again afterwards. Error at the first step where the loss
/// depends on a tensor that requires a gradient, but that neither the network names nor the optimizer has. The schedule, which may be null, is stepped after every optimizer step. Returns the epochs done,
/// with those before options.state. Given one seed, the result is the same to the bit on every run, on any number of threads,
/// and however often it was stopped and gone on with. Error, naming the step, as soon as an epoch's loss is not finite.
std::vector<EpochResult> fit(nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule,
                             const data::DataLoader& train, const data::DataLoader& test, const TrainerOptions& options);

}  // namespace heddle::train
HD_API_END
