#include "heddle/base/crc64.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "heddle/base/check.hpp"

namespace heddle {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are taken as one number");

// tables[k][b]: the remainder of byte b with k zero bytes behind it, for eight bytes at once.
using Tables = std::array<std::array<std::uint64_t, 256>, 8>;
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xC96C5795D7870F42u : 0u);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xFF];
  return tables;
}
constexpr Tables tables = make_tables();

}  // namespace

void Crc64::update(std::string_view bytes) {
  std::uint64_t crc = state_;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= tables[7 - k][word >> (8 * k) & 0xFF];
  }
  for (const unsigned char byte : bytes) crc = crc >> 8 ^ tables[0][(crc ^ byte) & 0xFF];
  state_ = crc;
}

std::string Crc64::str() const {
  return strings::format("{:016x}", ~state_);
}

std::string crc64_of(std::string_view bytes) {
  Crc64 sum;
  sum.update(bytes);
  return sum.str();
}

std::string crc64_of_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Crc64 sum;
  char buffer[1 << 16];
  ssize_t got = descriptor < 0 ? -1 : 0;
  if (descriptor >= 0) {
    while ((got = ::read(descriptor, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
      if (got > 0) sum.update({buffer, static_cast<std::size_t>(got)});
    const int reason = errno;
    ::close(descriptor);
    errno = reason;
  }
  check(got >= 0, "file", "expected {} to be readable, got: {}", path.string(), std::strerror(errno));
  return sum.str();
}

}  // namespace heddle
