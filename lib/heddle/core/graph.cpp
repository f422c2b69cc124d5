#include "heddle/core/graph.hpp"

#include <optional>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/core/allocator.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/recording.hpp"

#if HEDDLE_WITH_CUDA
#include "kernels/simt/runtime.hpp"
#endif

namespace heddle {
namespace {

thread_local detail::StepPhase phase = detail::StepPhase::none;

class PhaseGuard {
 public:
  explicit PhaseGuard(detail::StepPhase now) : before_(std::exchange(phase, now)) {}
  ~PhaseGuard() { phase = before_; }
  PhaseGuard(const PhaseGuard&) = delete;
  PhaseGuard& operator=(const PhaseGuard&) = delete;

 private:
  detail::StepPhase before_;
};

}  // namespace

detail::StepPhase detail::step_phase() {
  return phase;
}

#if HEDDLE_WITH_CUDA

struct StepGraph::State {
  Device device;
  std::optional<detail::MemoryPool> pool;  // on a GPU
  bool settled = false;                    // the last call needed no fresh memory
  std::size_t nodes = 0;
  simt::GraphExec exec;

  ~State() {
    if (exec.handle) simt::destroy_graph(exec);
  }

  // The allocator repeats itself: a call that begins with the memory that the last one began with needs what that needed.
  void warm_up(const std::function<void()>& work) {
    const detail::MemoryPool::Use use(*pool);
    const PhaseGuard guard(detail::StepPhase::warming_up);
    const std::size_t before = memory_stats(device).system_allocations;
    work();
    settled = memory_stats(device).system_allocations == before;
  }

  void capture(const std::function<void()>& work) {
    const detail::MemoryPool::Use use(*pool);
    const PhaseGuard guard(detail::StepPhase::recording);
    const Stream stream = backend::current_stream(device);
    simt::begin_capture(stream);
    try {
      work();
    } catch (...) {
      try {
        simt::destroy_graph(simt::end_capture(stream));
      } catch (const Error&) {  // what went wrong first is what counts
      }
      throw;
    }
    const simt::Graph graph = simt::end_capture(stream);
    nodes = simt::node_count(graph);
    exec = simt::instantiate(graph);
    simt::destroy_graph(graph);
  }
};

StepGraph::StepGraph(Device device) : state_(std::make_unique<State>()) {
  state_->device = device;
  if (device.is_cuda()) state_->pool.emplace(device);
}

void StepGraph::run(const std::function<void()>& work) {
  if (!state_->pool) return work();
  if (!replays()) return state_->warm_up(work);
  if (!state_->exec.handle) state_->capture(work);
  simt::launch(state_->exec, backend::current_stream(state_->device));
}

bool StepGraph::replays() const {
  return state_->settled;
}
std::size_t StepGraph::nodes() const {
  return state_->nodes;
}

#else

struct StepGraph::State {};
StepGraph::StepGraph(Device device) {
  check(device.is_cpu(), "StepGraph", "expected the CPU in a build without CUDA, got {}", device.str());
}
void StepGraph::run(const std::function<void()>& work) {
  work();
}
bool StepGraph::replays() const {
  return false;
}
std::size_t StepGraph::nodes() const {
  return 0;
}

#endif

StepGraph::~StepGraph() = default;

}  // namespace heddle
