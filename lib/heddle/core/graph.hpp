// A piece of work on a GPU that is the same every time, such as a training step, recorded once as a CUDA graph and then
// replayed: the device starts its kernels one after another without asking the CPU.
//
// What may differ from one run to the next has to lie in the device's memory, at a place that does not change: the batch's
// indices, the step's number, the learning rate. train::fit does that for a training step.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "heddle/base/device.hpp"
#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

class StepGraph {
 public:
  /// On the CPU every run() calls the work.
  explicit StepGraph(Device device);
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  /// Does the work once. The first times it is called; once a call needed no fresh memory, the next one is recorded without
  /// running, and from then on only the recording is run. All calls must launch the same: the first call's `work` counts.
  /// Tensors made by recorded work are overwritten by the next run. Whatever waits for the device in a recorded call is an
  /// Error: copies to or from the CPU, item().
  void run(const std::function<void()>& work);
  /// Whether the next run() runs a recording, so that the host's part of the work is left to the caller.
  bool replays() const;
  /// Kernels, copies and fills of the recording; 0 before there is one.
  std::size_t nodes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

namespace detail {
/// What this thread is doing inside StepGraph::run(), for those who keep numbers where a recording reads them.
enum class StepPhase { none, warming_up, recording };
StepPhase step_phase();
}  // namespace detail

}  // namespace heddle
HD_API_END
