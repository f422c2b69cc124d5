// Where a training step's time goes: a table by layer, and a trace for chrome://tracing or ui.perfetto.dev.
//
//     debug::Profiler profiler({.skip = 3, .steps = 10, .device = device});
//     for (...) {
//       one_step();
//       if (profiler.step()) break;
//     }
//     std::cout << profiler.profile().str();
//     profiler.save_trace("trace.json");
//
// Everything runs as it does unwatched: neighbours that Sequential runs as one op are one line under all their names, and the
// results are the same to the bit, but for a training in blocks (set_blocks), which runs whole while it is watched and so adds up
// gradients in another order. On a GPU the profiler waits for the device at each border, so that a time is that of the
// work and not of its launch; a profiled step then takes longer than others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/observe.hpp"

HD_API_BEGIN
namespace heddle::debug {

struct ProfilerOptions {
  int skip = 3;    ///< steps before it begins: the first ones allocate memory and warm caches
  int steps = 10;  ///< steps that are measured
  Device device = {};
};

/// A line of the table, in milliseconds a step.
struct ProfileRow {
  Label label;
  double forward = 0, backward = 0;
  double total() const { return forward + backward; }
};

struct Profile {
  std::vector<ProfileRow> rows;  ///< in the order of the first run; what is left over comes last
  int steps = 0;
  double step = 0;  ///< milliseconds a step, the sum of all rows
  /// The table, with each row's share of a step.
  std::string str() const;
};

/// Works on the thread that made it.
class Profiler : public Observer {
 public:
  explicit Profiler(const ProfilerOptions& options = {});
  ~Profiler() override;

  /// To be called after each step. True once: when the last step that is measured is over.
  bool step();
  bool done() const { return done_; }
  /// Of the steps measured so far; Error when there is none.
  Profile profile() const;
  /// Writes the steps measured so far in Chrome's trace format, atomically.
  void save_trace(const std::filesystem::path& path) const;

  void enter(const Label& label, const Tensor& input) override;
  void leave(const Label& label) override;
  void enter_backward(std::string_view op, const Label* label, const Tensor& dy) override;
  void leave_backward(std::string_view op, const Label* label, const std::vector<Tensor>& grads) override;

 private:
  enum class Kind { step, scope, backward };
  /// A span of time, in nanoseconds since the profiler began.
  struct Event {
    Kind kind = Kind::scope;
    Label label;
    std::string op;
    std::int64_t begin = 0, end = 0;
    std::int64_t inside = 0;  ///< of it, in spans within this one
    bool parent = false;      ///< has scopes within it
  };

  void begin_steps();
  std::int64_t now() const;
  void open(Kind kind, const Label& label, std::string_view op);
  void close();

  ProfilerOptions options_;
  int seen_ = 0, measured_ = 0;
  bool done_ = false;
  std::int64_t origin_ = 0;
  std::vector<Event> events_;  // in the order they ended
  std::vector<Event> open_;    // the outermost first
  std::unique_ptr<Watch> watch_;
};

}  // namespace heddle::debug
HD_API_END
