// Writing protocol buffers, without their library: a field is its number and wire type (0 varint, 1 eight bytes, 2 length and
// bytes, 5 four bytes), then the value; a message is the bytes of its fields one after another, and may itself be the value
// of a field. Internal.
// https://protobuf.dev/programming-guides/encoding
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace heddle::protobuf {

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

inline std::string tagged(int number, int type, std::string_view value) {
  return varint(static_cast<std::uint64_t>(number << 3 | type)).append(value);
}

/// A string, or a message.
inline std::string bytes_field(int number, std::string_view value) {
  return tagged(number, 2, varint(value.size()).append(value));
}
/// int32, int64 or an enum.
inline std::string int_field(int number, std::int64_t value) {
  return tagged(number, 0, varint(static_cast<std::uint64_t>(value)));
}
inline std::string float_field(int number, float value) {
  return tagged(number, 5, little_endian(std::bit_cast<std::uint32_t>(value)));
}
inline std::string double_field(int number, double value) {
  return tagged(number, 1, little_endian(std::bit_cast<std::uint64_t>(value)));
}

}  // namespace heddle::protobuf
