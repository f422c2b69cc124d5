#include "heddle/base/error.hpp"

#include "heddle/base/printable.hpp"

namespace heddle {

void fail(std::string_view where, std::string_view message) {
  std::string text;
  text.reserve(where.size() + message.size() + 3);
  text.append("[").append(where).append("] ").append(message);
  // Names and texts from files are in it, and a terminal is where it ends.
  throw Error(strings::printable_lines(text));
}

}  // namespace heddle
