// Whether ops record themselves for differentiation.
#pragma once

#include <utility>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

bool is_grad_enabled();

/// While one lives, ops on this thread record nothing (evaluation, initialisation, optimizers).
class NoGradGuard {
 public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

 private:
  bool before_;
};

/// Calls f with recording off and returns what it returns.
template <class F> decltype(auto) no_grad(F&& f) {
  NoGradGuard guard;
  return std::forward<F>(f)();
}

}  // namespace heddle
HD_API_END
