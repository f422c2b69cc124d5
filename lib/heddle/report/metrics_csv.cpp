#include "heddle/report/metrics_csv.hpp"

#include <array>
#include <charconv>
#include <sstream>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"

namespace heddle::report {

namespace {

std::string line_of(const MetricsRow& row) {
  return strings::format("{},{:.8g},{:.6f},{:.4f},{:.6f},{:.4f},{:.3f},{:.1f}\n", row.epoch, row.lr, row.train_loss,
                     row.train_accuracy, row.test_loss, row.test_accuracy, row.seconds, row.images_per_second);
}

}  // namespace

MetricsCsv::MetricsCsv(const std::filesystem::path& path, const std::vector<MetricsRow>& rows)
    : path_(path), text_(std::string(header) + '\n') {
  for (const auto& row : rows) text_ += line_of(row);
  write_file(path_, text_);
}

void MetricsCsv::add(const MetricsRow& row) {
  const std::string text = text_ + line_of(row);
  write_file(path_, text);
  text_ = text;
}

std::vector<MetricsRow> read_metrics_csv(const std::filesystem::path& path) {
  std::istringstream text(read_file(path));
  std::string line;
  std::getline(text, line);
  check(line == MetricsCsv::header, "metrics", "expected the header '{}' in {}, got '{}'", MetricsCsv::header, path.string(),
        line);
  std::vector<MetricsRow> rows;
  for (int number = 2; std::getline(text, line); ++number) {
    std::array<double, 8> values{};
    const char* at = line.data();
    const char* const end = line.data() + line.size();
    bool good = true;
    for (std::size_t i = 0; i < values.size() && good; ++i) {
      const auto [rest, error] = std::from_chars(at, end, values[i]);
      good = error == std::errc{} && (i + 1 == values.size() ? rest == end : rest != end && *rest == ',');
      at = rest + 1;
    }
    check(good, "metrics", "expected eight numbers in line {} of {}, got '{}'", number, path.string(), line);
    rows.push_back({static_cast<int>(values[0]), values[1], values[2], values[3], values[4], values[5], values[6], values[7]});
  }
  return rows;
}

}  // namespace heddle::report
