#include "report.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>

#include "console.hpp"
#include "heddle/base/format.hpp"
#include "heddle/base/printable.hpp"
#include "version.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

constexpr std::size_t shown_mistakes = 40;
constexpr int samples_of_a_class = 10;

void add_predictions(report::RunReport& r, Net& net, const ReportInput& input) {
  const auto said = train::predict(net, input.test_loader);
  const std::size_t classes = r.class_names.size();
  r.confusion.assign(classes, std::vector<std::int64_t>(classes));
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < said.label.size(); ++i) {
    ++r.confusion[static_cast<std::size_t>(said.label[i])][static_cast<std::size_t>(said.predicted[i])];
    if (said.label[i] != said.predicted[i]) wrong.push_back(i);
  }
  r.test_images = static_cast<std::int64_t>(said.label.size());
  r.mistakes_in_all = static_cast<std::int64_t>(wrong.size());
  std::stable_sort(wrong.begin(), wrong.end(),
                   [&](std::size_t a, std::size_t b) { return said.confidence[a] > said.confidence[b]; });
  wrong.resize(std::min(wrong.size(), shown_mistakes));
  for (std::size_t i : wrong)
    r.mistakes.push_back({.image = report::image_of(input.data.test.images(), said.index[i]),
                          .label = static_cast<int>(said.label[i]),
                          .predicted = static_cast<int>(said.predicted[i]),
                          .confidence = said.confidence[i],
                          .index = said.index[i]});
}

// The first images of each class, augmented as in the first epoch.
void add_samples(report::RunReport& r, const ReportInput& input) {
  const auto labels = input.data.train.labels().to_vector<std::int64_t>();
  std::vector<std::int64_t> index;
  std::vector<int> taken(r.class_names.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (taken[static_cast<std::size_t>(labels[i])]++ < samples_of_a_class) index.push_back(static_cast<std::int64_t>(i));
  const Tensor images =
      data::Transform(input.recipe.augmentation).apply(input.data.train, tensor(index), input.options.seed, 0);
  for (std::size_t i = 0; i < index.size(); ++i)
    r.samples.push_back(
        {report::image_of(images, static_cast<std::int64_t>(i)), static_cast<int>(labels[static_cast<std::size_t>(index[i])])});
  r.class_counts = data::class_counts(input.data.train);
}

void add_layers(report::RunReport& r, Net& net) {
  const auto summary = nn::summarize(net, {1, 3, 32, 32});
  for (const auto& row : summary.layers)
    r.layers.push_back({row.path, row.description, row.output.str(), row.parameters, row.multiply_adds, row.receptive_field});
  const auto megabytes = [](double mb) { return strings::format("{:.2f} MB", mb); };
  r.totals = {{"Input", megabytes(summary.input_mb)},
              {"Forward and backward", megabytes(summary.activations_mb)},
              {"Parameters", megabytes(summary.parameters_mb)},
              {"Trainable parameters", summary.trainable == summary.parameters ? "all" : std::to_string(summary.trainable)}};
}

report::Facts environment_of(const DeviceChoice& device) {
  report::Facts facts = {{"heddle", version() + (revision().empty() ? "" : ", revision " + revision())},
                         {"Date", time_now()},
                         {"Device", device.reason}, {"Instruction set", cpu_instruction_set()}};
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      facts.emplace_back("Processor", line.substr(line.find(": ") + 2));
      break;
    }
  facts.emplace_back("Threads", std::to_string(get_num_threads()));
  utsname system{};
  if (uname(&system) == 0)
    facts.emplace_back("System", strings::format("{} {} {}", system.sysname, system.release, system.machine));
#if defined(__clang__)
  facts.emplace_back("Compiler", "clang " __clang_version__);
#else
  facts.emplace_back("Compiler", "g++ " __VERSION__);
#endif
  facts.emplace_back("CUDA kernels", built_with_cuda() ? "built in" : "not built in");
  return facts;
}

}  // namespace

std::string quoted(const std::string& word) {
  const bool plain =
      !word.empty() &&
      word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=,+@%") == std::string::npos;
  if (plain) return word;
  std::string text;
  if (strings::printable(word) != word) {  // as $'...' it can be shown on a terminal, and pasted
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte >= 0x7F)
        text += strings::format("\\x{:02x}", byte);
      else
        text += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    }
    return "$'" + text + "'";
  }
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + text + "'";
}

std::string command_of(const TrainOptions& options) {
  const TrainOptions usual;
  std::string command = program_command() + " train --arch " + quoted(options.arch) + " --norm " + quoted(options.norm);
  const auto add = [&](const char* name, const std::string& value) {
    command += std::string(" ") + name + " " + quoted(value);
  };
  if (!options.data.empty()) add("--data", options.data.string());
  if (options.epochs) add("--epochs", std::to_string(*options.epochs));
  if (options.batch) add("--batch", std::to_string(*options.batch));
  if (options.lr) add("--lr", strings::format("{}", *options.lr));
  if (options.momentum) add("--momentum", strings::format("{}", *options.momentum));
  if (options.limit != usual.limit) add("--limit", std::to_string(options.limit));
  if (options.test_limit != usual.test_limit) add("--test-limit", std::to_string(options.test_limit));
  if (options.augment != usual.augment) command += " --no-augment";
  if (options.device != usual.device) add("--device", options.device);
  if (options.precision != usual.precision) add("--precision", options.precision);
  if (options.threads != usual.threads) add("--threads", std::to_string(options.threads));
  add("--seed", std::to_string(options.seed));
  return command;
}

report::RunReport make_report(Net& net, const ReportInput& input) {
  report::RunReport r;
  r.title = input.options.arch + ", " + input.options.norm + " norm";
  if (input.data.synthetic)
    r.warning = "Trained and tested on drawn images, a stand-in: these accuracies say nothing about CIFAR-10.";
  r.epochs = input.epochs;
  r.class_names = input.data.test.class_names();
  add_predictions(r, net, input);
  add_samples(r, input);
  add_layers(r, net);
  r.configuration = input.configuration;
  r.environment = environment_of(input.device);
  r.command = command_of(input.options);
  return r;
}

}  // namespace cifar10
