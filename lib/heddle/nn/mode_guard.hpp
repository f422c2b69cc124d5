// Training or evaluation mode for a while, on one thread.
#pragma once

#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

/// While one lives, a module and all its parts are in one mode for the thread that made it: training() says so there. The
/// modules themselves are not changed, so that other threads see each in its own mode, and afterwards each has the mode that
/// it had, whatever was thrown. Guards nest; the thread that made one ends it.
class ModeGuard {
 public:
  /// `except` keep the modes they have.
  ModeGuard(Module& module, bool training, const std::vector<Module*>& except = {});
  ~ModeGuard();
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

  /// For the library: this thread's innermost guard, or null, ...
  static const ModeGuard* current();
  /// ... which another thread that works for this one makes its own while the guard lives.
  class Use {
   public:
    explicit Use(const ModeGuard* guard);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const ModeGuard* before_;
  };
  /// The module's mode on this thread, given its own.
  static bool mode_of(const Module& module, bool own);

 private:
  std::vector<const Module*> modules_;  // in order of their addresses
  bool training_;
  const ModeGuard* outer_;
};

}  // namespace heddle::nn
HD_API_END
