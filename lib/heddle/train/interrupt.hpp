// Ctrl-C and SIGTERM as a question that a training loop asks itself, so that it ends between two steps and can save first:
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

/// While it lives, the first SIGINT and the first SIGTERM are only noted; another of the same kind ends the process at once, as
/// without it. One at a time.
class SignalWatch {
 public:
  SignalWatch();
  /// The handlers of before are back.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// SIGINT or SIGTERM, whichever came first; 0: none.
  int received() const;
};

}  // namespace heddle::train
HD_API_END
