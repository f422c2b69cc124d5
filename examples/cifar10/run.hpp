// What a training is, before it runs: its recipe, its folder, and the command that resumes it. Its configuration: config.hpp.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "options.hpp"

namespace cifar10 {

/// The recipe with what the command line changes.
Recipe chosen_recipe(const Architecture& architecture, const TrainOptions& options);
/// Null for a constant rate.
std::unique_ptr<heddle::optim::LRScheduler> make_schedule(const Recipe& recipe, heddle::optim::Optimizer& optimizer,
                                                          std::int64_t steps_per_epoch);

/// `base`, or base-2, base-3, ... where that is taken. Creates nothing.
std::filesystem::path new_folder(const std::filesystem::path& base);
/// A folder for this run. One that is named keeps an earlier run's files, moved into previous-1, previous-2, ...; one that is
/// not named is a new one.
std::filesystem::path make_run_folder(const TrainOptions& options);

/// The command that resumes the run, for a shell.
std::string resume_command(const std::filesystem::path& folder);

}  // namespace cifar10
