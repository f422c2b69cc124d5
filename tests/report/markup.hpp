// Is a text well-formed markup? A small reader of its own: tags balanced, attributes quoted, no bare < or &.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::test {

/// What is wrong with the page, and where; empty when nothing is.
inline std::string markup_fault(std::string_view text) {
  static const std::set<std::string, std::less<>> empty = {"meta", "link", "img", "br", "hr", "input", "col"};
  std::vector<std::string> open;
  const auto near = [&](std::size_t at) { return " near: " + std::string(text.substr(at, 60)); };
  const auto reference = [&](std::size_t at) {
    for (std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
      if (text.substr(at, known.size()) == known) return true;
    return false;
  };
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '&' && !reference(i)) return "bare &" + near(i);
    if (text[i] == '>') return "bare >" + near(i);
    if (text[i] != '<') {
      ++i;
      continue;
    }
    const std::size_t start = i++;
    if (text.substr(i, 8) == "!DOCTYPE") {
      i = text.find('>', i) + 1;
      continue;
    }
    const bool closing = i < text.size() && text[i] == '/';
    if (closing) ++i;
    std::string name;
    while (i < text.size() && std::isalnum(static_cast<unsigned char>(text[i]))) name += text[i++];
    if (name.empty()) return "bare <" + near(start);
    bool closed = false;
    while (i < text.size() && text[i] != '>') {
      if (text[i] == '"') {
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '<') return "< in an attribute" + near(start);
          if (text[i] == '&' && !reference(i)) return "bare & in an attribute" + near(start);
        }
        if (i == text.size()) return "unclosed attribute" + near(start);
      } else if (text[i] == '<' || text[i] == '\'' || (text[i] == '=' && text[i + 1] != '"')) {
        return "unquoted attribute" + near(start);
      }
      closed = text[i] == '/';
      ++i;
    }
    if (i == text.size()) return "unclosed tag" + near(start);
    ++i;
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back()) + near(start);
      open.pop_back();
    } else if (!closed && !empty.count(name)) {
      open.push_back(name);
      // A style sheet is not markup, and may hold > and &.
      if (name == "style") i = text.find("</style>", i);
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

}  // namespace heddle::test
