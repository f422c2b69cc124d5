// One training from options to a folder of results, for the subcommands that train.
#pragma once

#include <filesystem>
#include <memory>

#include "options.hpp"

namespace cifar10 {

/// Trains, tells about it on standard output, and returns the folder: metrics.csv and events after every epoch;
/// model.safetensors, report.html and its pictures at the end.
std::filesystem::path train(const TrainOptions& options);

/// `base`, or base-2, base-3, ... where that is taken. Creates nothing.
std::filesystem::path new_folder(const std::filesystem::path& base);

/// All options of a training but --norm.
void add_training_options(CLI::App* command, const std::shared_ptr<TrainOptions>& options);

}  // namespace cifar10
