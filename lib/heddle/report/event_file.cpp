#include "heddle/report/event_file.hpp"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "heddle/base/format.hpp"
#include "heddle/base/protobuf.hpp"

namespace heddle::report {

using namespace protobuf;

namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}();

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Rotated and shifted by a constant, so that a checksum of data that holds checksums is worth something.
std::string masked_crc(std::string_view bytes) {
  return little_endian(std::rotr(crc32c(bytes), 15) + 0xA282EAD8u);
}

std::string record(std::string_view event) {
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

std::filesystem::path new_path(const std::filesystem::path& folder) {
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) != 0 || !*host) std::strcpy(host, "localhost");
  for (int n = 0;; ++n) {
    const auto path =
        folder / strings::format("events.out.tfevents.{}.{}.{}.{}", static_cast<std::int64_t>(wall_time()), host, ::getpid(), n);
    if (!std::filesystem::exists(path)) return path;
  }
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (unsigned char byte : bytes) crc = crc >> 8 ^ crc_table[(crc ^ byte) & 0xFF];
  return ~crc;
}

Scalars scalars_of(const MetricsRow& row) {
  return {{"accuracy/train", row.train_accuracy},
          {"accuracy/test", row.test_accuracy},
          {"loss/train", row.train_loss},
          {"loss/test", row.test_loss},
          {"learning_rate", row.lr},
          {"seconds_per_epoch", row.seconds},
          {"images_per_second", row.images_per_second}};
}

EventFile::EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> next_step) : file_(new_path(folder)) {
  // Event { wall_time = 1; file_version = 3 }
  file_.append(record(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2")));
  // Event { wall_time = 1; step = 2; session_log = 7 }, SessionLog { status = 1 }, whose value 1 is START
  if (next_step)
    file_.append(record(double_field(1, wall_time()) + int_field(2, *next_step) + bytes_field(7, int_field(1, 1))));
}

void EventFile::add(std::int64_t step, const Scalars& scalars) {
  // Event { wall_time = 1; step = 2; summary = 5 }, Summary { value = 1 }, Value { tag = 1; simple_value = 2 }
  std::string summary;
  for (const auto& [tag, value] : scalars)
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  const std::string event = double_field(1, wall_time()) + int_field(2, step) + bytes_field(5, summary);
  file_.append(record(event));
}

}  // namespace heddle::report
