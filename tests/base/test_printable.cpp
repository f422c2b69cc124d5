// What files say reaches a terminal as text. A safetensors file with ESC in a tensor's name could move the cursor, colour the
// screen or set the window's title by the error message about it.
#include <string>

#include "heddle/base/error.hpp"
#include "heddle/base/printable.hpp"
#include "tests/support/catch.hpp"

using heddle::strings::printable;
using heddle::strings::printable_lines;

TEST_CASE("what can be seen stays as it is") {
  for (const char* text : {"", "layer1.0.conv.weight", "naïve ❤ 日本語 \U0001F600", "a\\x1b"}) {
    CHECK(printable(text) == text);
    CHECK(printable_lines(text) == text);
  }
}

TEST_CASE("control characters, bytes that are no text and hidden characters are written out") {
  CHECK(printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(printable(std::string("a\0b\r\n\t\x7f", 7)) == "a\\x00b\\x0d\\x0a\\x09\\x7f");
  CHECK(printable("\xc2\x9b") == "\\u{9b}");                      // C1: CSI in one character
  CHECK(printable("\xe2\x80\xaegpj.exe") == "\\u{202e}gpj.exe");  // right-to-left override
  CHECK(printable("\xef\xbb\xbf") == "\\u{feff}");
  CHECK(printable("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");           // an overlong '/'
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(printable("cut \xe2\x80") == "cut \\xe2\\x80");
  CHECK(printable(printable("\x1b\xff")) == printable("\x1b\xff"));
}

TEST_CASE("lines stay lines where several are meant") {
  CHECK(printable_lines("a\n\tb\x1b") == "a\n\tb\\x1b");
}

TEST_CASE("an error is printable whatever the file said") {
  try {
    heddle::fail("safetensors", "expected one, got '\x1b]0;title\x07'");
  } catch (const heddle::Error& error) {
    CHECK(std::string(error.what()) == "[safetensors] expected one, got '\\x1b]0;title\\x07'");
  }
}
