// MD5 (RFC 1321), to tell a complete download from a broken one; no protection against malice. Internal.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace heddle::data::detail {

class Md5 {
 public:
  void update(std::string_view bytes);
  /// 32 hexadecimal digits in lower case. Call once, at the end.
  std::string finish();

 private:
  void block(const unsigned char* bytes);

  std::array<std::uint32_t, 4> state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<unsigned char, 64> pending_{};
  std::uint64_t length_ = 0;  // in bytes
};

/// Error when the file cannot be read.
std::string md5_of_file(const std::filesystem::path& path);

}  // namespace heddle::data::detail
