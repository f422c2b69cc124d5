// What train --profile and --check-numerics do: watches over a training that change nothing in it.
#pragma once

#include <filesystem>
#include <optional>

#include "heddle/heddle.hpp"
#include "options.hpp"

namespace cifar10 {

class Watches {
 public:
  /// `steps` are those left in the first epoch: the profiler measures ten of them, after a few to warm up, or what there is.
  Watches(const TrainOptions& options, heddle::nn::Module& net, heddle::Device device, std::int64_t steps);
  /// To be called after each training step. True when the profile is complete, once.
  bool step();
  /// Tells the profile, and leaves it in the folder: profile.txt and trace.json.
  void tell_profile(const std::filesystem::path& folder) const;

 private:
  std::optional<heddle::debug::CheckNumerics> numerics_;
  std::optional<heddle::debug::Profiler> profiler_;
};

}  // namespace cifar10
