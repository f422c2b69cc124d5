#include "heddle/base/error.hpp"

namespace heddle {

void fail(std::string_view where, std::string_view message) {
  std::string text;
  text.reserve(where.size() + message.size() + 3);
  text.append("[").append(where).append("] ").append(message);
  throw Error(text);
}

}  // namespace heddle
