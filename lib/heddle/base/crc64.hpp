// CRC-64 (the one of xz: ECMA-182, reflected), against accidents: any damage within eight bytes is seen, anything else but one
// time in 2^64. Internal: what checkpoints are checked by.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace heddle {

class Crc64 {
 public:
  void update(std::string_view bytes);
  /// Sixteen hexadecimal digits.
  std::string str() const;

 private:
  std::uint64_t state_ = ~std::uint64_t{0};
};

std::string crc64_of(std::string_view bytes);
/// Of a whole file, which is read in pieces. Error that names the file and the system's reason.
std::string crc64_of_file(const std::filesystem::path& path);

}  // namespace heddle
