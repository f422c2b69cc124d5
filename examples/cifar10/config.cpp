#include "config.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <concepts>

#include "console.hpp"
#include "heddle/base/check.hpp"
#include "heddle/base/json.hpp"
#include "heddle/base/printable.hpp"
#include "numbers.hpp"
#include "report.hpp"
#include "version.hpp"

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
  const std::string data = (place ? fs::absolute(o.data).lexically_normal() : o.data).string();
  // JSON has no other bytes; with another name in it the run could not be resumed.
  try {
    (void)Json(data).dump();
  } catch (const Json::exception&) {
    fail("data", strings::format("expected a folder whose name is UTF-8, so that config.json can hold it, got {}", data));
  }
  return {{"arch", o.arch},
          {"norm", o.norm},
          {"data", data},
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

// What the schedule does with its rate; a rate that stays needs no more words.
Json settings_of(const Recipe& recipe) {
  const optim::OneCycleLR::Options cycle{.max_lr = recipe.lr};
  auto points = Json::array();
  switch (recipe.schedule) {
    case ScheduleKind::one_cycle:
      return {{"max_lr", cycle.max_lr},
              {"pct_start", cycle.pct_start},
              {"div_factor", cycle.div_factor},
              {"final_div_factor", cycle.final_div_factor},
              {"base_momentum", cycle.base_momentum},
              {"max_momentum", cycle.max_momentum}};
    case ScheduleKind::points:
      for (const auto& [epoch, lr] : recipe.points) points.push_back({epoch, lr});
      return {{"epoch_and_lr", points}, {"staircase", true}};
    default:
      return Json::object();
  }
}

// Takes from `saved` what the command line does not say. What is there must be what the command line could say.
class Completion {
 public:
  Completion(const CLI::App& command, const Json& saved) : command_(command), saved_(saved) {}

  template <class T>
  void operator()(const char* option, const char* name, T& value) const {
    if (!given(option)) value = saved_.at(name).get<T>();
  }
  template <std::integral T>
  void operator()(const char* option, const char* name, T& value, const WholeRange& range) const {
    if (given(option)) return;
    const Json& json = saved_.at(name);
    const bool whole = json.is_number_unsigned() && range.contains(json.get<std::uint64_t>());
    check(whole, "resume", "expected {} as {}, got {}", range.str(), name, text_of(json));
    value = json.get<T>();
  }
  template <class Range, class T>
  void operator()(const char* option, const char* name, std::optional<T>& value, const Range& range) const {
    if (given(option)) return;
    value = std::nullopt;
    if (!saved_.at(name).is_null()) (*this)(option, name, value.emplace(), range);
  }
  void operator()(const char* option, const char* name, double& value, const RealRange& range) const {
    if (given(option)) return;
    const Json& json = saved_.at(name);
    const bool real = json.is_number() && range.contains(json.get<double>());
    check(real, "resume", "expected {} as {}, got {}", range.str(), name, text_of(json));
    value = json.get<double>();
  }

 private:
  bool given(const char* option) const {
    const CLI::Option* known = command_.get_option_no_throw(option);
    return known && known->count() > 0;
  }
  const CLI::App& command_;
  const Json& saved_;
};

// config.json of a run's folder.
Json saved_config(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  if (!fs::exists(file))
    fail("resume", strings::format("expected the folder of a run, with config.json, got {}", folder.string()));
  const Json config = parse_json<Json>(read_file(file), "resume", file.string());
  if (!config.is_object() || !config.contains("options"))
    fail("resume", strings::format("expected the options of the run in {}, got none", file.string()));
  return config;
}

}  // namespace

Json config_of(const TrainOptions& options, const Recipe& recipe, const data::DataChoice& data, const DeviceChoice& device,
               std::int64_t parameters, const data::Transform& transform) {
  const Json saved = options.resume.empty() ? Json::object() : saved_config(options.resume);
  const optim::SGDOptions sgd;  // what a recipe says nothing of
  const train::TrainerOptions trainer;
  const char* const schedules[] = {"constant", "one_cycle", "points"};
  const Tensor labels = data.train.labels().to(cpu).contiguous();
  const std::string_view bytes(reinterpret_cast<const char*>(labels.data<std::int64_t>()),
                               static_cast<std::size_t>(labels.numel()) * sizeof(std::int64_t));
  Json config = {{"arch", options.arch},
                 {"norm", options.norm},
                 {"parameters", parameters},
                 {"epochs", recipe.epochs},
                 {"batch", recipe.batch},
                 {"optimizer", "SGD"},
                 {"lr", recipe.lr},
                 {"momentum", recipe.momentum},
                 {"dampening", sgd.dampening},
                 {"weight_decay", sgd.weight_decay},
                 {"nesterov", sgd.nesterov},
                 {"schedule", schedules[static_cast<int>(recipe.schedule)]},
                 {"schedule_settings", settings_of(recipe)},
                 {"loss", "cross_entropy"},
                 {"label_smoothing", trainer.label_smoothing},
                 {"clip_grad_norm", trainer.clip_grad_norm},
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
                 {"started", options.resume.empty() ? Json(time_now()) : saved.value("started", Json(""))},
                 {"heddle", version()},
                 {"revision", revision()},
                 {"command", command_of(options)},
                 {"options", json_of(options)}};
  if (saved.contains("extended_from")) config["extended_from"] = saved["extended_from"];
  return config;
}

train::Config decisive(const Json& config) {
  train::Config result;
  for (const char* name : {"arch", "norm", "parameters", "epochs", "batch", "optimizer", "lr", "momentum", "schedule",
                           "transform", "seed", "precision", "synthetic", "train_images", "test_images", "labels_checksum"}) {
    const Json& value = config.at(name);
    result[name] = value.is_string() ? value.get<std::string>() : text_of(value);
  }
  return result;
}

std::optional<int> check_continues(train::Config saved, const train::Config& now, const train::TrainerState& state) {
  // A constant rate does not know how many epochs there will be.
  const std::string before = saved["epochs"], after = now.at("epochs");
  saved["epochs"] = after;
  train::check_same(saved, now);
  const int begun = state.epoch + (state.batch > 0);
  const auto epochs = [](const std::string& text, const char* whose) {
    const auto number = read_whole(text, ranges::epochs);
    check(number.has_value(), "resume", "expected {} epochs to be {}, got '{}'", whose, ranges::epochs.str(),
          strings::printable(text));
    return static_cast<int>(*number);
  };
  const int wanted = epochs(after, "this run's");
  check(wanted >= begun, "resume", "expected --epochs of {} or more, since so many were begun, got {}", begun, after);
  return before == after ? std::nullopt : std::optional<int>(epochs(before, "the checkpoint's"));
}

report::Facts facts_of(const Json& config) {
  report::Facts facts;
  for (const auto& [name, value] : config.items())
    if (name != "command" && name != "options" && value != "" && value != Json::object())
      facts.emplace_back(name, value.is_string() ? value.get<std::string>() : text_of(value));
  return facts;
}

TrainOptions options_to_resume(const CLI::App& command, const TrainOptions& given) {
  const Json config = saved_config(given.resume);
  TrainOptions o = given;
  try {
    const Completion complete(command, config["options"]);
    std::string data = o.data.string();
    complete("--arch", "arch", o.arch);
    complete("--norm", "norm", o.norm);
    complete("--data", "data", data);
    complete("--epochs", "epochs", o.epochs, ranges::epochs);
    complete("--batch", "batch", o.batch, ranges::batch);
    complete("--lr", "lr", o.lr, ranges::lr);
    complete("--momentum", "momentum", o.momentum, ranges::momentum);
    complete("--seed", "seed", o.seed, ranges::seed);
    complete("--limit", "limit", o.limit, ranges::images);
    complete("--test-limit", "test_limit", o.test_limit, ranges::images);
    complete("--augment", "augment", o.augment);
    complete("--threads", "threads", o.threads, ranges::threads);
    complete("--device", "device", o.device);
    complete("--precision", "precision", o.precision);
    complete("--save-every", "save_every", o.save_every, ranges::save_every);
    complete("--save-every-steps", "save_every_steps", o.save_every_steps, ranges::save_every);
    o.data = data;
  } catch (const nlohmann::json::exception& error) {
    fail("resume", strings::format("expected the options of a run in {}, got: {}", (given.resume / "config.json").string(),
                                   error.what()));
  }
  return o;
}

}  // namespace cifar10
