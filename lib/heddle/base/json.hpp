// JSON from outside: strict, with a bound on its depth, and numbers that are what they are taken for. Internal: public headers
// leak no dependency. All in the header, since a shared library hides it from the programs beside it.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/base/printable.hpp"

namespace heddle {

/// Parses a whole text. Error "[where] expected NAME to be JSON, got ..." for text that is none, that begins with a byte order
/// mark, has a name twice in one object, or is nested deeper than max_depth: what walks a document later (dump(), say) calls
/// itself for each level.
///
/// The library's own documents are JsonDocument (json_memory.hpp), which programs beside a shared library do not see.
template <class Document = nlohmann::json>
Document parse_json(std::string_view text, std::string_view where, std::string_view name, int max_depth = 16) {
  const auto refuse = [&](const std::string& why) {
    fail(where, strings::format("expected {} to be JSON, got {}", strings::printable(name), why));
  };
  // The parser skips a mark, and takes a zero byte for the end.
  if (text.starts_with("\xef\xbb\xbf")) refuse("a byte order mark");
  if (text.find('\0') != std::string_view::npos) refuse("a zero byte");
  std::vector<std::set<std::string>> names;  // of the objects that are open
  using Event = typename Document::parse_event_t;
  const auto watch = [&](int depth, Event event, Document& value) {
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= max_depth) refuse(strings::format("something nested more than {} deep", max_depth));
      if (event == Event::object_start) names.emplace_back();
    } else if (event == Event::object_end) {
      names.pop_back();
    } else if (event == Event::key && !names.back().insert(value.template get<std::string>()).second) {
      refuse(strings::format("the name '{}' twice", strings::printable(value.template get<std::string>())));
    }
    return true;
  };
  try {
    return Document::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception& error) {
    refuse(strings::printable(error.what()));
  }
  return {};
}

/// The value as T: whole numbers must be whole and fit, what is true or false must be that. nlohmann's own get() cuts 1.9 to 1
/// and 2^40 to an int. Error "[where] expected a whole number ... for NAME, got ...".
template <class T, class Document>
T json_as(const Document& value, std::string_view where, std::string_view name) {
  const auto refuse = [&](const std::string& expected) {
    std::string got = value.is_structured() ? std::string(value.type_name())
                                            : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (got.size() > 60) got = got.substr(0, 60) + "...";
    fail(where, strings::format("expected {} for {}, got {}", expected, strings::printable(name), strings::printable(got)));
  };
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) refuse("true or false");
  } else if constexpr (std::is_integral_v<T>) {
    constexpr auto low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    const bool fits = value.is_number_unsigned() ? value.template get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                                                 : value.is_number_integer() && std::is_signed_v<T> &&
                                                       value.template get<std::int64_t>() >= static_cast<std::int64_t>(low) &&
                                                       value.template get<std::int64_t>() <= static_cast<std::int64_t>(high);
    if (!fits) refuse(strings::format("a whole number from {} to {}", low, high));
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) refuse("a number");
  } else {
    static_assert(std::is_same_v<T, std::string>);
    if (!value.is_string()) refuse("a text");
  }
  return value.template get<T>();
}

}  // namespace heddle
