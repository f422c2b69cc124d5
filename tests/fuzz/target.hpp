// What the fuzz targets share: an input's bytes, the memory that its reader may take, and what counts as a refusal.
//
// A target is one function for libFuzzer (clang, tests/fuzz.sh) and for driver.cpp (every test run). It reads the bytes as the
// library reads a file of a stranger's. The reader may accept them or throw an Error of a few printable lines. Everything else
// ends the program: another exception, a sanitizer's report, a broken promise (require), too much memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "heddle/base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace heddle::fuzz {

/// One input, while it is read. In this time neither one block of memory nor all new ones together may have more than four
/// times the input's bytes and `beyond`, whether they come from malloc, new or the library's allocator.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size, std::size_t beyond = 1 << 20);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  std::string_view bytes() const { return bytes_; }
  std::string text() const { return std::string(bytes_); }

 private:
  std::string_view bytes_;
};

/// Part `number` of the bytes, which lines of "%%" separate; what is missing is empty.
std::string_view part_of(std::string_view bytes, int number);

/// Ends the program unless `good`.
void require(bool good, std::string_view promise);

/// Ends the program unless an Error's message is one that a person can read: short, without control characters.
void require_readable(std::string_view message);

/// Reads, and returns whether what was read is accepted rather than refused by an Error.
template <class Read>
bool accepts(Read&& read) {
  try {
    std::forward<Read>(read)();
    return true;
  } catch (const Error& error) {
    require_readable(error.what());
    return false;
  }
}

}  // namespace heddle::fuzz
