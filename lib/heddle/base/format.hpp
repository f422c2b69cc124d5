// Text with values in it, in fmt's syntax (https://fmt.dev), checked when it is compiled. Internal: public headers leak no
// dependency.
//
// fmt's formatting itself is compiled once, in format.cpp: as a header in every file it was more than half of the build.
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>

namespace heddle::strings {

/// Shapes, devices and the like: what has a str() is formatted as that text.
template <class T>
concept HasStr = requires(const T& t) {
  { t.str() } -> std::same_as<std::string>;
};

namespace detail {
std::string format_erased(fmt::string_view text, fmt::format_args values);

template <class T> const T& formattable(const T& value) { return value; }
template <HasStr T> std::string formattable(const T& value) { return value.str(); }
template <class T> using Formattable = decltype(formattable(std::declval<const T&>()));

template <class... Values> std::string format_values(fmt::string_view text, const Values&... values) {
  return format_erased(text, fmt::make_format_args(values...));
}
}  // namespace detail

/// A text for values of these types; one that does not fit them does not compile.
template <class... Args> using Format = fmt::format_string<detail::Formattable<Args>...>;

template <class... Args> std::string format(Format<std::type_identity_t<Args>...> text, const Args&... args) {
  return detail::format_values(text, detail::formattable(args)...);
}

/// "a, b, c" of any range whose elements fmt formats.
template <class Range> std::string join(const Range& range, std::string_view between) {
  std::string text;
  bool first = true;
  for (const auto& element : range) {
    if (!first) text += between;
    first = false;
    text += format("{}", element);
  }
  return text;
}

/// The text on a stream of C's.
template <class... Args> void print(std::FILE* stream, Format<std::type_identity_t<Args>...> text, const Args&... args) {
  const std::string line = strings::format(text, args...);  // fmt has a format() of its own
  std::fwrite(line.data(), 1, line.size(), stream);
}

}  // namespace heddle::strings
