// Learning-rate finder: a short training whose learning rate grows from step to step, to see where the loss falls fastest and
// where it breaks. Smith, "Cyclical learning rates for training neural networks", WACV 2017.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/data/loader.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/optim/optimizer.hpp"

HD_API_BEGIN
namespace heddle::train {

struct LRFinderOptions {
  double start_lr = 1e-6, end_lr = 10;
  int steps = 100;             ///< the rate grows by one factor from step to step, from start_lr to end_lr
  double stop_factor = 4;      ///< the sweep ends when the loss (averaged over a few steps) exceeds its least by this factor
  double bandwidth = 0.2;      ///< of the smoothing, in powers of ten of the learning rate
  std::uint64_t seed = 0;      ///< of dropout
  double label_smoothing = 0;  ///< of the loss
  std::function<void(int step, double lr, double loss)> on_step = {};
};

struct LRPoint {
  double lr = 0, loss = 0;
  double smoothed = 0;  ///< loss
  double slope = 0;     ///< of the smoothed loss, per power of ten of the learning rate
};

struct LRCurve {
  std::vector<LRPoint> points;  ///< of the steps done; the last one's loss may not be finite
  bool diverged = false;        ///< ended before end_lr
  /// Where the smoothed loss falls most steeply before its least, and where it is least; 0 when it never falls.
  double suggestion = 0, minimum = 0;
};

/// Smoothed values, slopes and the suggestion of a curve's losses. At each learning rate, a line is fitted to the losses around
/// it, weighted by a normal curve of this bandwidth in powers of ten: its height and slope there. Losses above 1.25 times the
/// first count as that, so that how a sweep explodes does not matter, and nothing is suggested from its first tenth, where a
/// slope is mostly noise.
void analyse(LRCurve& curve, double bandwidth);

/// Sweeps over the loader's batches, from its first epoch on. Afterwards, and also after an Error, everything is as it was, to
/// the bit: parameters, running statistics, gradients, optimizer, generator and modes. Error for limits that are not
/// 0 < start_lr < end_lr, fewer than 10 steps, or a loss that is not finite at the first one.
LRCurve find_lr(nn::Module& net, optim::Optimizer& optimizer, const data::DataLoader& loader,
                const LRFinderOptions& options = {});

}  // namespace heddle::train
HD_API_END
