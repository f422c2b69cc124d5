// cifar10 summary and cifar10 evaluate.

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "suggest.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

void summary(const SummaryOptions& options) {
  const Architecture& architecture = find_architecture(options.arch);
  Net net = architecture.build(find_norm(architecture, options.norm));
  const auto summary = nn::summarize(net, {options.batch, 3, 32, 32});
  tell("{} with {} norm\n{}", options.arch, options.norm, summary.str());
  auto layers = nlohmann::ordered_json::array();
  for (const auto& layer : summary.layers)
    layers.push_back({{"path", layer.path},
                      {"description", layer.description},
                      {"output", layer.output.str()},
                      {"parameters", layer.parameters},
                      {"multiply_adds", layer.multiply_adds},
                      {"receptive_field", layer.receptive_field},
                      {"receptive_height", layer.receptive_height},
                      {"receptive_width", layer.receptive_width}});
  record("summary", {{"arch", options.arch},
                     {"norm", options.norm},
                     {"batch", options.batch},
                     {"parameters", summary.trainable},
                     {"layers", layers}});
}

void evaluate(const EvaluateOptions& options) {
  set_num_threads(options.threads);
  const DeviceChoice choice = choose_device(options.device);
  SavedModel model = load_model(options.model, choice.device, options.arch, options.norm);
  Net& net = model.net;

  const data::DataChoice data = find_data({.folder = options.data});
  say("Device: {}\nData: {}\n", choice.reason, data.message);
  const data::DataLoader loader(
      data.test.to(choice.device),
      {.batch_size = 500, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  const auto metrics = train::evaluate(net, loader);
  const auto predictions = train::predict(net, loader);

  if (!options.logits.empty()) {
    net.eval();
    std::vector<Tensor> logits;
    NoGradGuard guard;
    for (const auto& batch : loader.epoch(0)) logits.push_back(net(batch.images));
    save_safetensors(options.logits, {.tensors = {{"logits", cat(logits, 0)}}, .metadata = {}});
  }

  const auto& names = data.test.class_names();
  std::vector<std::int64_t> count(names.size()), right(names.size());
  for (std::size_t i = 0; i < predictions.label.size(); ++i) {
    const auto label = static_cast<std::size_t>(predictions.label[i]);
    ++count[label];
    right[label] += predictions.predicted[i] == predictions.label[i];
  }
  tell("{} with {} norm: loss {:.4f}, accuracy {} of {} test images\n", model.architecture->name, name_of(model.norm),
       metrics.loss, colored(stdout, Color::bold, strings::format("{:.2f}%", metrics.accuracy)), metrics.count);
  auto classes = nlohmann::ordered_json::object();
  for (std::size_t c = 0; c < names.size(); ++c) {
    if (!count[c]) continue;
    const double accuracy = 100.0 * static_cast<double>(right[c]) / static_cast<double>(count[c]);
    tell("  {:<12} {:6.2f}%  ({} of {})\n", names[c], accuracy, right[c], count[c]);
    classes[names[c]] = accuracy;
  }
  record("evaluation", {{"model", options.model.string()},
                        {"arch", model.architecture->name},
                        {"norm", name_of(model.norm)},
                        {"loss", metrics.loss},
                        {"accuracy", metrics.accuracy},
                        {"images", metrics.count},
                        {"synthetic", data.synthetic},
                        {"class_accuracy", classes}});
}

}  // namespace

void add_summary(CLI::App& app) {
  auto options = std::make_shared<SummaryOptions>();
  CLI::App* command = app.add_subcommand("summary", "The layer table of a network");
  command->add_option("--arch", options->arch, "transition, dilated, residual, bottleneck or compact")
      ->capture_default_str()
      ->check(one_of(architecture_names()));
  command->add_option("--norm", options->norm, "batch, group or layer (dilated: batch)")
      ->capture_default_str()
      ->check(one_of({"batch", "group", "layer"}));
  command->add_option("--batch", options->batch, "Images in the table's input")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->footer("Examples:\n  cifar10 summary --arch dilated\n  cifar10 summary --arch compact --norm layer --batch 128");
  command->callback([options] { summary(*options); });
}

void add_evaluate(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("evaluate", "Accuracy of saved weights on the test set, by class too");
  command->add_option("--model", options->model, "A run's folder, or a model.safetensors, of heddle or of PyTorch")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--arch", options->arch, "Where the file does not say")->check(one_of(architecture_names()));
  command->add_option("--norm", options->norm, "Where the file does not say")->check(one_of({"batch", "group", "layer"}));
  command->add_option("--data", options->data, "As for train");
  command->add_option("--logits", options->logits, "Also write the test images' logits here, as safetensors");
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  command->add_option("--threads", options->threads, "CPU threads; 0: one for each core")->check(CLI::NonNegativeNumber);
  command->footer(
      "Examples:\n"
      "  cifar10 evaluate --model runs/compact-batch/model.safetensors\n"
      "  cifar10 evaluate --model weights.safetensors --arch residual --norm group   weights of another program");
  command->callback([options] { evaluate(*options); });
}

}  // namespace cifar10
