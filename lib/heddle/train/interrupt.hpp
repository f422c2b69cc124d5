// Ctrl-C, SIGTERM and SIGHUP as a question that a training loop asks itself, so that it ends between two steps and can save first:
//
//     train::SignalWatch signals;
//     for (...) {
//       step();
//       if (signals.received()) { save(); return 128 + signals.received(); }
//     }
#pragma once

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::train {

/// While it lives, the first SIGINT, SIGTERM and SIGHUP (a closed terminal) are only noted; another of the same kind ends the
/// process at once, as without it. A signal that the program was started to ignore, as by nohup or `trap '' INT`, or ignores
/// itself, stays ignored. One at a time.
class SignalWatch {
 public:
  SignalWatch();
  /// The handlers of before are back.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// SIGINT, SIGTERM or SIGHUP, whichever came first; 0: none.
  int received() const;
};

}  // namespace heddle::train
HD_API_END
