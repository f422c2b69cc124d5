// metrics.csv: one line an epoch, on the disk as soon as the epoch is done.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::report {

/// One line of the file; accuracies in per cent.
struct MetricsRow {
  int epoch = 0;
  double lr = 0, train_loss = 0, train_accuracy = 0, test_loss = 0, test_accuracy = 0, seconds = 0, images_per_second = 0;
};

class MetricsCsv {
 public:
  static constexpr const char* header = "epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second";

  /// Starts a file with its header and the rows of a run that goes on. Error when it cannot be written.
  explicit MetricsCsv(const std::filesystem::path& path, const std::vector<MetricsRow>& rows = {});
  /// Adds a line and waits until it is on the disk. The file is small and written whole, so that whoever reads it, now or
  /// after a kill or on a full disk, sees whole lines.
  void add(const MetricsRow& row);

 private:
  std::filesystem::path path_;
  std::string text_;
};

/// Reads such a file back. Error that names the line of a row that has no eight numbers, of which the epoch is a whole one and
/// the others may be nan or inf; Error for another header.
std::vector<MetricsRow> read_metrics_csv(const std::filesystem::path& path);
/// The same for a file's text; `file_name` is what errors call it.
std::vector<MetricsRow> parse_metrics_csv(const std::string& file, std::string_view file_name);

}  // namespace heddle::report
HD_API_END
