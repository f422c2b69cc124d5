// What a training is, before it runs: its recipe, its configuration, and how it goes on after it was stopped.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
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

/// All that config.json says.
nlohmann::ordered_json config_of(const TrainOptions& options, const Recipe& recipe, const heddle::data::DataChoice& data,
                                 const heddle::DeviceChoice& device, std::int64_t parameters,
                                 const heddle::data::Transform& transform);
/// The part of it that decides about the weights' bits: what a training that goes on must have in common with its beginning.
heddle::train::Config decisive(const nlohmann::ordered_json& config);
/// The part of it that a report shows.
heddle::report::Facts facts_of(const nlohmann::ordered_json& config);

/// The options that a run was started with, for what the command line leaves out. Error for a folder that is none of a run's.
TrainOptions options_to_resume(const CLI::App& command, const TrainOptions& given);
/// The command that goes on with the run.
std::string resume_command(const std::filesystem::path& folder);

}  // namespace cifar10
