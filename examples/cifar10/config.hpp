// config.json: all that a run was started with, for people, for the checkpoints and for the command line that resumes it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "options.hpp"

namespace CLI {
class App;
}

namespace cifar10 {

/// All that config.json says.
nlohmann::ordered_json config_of(const TrainOptions& options, const Recipe& recipe, const heddle::data::DataChoice& data,
                                 const heddle::DeviceChoice& device, std::int64_t parameters,
                                 const heddle::data::Transform& transform);
/// The part of it that decides about the weights' bits: what a training that is resumed must have in common with its beginning,
/// but for the number of epochs.
heddle::train::Config decisive(const nlohmann::ordered_json& config);
/// Error that lists what differs between a run's configuration and the one it is resumed with, and for fewer epochs than were
/// begun. Returns how many epochs it was to have, where it is another number from now on.
std::optional<int> check_continues(heddle::train::Config saved, const heddle::train::Config& now,
                                   const heddle::train::TrainerState& state);
/// The part of it that a report shows.
heddle::report::Facts facts_of(const nlohmann::ordered_json& config);

/// The options that a run was started with, for what the command line leaves out. Error for a folder that is none of a run's.
TrainOptions options_to_resume(const CLI::App& command, const TrainOptions& given);

}  // namespace cifar10
