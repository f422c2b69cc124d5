// A line on a terminal that is written over again and again, cut to the terminal's width: one that wraps could not be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cifar10 {

struct StatusPart {
  std::string text;    ///< printable ASCII: one column a character
  int importance = 0;  ///< the least important are left out first
};

/// The parts with two spaces between them, in at most `columns` columns: parts of the least importance are left out until the
/// rest fits, and the last one is cut.
std::vector<StatusPart> fit_parts(std::vector<StatusPart> parts, std::size_t columns);
std::string join_parts(const std::vector<StatusPart>& parts);

/// Writes over the line on standard error where that is a terminal, in its width of this moment less one column: some terminals
/// wrap when the last column is filled.
class StatusLine {
 public:
  explicit StatusLine(bool shown) : shown_(shown) {}
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool shown() const { return shown_; }
  /// Columns that a line may have now.
  static std::size_t columns();
  /// Shows `line`, which may have the codes of colours in it.
  void draw(std::string_view line);
  /// Takes the line away, for what else is to be said.
  void clear();

 private:
  bool shown_, drawn_ = false;
};

}  // namespace cifar10
