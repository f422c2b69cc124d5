#include "status_line.hpp"

#include <algorithm>

#include "console.hpp"

namespace cifar10 {

std::string join_parts(const std::vector<StatusPart>& parts) {
  std::string line;
  for (const auto& part : parts) line += (line.empty() ? "" : "  ") + part.text;
  return line;
}

std::vector<StatusPart> fit_parts(std::vector<StatusPart> parts, std::size_t columns) {
  while (parts.size() > 1 && join_parts(parts).size() > columns)
    parts.erase(
        std::min_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.importance < b.importance; }));
  if (!parts.empty() && parts[0].text.size() > columns) parts[0].text.resize(columns);
  return parts;
}

std::size_t StatusLine::columns() {
  return static_cast<std::size_t>(std::max(terminal_columns(stderr), 2) - 1);
}

void StatusLine::draw(std::string_view line) {
  if (!shown_) return;
  drawn_ = true;
  flush_output();
  strings::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
}

void StatusLine::clear() {
  if (!drawn_) return;
  strings::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace cifar10
