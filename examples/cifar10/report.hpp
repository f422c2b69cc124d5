// A finished training as a report: what report::write_report shows, filled from the network, its data and its options.
#pragma once

#include <string>

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "options.hpp"

namespace cifar10 {

/// A word as a shell takes it for one.
std::string quoted(const std::string& word);
/// The command that trains this again, quoted for a shell; options at their defaults are left out, the seed is not.
std::string command_of(const TrainOptions& options);

struct ReportInput {
  const TrainOptions& options;
  const Recipe& recipe;
  const heddle::data::DataChoice& data;
  const heddle::DeviceChoice& device;
  const heddle::data::DataLoader& test_loader;
  std::vector<heddle::report::MetricsRow> epochs;
  heddle::report::Facts configuration;
};

/// Runs the network over the test set once.
heddle::report::RunReport make_report(Net& net, const ReportInput& input);

}  // namespace cifar10
