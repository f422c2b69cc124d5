// Several runs laid over each other: one page, one picture, one table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/report/metrics_csv.hpp"

HD_API_BEGIN
namespace heddle::report {

struct ComparedRun {
  std::string name;  ///< what tells it from the others: "batch norm"
  std::vector<MetricsRow> epochs;
  std::int64_t parameters = 0;  ///< 0: not known
  std::string command;          ///< that trains this again; may be empty
};

struct Comparison {
  std::string title;
  std::string warning;  ///< for the top of the page; may be empty
  std::vector<ComparedRun> runs;
};

/// A line for each run: parameters, epochs, accuracies, losses, time. The best test accuracy is marked with an asterisk.
std::string comparison_table(const Comparison& comparison);
/// The page, complete.
std::string render_html(const Comparison& comparison);
/// Writes compare.html, compare.png and compare.txt. Error when there is no run, or one without an epoch.
void write_comparison(const std::filesystem::path& folder, const Comparison& comparison);

}  // namespace heddle::report
HD_API_END
