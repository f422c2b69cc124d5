// What a training step of one of the thirteen systems consists of on a GPU: how many kernels, where, and how many bytes.
//
// The step is recorded, as the trainer does it, and its launches are attributed to what was at work: a convolution is counted
// with the norm, activation and dropout up to the next one. Nothing is timed, and with the emulator behind the library no GPU
// is needed (docs/performance-gpu.md).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "heddle/heddle.hpp"
#include "model.hpp"

namespace heddle::bench {

/// Random bytes: for what does not depend on what images show.
data::ImageDataset random_images(std::int64_t count, Device device);

struct LayerLaunches {
  std::string name;  ///< the convolution's path
  int forward = 0, backward = 0;
};

struct StepPlan {
  std::string system;  ///< "compact-group"
  int batch = 0;
  std::string precision = "fp32";
  std::vector<LayerLaunches> layers = {};
  int between = 0;        ///< launches of pooling, skips and dropouts that stand alone, forward and backward
  std::size_t nodes = 0;  ///< all of the recording: beside the above, augmentation, loss and its gradient, optimizer, meters
  double megabytes = 0;   ///< every tensor and workspace that the step makes, written once and read once

  int forward() const;
  int backward() const;
  /// The largest number of any layer.
  int most_forward() const;
  int most_backward() const;
  /// Nodes of what belongs to no layer and does not stand between layers.
  int others() const { return static_cast<int>(nodes) - forward() - backward() - between; }
};

/// batch 0: the recipe's; precision: fp32, tf32 or bf16.
StepPlan plan_step(const cifar10::Architecture& architecture, cifar10::Norm norm, int batch, const std::string& precision,
                   Device device);
/// All systems whose architecture is `arch` and whose norm is `norm`, either of them "all".
std::vector<StepPlan> plan_steps(const std::string& arch, const std::string& norm, int batch, const std::string& precision,
                                 Device device);

/// A table in Markdown.
std::string table_of(const std::vector<StepPlan>& plans);
std::string json_of(const std::vector<StepPlan>& plans);

}  // namespace heddle::bench
