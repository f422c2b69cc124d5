// Checks for our own sources: a condition, the place, and a message in fmt's syntax that says what was expected and what
// came. Internal: public headers leak no dependency.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>

#include "heddle/base/error.hpp"

namespace heddle::detail {
template <class T>
concept HasStr = requires(const T& t) {
  { t.str() } -> std::same_as<std::string>;
};
}  // namespace heddle::detail

/// Shapes, devices and the like are passed to check() as they are: their text is made only when the check fails, which keeps
/// a check of a fast op at the price of its comparison.
template <heddle::detail::HasStr T>
struct fmt::formatter<T, char> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return fmt::formatter<std::string>::format(value.str(), context);
  }
};

namespace heddle {

/// Throws Error("[where] ...") unless `condition` holds; the message is formatted only then.
template <class... Args>
void check(bool condition, std::string_view where, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(where, fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace heddle
