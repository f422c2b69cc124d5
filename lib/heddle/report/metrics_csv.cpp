#include "heddle/report/metrics_csv.hpp"

#include <array>
#include <charconv>
#include <sstream>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/printable.hpp"

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
  return parse_metrics_csv(read_file(path), path.string());
}

std::vector<MetricsRow> parse_metrics_csv(const std::string& file, std::string_view file_name) {
  std::istringstream text(file);
  std::string line;
  std::getline(text, line);
  if (line != MetricsCsv::header)
    fail("metrics", strings::format("expected the header '{}' in {}, got '{}'", MetricsCsv::header, file_name,
                                    strings::printable(std::string_view(line).substr(0, 200))));
  std::vector<MetricsRow> rows;
  for (int number = 2; std::getline(text, line); ++number) {
    int epoch = 0;
    std::array<double, 7> values{};
    const char* const end = line.data() + line.size();
    // Where the next number begins; null: no number, or not where one is due.
    const auto read = [&](const char* at, auto& value, bool last) -> const char* {
      const auto [rest, error] = std::from_chars(at, end, value);
      if (error != std::errc{} || (last ? rest != end : rest == end || *rest != ',')) return nullptr;
      return last ? rest : rest + 1;
    };
    const char* at = read(line.data(), epoch, false);
    for (std::size_t i = 0; i < values.size() && at; ++i) at = read(at, values[i], i + 1 == values.size());
    const auto shown = [&] { return strings::printable(std::string_view(line).substr(0, 200)); };
    if (!at)
      fail("metrics", strings::format("expected eight numbers in line {} of {}, the first of them an epoch, got '{}'", number, file_name, shown()));
    rows.push_back({epoch, values[0], values[1], values[2], values[3], values[4], values[5], values[6]});
  }
  return rows;
}

}  // namespace heddle::report
