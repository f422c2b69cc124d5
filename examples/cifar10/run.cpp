#include "run.hpp"


#include <CLI/CLI.hpp>
#include <algorithm>

#include "console.hpp"
#include "report.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// As given; only the data's folder is made absolute, so that a run can be gone on with from elsewhere.
Json json_of(const TrainOptions& o) {
  const bool place = !o.data.empty() && o.data != "synthetic";
  return {{"arch", o.arch},
          {"norm", o.norm},
          {"data", (place ? fs::absolute(o.data).lexically_normal() : o.data).string()},
          {"epochs", json_of(o.epochs)},
          {"batch", json_of(o.batch)},
          {"lr", json_of(o.lr)},
          {"momentum", json_of(o.momentum)},
          {"seed", o.seed},
          {"limit", o.limit},
          {"test_limit", o.test_limit},
          {"augment", o.augment},
          {"threads", o.threads},
          {"device", o.device},
          {"precision", o.precision},
          {"save_every", o.save_every},
          {"save_every_steps", o.save_every_steps}};
}

// Takes from `saved` what the command line does not say.
class Completion {
 public:
  Completion(const CLI::App& command, const Json& saved) : command_(command), saved_(saved) {}

  template <class T>
  void operator()(const char* option, const char* name, T& value) const {
    if (given(option)) return;
    value = saved_.at(name).get<T>();
  }
  template <class T>
  void operator()(const char* option, const char* name, std::optional<T>& value) const {
    if (given(option)) return;
    const Json& json = saved_.at(name);
    value = json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
  }

 private:
  bool given(const char* option) const {
    const CLI::Option* known = command_.get_option_no_throw(option);
    return known && known->count() > 0;
  }
  const CLI::App& command_;
  const Json& saved_;
};

}  // namespace

Recipe chosen_recipe(const Architecture& architecture, const TrainOptions& options) {
  Recipe recipe = architecture.recipe;
  recipe.epochs = options.epochs.value_or(recipe.epochs);
  recipe.batch = options.batch.value_or(recipe.batch);
  recipe.momentum = options.momentum.value_or(recipe.momentum);
  if (options.lr) {
    for (auto& [epoch, lr] : recipe.points) lr *= *options.lr / recipe.lr;
    recipe.lr = *options.lr;
  }
  if (!options.augment) recipe.augmentation.clear();
  // A piecewise schedule ends with the training, however long that is.
  if (!recipe.points.empty() && options.epochs) {
    auto& last = recipe.points.back();
    const auto& before = recipe.points[recipe.points.size() - 2];
    last.first = std::max<double>(recipe.epochs, before.first + 1);
  }
  return recipe;
}

std::unique_ptr<optim::LRScheduler> make_schedule(const Recipe& recipe, optim::Optimizer& optimizer,
                                                  std::int64_t steps_per_epoch) {
  switch (recipe.schedule) {
    case ScheduleKind::one_cycle:
      return std::make_unique<optim::OneCycleLR>(
          optimizer, optim::OneCycleLR::Options{.max_lr = recipe.lr, .total_steps = steps_per_epoch * recipe.epochs});
    case ScheduleKind::points:
      return std::make_unique<optim::PiecewiseLinear>(
          optimizer,
          optim::PiecewiseLinear::Options{.points = recipe.points, .steps_per_unit = steps_per_epoch, .staircase = true});
    default:
      return nullptr;
  }
}

Json config_of(const TrainOptions& options, const Recipe& recipe, const data::DataChoice& data, const DeviceChoice& device,
               std::int64_t parameters, const data::Transform& transform) {
  const char* const schedules[] = {"constant", "one_cycle", "points"};
  const Tensor labels = data.train.labels().to(cpu).contiguous();
  const std::string_view bytes(reinterpret_cast<const char*>(labels.data<std::int64_t>()),
                               static_cast<std::size_t>(labels.numel()) * sizeof(std::int64_t));
  return {{"arch", options.arch},
          {"norm", options.norm},
          {"parameters", parameters},
          {"epochs", recipe.epochs},
          {"batch", recipe.batch},
          {"optimizer", "SGD"},
          {"lr", recipe.lr},
          {"momentum", recipe.momentum},
          {"schedule", schedules[static_cast<int>(recipe.schedule)]},
          {"transform", transform.str()},
          {"seed", options.seed},
          {"device", device.device.str()},
          {"precision", options.precision},
          {"threads", get_num_threads()},
          {"data", data.message},
          {"synthetic", data.synthetic},
          {"train_images", data.train.size()},
          {"test_images", data.test.size()},
          {"labels_checksum", strings::format("{:08x}", report::crc32c(bytes))},
          {"command", command_of(options)},
          {"options", json_of(options)}};
}

train::Config decisive(const Json& config) {
  train::Config result;
  for (const auto& [name, value] : config.items())
    if (name != "device" && name != "threads" && name != "data" && name != "command" && name != "options")
      result[name] = value.is_string() ? value.get<std::string>() : value.dump();
  return result;
}

report::Facts facts_of(const Json& config) {
  report::Facts facts;
  for (const auto& [name, value] : config.items())
    if (name != "command" && name != "options")
      facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  return facts;
}

TrainOptions options_to_resume(const CLI::App& command, const TrainOptions& given) {
  const fs::path file = given.resume / "config.json";
  if (!fs::exists(file))
    fail("resume", strings::format("expected the folder of a run, with config.json, got {}", given.resume.string()));
  const Json config = Json::parse(read_file(file), nullptr, false);
  if (!config.is_object() || !config.contains("options"))
    fail("resume", strings::format("expected the options of the run in {}, got none", file.string()));
  TrainOptions o = given;
  try {
    const Completion complete(command, config["options"]);
    std::string data = o.data.string();
    complete("--arch", "arch", o.arch);
    complete("--norm", "norm", o.norm);
    complete("--data", "data", data);
    complete("--epochs", "epochs", o.epochs);
    complete("--batch", "batch", o.batch);
    complete("--lr", "lr", o.lr);
    complete("--momentum", "momentum", o.momentum);
    complete("--seed", "seed", o.seed);
    complete("--limit", "limit", o.limit);
    complete("--test-limit", "test_limit", o.test_limit);
    complete("--augment", "augment", o.augment);
    complete("--threads", "threads", o.threads);
    complete("--device", "device", o.device);
    complete("--precision", "precision", o.precision);
    complete("--save-every", "save_every", o.save_every);
    complete("--save-every-steps", "save_every_steps", o.save_every_steps);
    o.data = data;
  } catch (const nlohmann::json::exception& error) {
    fail("resume", strings::format("expected the options of a run in {}, got: {}", file.string(), error.what()));
  }
  return o;
}

std::string resume_command(const fs::path& folder) {
  return "cifar10 train --resume " + quoted(folder.string());
}

}  // namespace cifar10
