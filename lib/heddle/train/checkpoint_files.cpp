#include "heddle/train/checkpoint_files.hpp"

#include <cmath>
#include <limits>

#include "heddle/base/check.hpp"
#include "heddle/base/crc64.hpp"
#include "heddle/base/json.hpp"
#include "heddle/base/json_memory.hpp"
#include "heddle/base/printable.hpp"

namespace heddle::train::detail {
namespace {

constexpr std::string_view where = "checkpoint";
constexpr const char* meter_name = "meter";
constexpr std::string_view optimizer_prefix = "optimizer.";

using Json = OrderedJsonDocument;
using Read = JsonDocument;
constexpr std::string_view sum_begins = ",\n \"crc64\": \"", sum_ends = "\"\n}\n";
constexpr std::size_t sum_digits = 16;

template <class T> T get(const Read& json, const char* name) {
  return json_as<T>(json.at(name), where, name);
}

// JSON has no words for what is not finite, and a loss may be that.
Json json_of(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
double number_of(const Read& json) {
  const double infinity = std::numeric_limits<double>::infinity();
  // As a string: comparing the value itself makes a document of the text, and ends the program where there is no memory for it.
  const std::string* const word = json.get_ptr<const std::string*>();
  if (word && *word == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (word && *word == "inf") return infinity;
  return word && *word == "-inf" ? -infinity : json_as<double>(json, where, "a number");
}

Json json_of(const std::vector<double>& values) {
  Json list = Json::array();
  for (double value : values) list.push_back(json_of(value));
  return list;
}
std::vector<double> numbers_of(const Read& json) {
  std::vector<double> values;
  for (const auto& value : json) values.push_back(number_of(value));
  return values;
}

Json json_of(const Companion& c) {
  return {{"file", c.file}, {"bytes", c.bytes}, {"crc64", c.crc64}};
}
Companion companion_of(const Read& json) {
  Companion c{get<std::string>(json, "file"), get<std::uint64_t>(json, "bytes"), get<std::string>(json, "crc64")};
  const std::filesystem::path name(c.file);
  check(name.has_filename() && name == name.filename() && c.file != "." && c.file != "..", where,
        "expected the name of a file beside the sidecar, got '{}'", strings::printable(c.file));
  return c;
}

Json json_of(const Metrics& m) {
  return {{"loss", json_of(m.loss)}, {"accuracy", json_of(m.accuracy)}, {"count", m.count}};
}
Metrics metrics_of(const Read& json) {
  return {number_of(json.at("loss")), number_of(json.at("accuracy")), get<std::int64_t>(json, "count")};
}

Json json_of(const EpochResult& r) {
  return {{"epoch", r.epoch},        {"lr", json_of(r.lr)},           {"train", json_of(r.train)},
          {"test", json_of(r.test)}, {"seconds", json_of(r.seconds)}, {"images_per_second", json_of(r.images_per_second)}};
}
EpochResult epoch_of(const Read& json) {
  return {.epoch = get<int>(json, "epoch"),
          .lr = number_of(json.at("lr")),
          .train = metrics_of(json.at("train")),
          .test = metrics_of(json.at("test")),
          .seconds = number_of(json.at("seconds")),
          .images_per_second = number_of(json.at("images_per_second"))};
}

// The format that a text says it has, where sidecars say it; empty: none of ours.
std::string_view format_of(std::string_view text) {
  constexpr std::string_view begins = "\"heddle checkpoint, version ";
  const std::size_t at = text.substr(0, 100).find(begins);
  if (at == std::string_view::npos) return {};
  return text.substr(at + 1, text.find('"', at + 1) - at - 1).substr(0, 60);
}

// What the sum of a sidecar was made over, and the sum; empty when it does not end in one.
std::pair<std::string_view, std::string_view> parts_of(std::string_view text) {
  const std::size_t tail = sum_begins.size() + sum_digits + sum_ends.size();
  if (text.size() < tail || !text.ends_with(sum_ends) || !text.substr(text.size() - tail).starts_with(sum_begins)) return {};
  return {text.substr(0, text.size() - tail), text.substr(text.size() - tail + sum_begins.size(), sum_digits)};
}

void fill(const Read& json, Checkpoint& checkpoint) {
  const auto& trainer = json.at("trainer");
  checkpoint.trainer = {.epoch = get<int>(trainer, "epoch"),
                        .batch = get<std::int64_t>(trainer, "batch"),
                        .step = get<std::int64_t>(trainer, "step"),
                        .lr = number_of(trainer.at("lr")),
                        .seconds = number_of(trainer.at("seconds"))};
  // A training goes on counting from these.
  constexpr int most_epochs = 1 << 30;
  constexpr std::int64_t most_steps = std::int64_t{1} << 53;
  const TrainerState& t = checkpoint.trainer;
  check(0 <= t.epoch && t.epoch <= most_epochs && 0 <= t.batch && t.batch <= most_steps && 0 <= t.step && t.step <= most_steps, where,
        "expected counts from 0 to {} epochs and {} steps, got epoch {}, batch {}, step {}", most_epochs, most_steps, t.epoch,
        t.batch, t.step);
  for (const auto& epoch : json.at("history")) checkpoint.trainer.history.push_back(epoch_of(epoch));
  const auto& random = json.at("random");
  checkpoint.random = {get<std::uint64_t>(random, "seed"), get<std::uint64_t>(random, "step"), get<std::uint64_t>(random, "call")};
  for (const auto& [name, value] : json.at("optimizer").items()) checkpoint.optimizer.numbers[name] = number_of(value);
  if (const auto& s = json.at("schedule"); !s.is_null())
    checkpoint.schedule = {get<std::int64_t>(s, "last_epoch"), numbers_of(s.at("base_lrs")), numbers_of(s.at("extra"))};
  for (const auto& [name, value] : json.at("config").items())
    checkpoint.config[name] = json_as<std::string>(value, where, name);
}

}  // namespace

Companion companion_of(const std::filesystem::path& path) {
  return {path.filename().string(), std::filesystem::file_size(path), crc64_of_file(path)};
}

void check_companion(const std::filesystem::path& folder, const Companion& companion) {
  const auto path = folder / companion.file;
  std::error_code absent;
  const auto bytes = std::filesystem::file_size(path, absent);
  check(!absent, where, "expected {}, which the checkpoint belongs with, got: {}", path.string(), absent.message());
  check(bytes == companion.bytes, where, "expected {} to have {} bytes, got {}", path.string(), companion.bytes, bytes);
  const std::string sum = crc64_of_file(path);
  check(sum == companion.crc64, where, "expected {} to have the CRC-64 sum {}, got {}: it is damaged", path.string(),
        strings::printable(companion.crc64), sum);
}

std::string seal(std::string_view object) {
  while (object.ends_with('\n')) object.remove_suffix(1);
  if (object.ends_with('}')) object.remove_suffix(1);
  while (object.ends_with('\n')) object.remove_suffix(1);
  return strings::format("{}{}{}{}", object, sum_begins, crc64_of(object), sum_ends);
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
    return seal(json.dump(1));
  } catch (const nlohmann::json::exception&) {
    fail(where, "expected a configuration in UTF-8, got other bytes");
  }
}

bool is_sidecar(std::string_view text) {
  return !format_of(text).empty();
}

Sidecar read_sidecar(const std::string& text, const std::filesystem::path& path, Checkpoint& checkpoint) {
  const auto refuse = [&](const std::string& why) {
    fail(where, strings::format("expected {} to be a checkpoint's sidecar, got {}", path.string(), why));
  };
  const std::string_view format = format_of(text);
  if (format.empty()) refuse("something else");
  if (format != sidecar_format)
    refuse(strings::format("the format \"{}\" (expected \"{}\")", strings::printable(format), sidecar_format));
  // Before anything is taken for JSON: damage may look like anything.
  const auto [summed, sum] = parts_of(text);
  if (sum.empty()) refuse("one that is damaged: it does not end in its sum");
  if (crc64_of(summed) != sum) refuse("one that is damaged: its CRC-64 sum is another");
  const Read json = parse_json<Read>(text, where, path.string());
  try {
    if (json.at("format") != sidecar_format) refuse("another format further on");
    fill(json, checkpoint);
    return {companion_of(json.at("model")), companion_of(json.at("state"))};
  } catch (const nlohmann::json::exception& error) {
    refuse(strings::format("one without all its parts: {}", strings::printable(error.what())));
  } catch (const Error& error) {
    refuse(strings::format("one that contradicts itself: {}", error.what()));
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
