// Text from files, as a terminal may see it: what would move the cursor, change colours or turn the line around is written
// out as \x1b or \u{202e}.
#pragma once

#include <string>
#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::strings {

/// The text on one line: control characters (also newlines and tabs) and bytes that are no UTF-8 become \xNN; characters
/// that are not seen or that change the order of others (C1 controls, bidirectional marks, line separators, byte order
/// marks, tags) become \u{NN}. Everything else stays as it is, and so does what went through it once.
std::string printable(std::string_view text);
/// The same for text of several lines: newlines and tabs stay.
std::string printable_lines(std::string_view text);

}  // namespace heddle::strings
HD_API_END
