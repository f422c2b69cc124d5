// Checks for our own sources: a condition, the place, and a message in fmt's syntax that says what was expected and what
// came. Internal: public headers leak no dependency.
#pragma once

#include <string_view>

#include "heddle/base/error.hpp"
#include "heddle/base/format.hpp"

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)
#error "heddle looks for NaN and infinity: compile it without -ffast-math, -Ofast and -ffinite-math-only"
#endif

namespace heddle {

/// Throws Error("[where] ...") unless `condition` holds; the message is formatted only then, and only then do shapes, devices
/// and the like make their text: a check of a fast op costs its comparison.
template <class... Args>
void check(bool condition, std::string_view where, strings::Format<std::type_identity_t<Args>...> message, const Args&... args) {
  if (!condition) [[unlikely]]
    fail(where, strings::format(message, args...));
}

}  // namespace heddle
