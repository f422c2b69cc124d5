// A training's steps on a GPU, or those of its evaluation, as two recordings, one for whole batches and one for an epoch's
// shorter last one. Internal.
//
// A recorded step reads what changes from the device: the images' indices from a tensor of the recording's own, the step's
// number (dropout's masks) and the epoch (augmentation) from two numbers, the optimizer's settings from where it keeps them.
// Between two replays the host writes these, a few hundred bytes, and waits for nothing: the data set lies on the device as
// bytes, and so does the epoch's order.
#pragma once

#include <cstdint>
#include <functional>

#include "heddle/core/graph.hpp"
#include "heddle/data/loader.hpp"
#include "heddle/optim/optimizer.hpp"

namespace heddle::train {

class RecordedSteps {
 public:
  /// work turns a batch into the next weights; it ends with optimizer.step(), and is the same for batches of one size.
  RecordedSteps(const data::DataLoader& loader, optim::Optimizer& optimizer, std::function<void(const data::Batch&)> work);
  /// Work without an optimizer.
  RecordedSteps(const data::DataLoader& loader, std::function<void(const data::Batch&)> work);

  void begin_epoch(std::uint64_t epoch);
  /// Does the work for a batch of this epoch, as step number `step`. Returns the batch's size.
  std::int64_t run(std::int64_t batch, std::uint64_t step);
  /// Kernels, copies and fills of a whole batch's step; 0 before it is recorded.
  std::size_t nodes() const { return whole_.graph.nodes(); }

 private:
  struct Recording {
    StepGraph graph;
    Tensor index;  // int64 [B]
    Recording(Device device, std::int64_t size) : graph(device), index(empty({size}, {int64, device})) {}
  };

  const data::DataLoader& loader_;
  optim::Optimizer* optimizer_ = nullptr;
  std::function<void(const data::Batch&)> work_;
  Tensor numbers_;  // int64 [2]: the step, the epoch
  Tensor order_;
  std::uint64_t epoch_ = 0;
  Recording whole_, last_;
};

}  // namespace heddle::train
