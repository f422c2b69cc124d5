#include "heddle/train/checkpoint_files.hpp"

#include <cmath>
#include <limits>

#include "heddle/base/check.hpp"
#include "heddle/data/md5.hpp"

namespace heddle::train::detail {
namespace {

constexpr std::string_view where = "checkpoint";
constexpr const char* meter_name = "meter";
constexpr std::string_view optimizer_prefix = "optimizer.";

// JSON has no words for what is not finite, and a loss may be that.
Json json_of(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
double number_of(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const double infinity = std::numeric_limits<double>::infinity();
  return json == "inf" ? infinity : json == "-inf" ? -infinity : std::numeric_limits<double>::quiet_NaN();
}

Json json_of(const std::vector<double>& values) {
  Json list = Json::array();
  for (double value : values) list.push_back(json_of(value));
  return list;
}
std::vector<double> numbers_of(const Json& json) {
  std::vector<double> values;
  for (const auto& value : json) values.push_back(number_of(value));
  return values;
}

Json json_of(const Companion& c) {
  return {{"file", c.file}, {"bytes", c.bytes}, {"md5", c.md5}};
}
Companion companion_of(const Json& json) {
  return {json.at("file").get<std::string>(), json.at("bytes").get<std::uint64_t>(), json.at("md5").get<std::string>()};
}

Json json_of(const Metrics& m) {
  return {{"loss", json_of(m.loss)}, {"accuracy", json_of(m.accuracy)}, {"count", m.count}};
}
Metrics metrics_of(const Json& json) {
  return {number_of(json.at("loss")), number_of(json.at("accuracy")), json.at("count").get<std::int64_t>()};
}

Json json_of(const EpochResult& r) {
  return {{"epoch", r.epoch},        {"lr", json_of(r.lr)},           {"train", json_of(r.train)},
          {"test", json_of(r.test)}, {"seconds", json_of(r.seconds)}, {"images_per_second", json_of(r.images_per_second)}};
}
EpochResult epoch_of(const Json& json) {
  return {.epoch = json.at("epoch").get<int>(),
          .lr = number_of(json.at("lr")),
          .train = metrics_of(json.at("train")),
          .test = metrics_of(json.at("test")),
          .seconds = number_of(json.at("seconds")),
          .images_per_second = number_of(json.at("images_per_second"))};
}

std::string md5_of(std::string_view text) {
  data::detail::Md5 sum;
  sum.update(text);
  return sum.finish();
}

}  // namespace

Companion companion_of(const std::filesystem::path& path) {
  return {path.filename().string(), std::filesystem::file_size(path), data::detail::md5_of_file(path)};
}

void check_companion(const std::filesystem::path& folder, const Companion& companion) {
  const auto path = folder / companion.file;
  std::error_code absent;
  const auto bytes = std::filesystem::file_size(path, absent);
  check(!absent, where, "expected {}, which the checkpoint belongs with, got: {}", path.string(), absent.message());
  check(bytes == companion.bytes, where, "expected {} to have {} bytes, got {}", path.string(), companion.bytes, bytes);
  const std::string md5 = data::detail::md5_of_file(path);
  check(md5 == companion.md5, where, "expected {} to have the MD5 sum {}, got {}: it is damaged", path.string(), companion.md5,
        md5);
}

std::string sidecar_text(const Checkpoint& checkpoint, const Sidecar& sidecar) {
  const TrainerState& t = checkpoint.trainer;
  Json json = {
      {"format", sidecar_format},
      {"model", json_of(sidecar.model)},
      {"state", json_of(sidecar.state)},
      {"trainer",
       {{"epoch", t.epoch}, {"batch", t.batch}, {"step", t.step}, {"lr", json_of(t.lr)}, {"seconds", json_of(t.seconds)}}},
      {"random", {{"seed", checkpoint.random.seed}, {"step", checkpoint.random.step}, {"call", checkpoint.random.call}}},
      {"optimizer", Json::object()},
      {"schedule", nullptr},
      {"config", checkpoint.config},
      {"history", Json::array()}};
  for (const auto& [name, value] : checkpoint.optimizer.numbers) json["optimizer"][name] = json_of(value);
  if (const auto& s = checkpoint.schedule)
    json["schedule"] = {{"last_epoch", s->last_step}, {"base_lrs", json_of(s->base_lrs)}, {"extra", json_of(s->extra)}};
  for (const auto& epoch : t.history) json["history"].push_back(json_of(epoch));
  try {
    json["md5"] = md5_of(json.dump());
    return json.dump(1) + "\n";
  } catch (const nlohmann::json::exception&) {
    fail(where, "expected a configuration in UTF-8, got other bytes");
  }
}

Sidecar read_sidecar(const std::string& text, const std::filesystem::path& path, Checkpoint& checkpoint) {
  const auto refuse = [&](const std::string& why) {
    fail(where, strings::format("expected {} to be a checkpoint's sidecar, got {}", path.string(), why));
  };
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("format")) refuse("something else");
  if (json["format"] != sidecar_format)
    refuse(strings::format("the format {} (expected \"{}\")", json["format"].dump(), sidecar_format));
  try {
    const std::string sum = json.at("md5").get<std::string>();
    json.erase("md5");
    if (md5_of(json.dump()) != sum) refuse("one that is damaged: its MD5 sum is another");
    const auto& trainer = json.at("trainer");
    checkpoint.trainer = {.epoch = trainer.at("epoch").get<int>(),
                          .batch = trainer.at("batch").get<std::int64_t>(),
                          .step = trainer.at("step").get<std::int64_t>(),
                          .lr = number_of(trainer.at("lr")),
                          .seconds = number_of(trainer.at("seconds"))};
    for (const auto& epoch : json.at("history")) checkpoint.trainer.history.push_back(epoch_of(epoch));
    const auto& random = json.at("random");
    checkpoint.random = {random.at("seed").get<std::uint64_t>(), random.at("step").get<std::uint64_t>(),
                         random.at("call").get<std::uint64_t>()};
    for (const auto& [name, value] : json.at("optimizer").items()) checkpoint.optimizer.numbers[name] = number_of(value);
    if (const auto& s = json.at("schedule"); !s.is_null())
      checkpoint.schedule = {s.at("last_epoch").get<std::int64_t>(), numbers_of(s.at("base_lrs")), numbers_of(s.at("extra"))};
    checkpoint.config = json.at("config").get<Config>();
    return {companion_of(json.at("model")), companion_of(json.at("state"))};
  } catch (const nlohmann::json::exception& error) {
    refuse(strings::format("one without all its parts: {}", error.what()));
  }
  return {};
}

Safetensors state_tensors(const Checkpoint& checkpoint) {
  Safetensors content;
  for (const auto& [name, t] : checkpoint.optimizer.tensors)
    content.tensors.emplace_back(std::string(optimizer_prefix) + name, t);
  content.tensors.emplace_back(meter_name, checkpoint.trainer.meter.state());
  return content;
}

void take_state_tensors(const Safetensors& content, const std::filesystem::path& path, Checkpoint& checkpoint) {
  for (const auto& [name, t] : content.tensors) {
    if (name == meter_name)
      checkpoint.trainer.meter.load_state(t);
    else if (name.starts_with(optimizer_prefix))
      checkpoint.optimizer.tensors[name.substr(optimizer_prefix.size())] = t;
    else
      fail(where, strings::format("expected '{}' and names that begin with '{}' in {}, got '{}'", meter_name, optimizer_prefix,
                              path.string(), name));
  }
}

}  // namespace heddle::train::detail
