// Checks for our own sources: a condition, the place, and a message in fmt's syntax that says what was expected and what
// came. Internal: public headers leak no dependency.
#pragma once

#include <fmt/format.h>

#include "heddle/base/error.hpp"

namespace heddle {

/// Throws Error("[where] ...") unless `condition` holds; the message is formatted only then.
template <class... Args>
void check(bool condition, std::string_view where, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(where, fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace heddle
