// Numbers for TensorBoard while a training runs: event files of scalars, complete up to the last finished epoch.
//
// Such a file is a row of TFRecords, each a length (8 bytes), a checksum of the length (4), a protocol buffer
// (tensorflow.Event) and a checksum of that (4), all little-endian; a checksum is a masked CRC-32C.
// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/base/file.hpp"
#include "heddle/report/metrics_csv.hpp"

HD_API_BEGIN
namespace heddle::report {

/// CRC-32C (Castagnoli), as in RFC 3720.
std::uint32_t crc32c(std::string_view bytes);

using Scalars = std::vector<std::pair<std::string, double>>;

/// accuracy/train, accuracy/test, loss/train, loss/test, learning_rate, seconds_per_epoch and images_per_second.
Scalars scalars_of(const MetricsRow& row);

class EventFile {
 public:
  /// Starts events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER in the folder, with its version record. Error when it cannot be
  /// written. A run that goes on names its next step: TensorBoard then forgets what earlier files of the folder say of that
  /// step and later ones.
  explicit EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> next_step = {});
  /// Appends all values of one step in one record, and waits until it is on the disk.
  void add(std::int64_t step, const Scalars& scalars);
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  AppendFile file_;
};

}  // namespace heddle::report
HD_API_END
