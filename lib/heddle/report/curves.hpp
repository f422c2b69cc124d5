// The charts that metrics make, for one run or for several, and pictures of them.
#pragma once

#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/report/chart.hpp"
#include "heddle/report/image.hpp"
#include "heddle/report/metrics_csv.hpp"

HD_API_BEGIN
namespace heddle::report {

struct NamedRun {
  std::string name;
  std::vector<MetricsRow> epochs;
};

/// Accuracy and loss (train and test), learning rate, seconds an epoch.
std::vector<Chart> charts_of_run(const std::vector<MetricsRow>& epochs);
/// Test accuracy, test loss, train accuracy, train loss, learning rate and seconds an epoch: a curve for each run.
std::vector<Chart> charts_of_runs(const std::vector<NamedRun>& runs);
/// Charts in two columns under a title; where all have the same curves, with one legend for all.
Image draw_charts(const std::string& title, const std::vector<Chart>& charts);
/// The same as a page: a title, a sentence or two below it, and the charts, with their values under the mouse.
std::string charts_page(const std::string& title, const std::string& note, const std::vector<Chart>& charts);

}  // namespace heddle::report
HD_API_END
