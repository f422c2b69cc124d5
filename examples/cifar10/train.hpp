// One training from options to a folder of results, for the subcommands that train.
#pragma once

#include <filesystem>
#include <memory>

#include "options.hpp"

namespace cifar10 {

/// Trains, tells about it on standard output, and returns the folder: metrics.csv and events after every epoch;
/// model.safetensors, report.html and its pictures at the end.
std::filesystem::path train(const TrainOptions& options);

/// All options of a training but --norm.
void add_training_options(CLI::App* command, const std::shared_ptr<TrainOptions>& options);

}  // namespace cifar10
