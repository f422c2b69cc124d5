// Text from strokes: letters that need no font file, at any size. Internal.
//
// A glyph is a list of pen movements on a grid where capitals are 14 tall, small letters 10, and descenders reach to -4:
// M moves, L draws a line, V draws a quarter of an ellipse that leaves vertically and arrives horizontally, H one that leaves
// horizontally and arrives vertically. A font of size s has s / 20 of a pixel to the grid unit.
#pragma once

#include <string_view>
#include <vector>

#include "heddle/report/surface.hpp"

namespace heddle::report {

struct Glyph {
  double advance = 0;                       ///< in grid units
  std::vector<std::vector<Point>> strokes;  ///< y upwards from the baseline; curves as short lines
};

/// ASCII and a few signs more; anything else is drawn as a box.
const Glyph& glyph_of(char32_t code_point);
/// The code points of a text; what is not UTF-8 becomes U+FFFD.
std::vector<char32_t> decode_utf8(std::string_view text);
/// Pixels from the pen's start to its end.
double text_width(std::string_view utf8, double size);
/// The text, or as much of its beginning as fits into `width` with an ellipsis.
std::string fit_text(std::string_view utf8, double size, double width);

}  // namespace heddle::report
