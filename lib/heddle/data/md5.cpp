#include "heddle/data/md5.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <vector>

#include "heddle/base/check.hpp"

namespace heddle::data::detail {
namespace {

// The standard's table: the first 32 bits of |sin(i + 1)|.
const std::array<std::uint32_t, 64>& sines() {
  static const auto table = [] {
    std::array<std::uint32_t, 64> t{};
    for (std::size_t i = 0; i < 64; ++i)
      t[i] = static_cast<std::uint32_t>(std::abs(std::sin(static_cast<double>(i + 1))) * 4294967296.0);
    return t;
  }();
  return table;
}

constexpr int shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

}  // namespace

void Md5::block(const unsigned char* bytes) {
  std::uint32_t words[16];
  for (int i = 0; i < 16; ++i)
    words[i] = std::uint32_t{bytes[4 * i]} | std::uint32_t{bytes[4 * i + 1]} << 8 | std::uint32_t{bytes[4 * i + 2]} << 16 |
               std::uint32_t{bytes[4 * i + 3]} << 24;
  const auto& table = sines();
  auto [a, b, c, d] = state_;
  for (std::uint32_t i = 0; i < 64; ++i) {
    std::uint32_t f, g;
    switch (i / 16) {
      case 0:
        f = (b & c) | (~b & d), g = i;
        break;
      case 1:
        f = (d & b) | (~d & c), g = 5 * i + 1;
        break;
      case 2:
        f = b ^ c ^ d, g = 3 * i + 5;
        break;
      default:
        f = c ^ (b | ~d), g = 7 * i;
        break;
    }
    const std::uint32_t next = b + std::rotl(a + f + table[i] + words[g % 16], shifts[i / 16][i % 4]);
    a = d;
    d = c;
    c = b;
    b = next;
  }
  state_[0] += a;
  state_[1] += b;
  state_[2] += c;
  state_[3] += d;
}

void Md5::update(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t have = length_ % 64, take = std::min(bytes.size(), 64 - have);
    std::copy_n(bytes.begin(), take, pending_.begin() + static_cast<std::ptrdiff_t>(have));
    length_ += take;
    bytes.remove_prefix(take);
    if (length_ % 64 == 0) block(pending_.data());
  }
}

std::string Md5::finish() {
  const std::uint64_t bits = length_ * 8;
  update(std::string_view("\x80", 1));
  while (length_ % 64 != 56) update(std::string_view("\0", 1));
  std::string tail;
  for (int i = 0; i < 8; ++i) tail += static_cast<char>(bits >> (8 * i));
  update(tail);
  std::string hex;
  for (const std::uint32_t word : state_)
    for (int i = 0; i < 4; ++i) hex += strings::format("{:02x}", word >> (8 * i) & 255);
  return hex;
}

std::string md5_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), "md5", "expected to read '{}', could not open it", path.string());
  Md5 md5;
  std::vector<char> buffer(1 << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0)
    md5.update({buffer.data(), static_cast<std::size_t>(file.gcount())});
  check(!file.bad(), "md5", "expected to read all of '{}', got an error", path.string());
  return md5.finish();
}

}  // namespace heddle::data::detail
