// cifar10 summary and cifar10 evaluate.

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model.hpp"
#include "model_file.hpp"
#include "numbers.hpp"
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
                      {"receptive_field", layer.receptive_field}});
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
  std::vector<std::vector<std::int64_t>> confusion(names.size(), std::vector<std::int64_t>(names.size()));
  for (std::size_t i = 0; i < predictions.label.size(); ++i)
    ++confusion[static_cast<std::size_t>(predictions.label[i])][static_cast<std::size_t>(predictions.predicted[i])];
  const auto scores = report::class_scores(confusion);
  tell("{} with {} norm: loss {:.4f}, accuracy {} of {} test images\n", model.architecture->name, name_of(model.norm),
       metrics.loss, colored(stdout, Color::bold, strings::format("{:.2f}%", metrics.accuracy)), metrics.count);
  auto classes = nlohmann::ordered_json::object(), rows = nlohmann::ordered_json::array();
  const auto per_cent = [](double share) { return std::isnan(share) ? "     -" : strings::format("{:5.1f}%", 100 * share); };
  for (std::size_t c = 0; c < names.size(); ++c) {
    const auto& s = scores[c];
    rows.push_back({{"name", names[c]}, {"images", s.images}, {"precision", s.precision}, {"recall", s.recall}, {"f1", s.f1}});
    if (s.images == 0) continue;
    tell("  {:<12} {:6.2f}%  ({} of {})  precision {}  F1 {}\n", names[c], 100 * s.recall, s.right, s.images,
         per_cent(s.precision), per_cent(s.f1));
    classes[names[c]] = 100 * s.recall;
  }
  record("evaluation", {{"model", options.model.string()},
                        {"arch", model.architecture->name},
                        {"norm", name_of(model.norm)},
                        {"loss", metrics.loss},
                        {"accuracy", metrics.accuracy},
                        {"images", metrics.count},
                        {"synthetic", data.synthetic},
                        {"class_accuracy", classes},
                        {"classes", rows}});
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
  add_whole_or(*command, "--batch", options->batch, ranges::batch, "Images in the table's input");
  command->footer(in_user_words(
      "Examples:\n  cifar10 summary --arch dilated\n  cifar10 summary --arch compact --norm layer --batch 128"));
  command->callback([options] { summary(*options); });
}

void add_evaluate(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("evaluate", "Accuracy of saved weights on the test set, by class too");
  auto* const run = command->add_option("RUN", options->model, "A run's folder, or a model.safetensors, of heddle or of PyTorch")
                        ->check(CLI::ExistingPath);
  auto* const model = command->add_option("--model", options->model, "The same by name")->check(CLI::ExistingPath);
  command->add_option("--arch", options->arch, "Where the file does not say")->check(one_of(architecture_names()));
  command->add_option("--norm", options->norm, "Where the file does not say")->check(one_of({"batch", "group", "layer"}));
  command->add_option("--data", options->data, "As for train");
  command->add_option("--logits", options->logits, "Also write the test images' logits here, as safetensors");
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  add_whole_or(*command, "--threads", options->threads, ranges::threads, "CPU threads; 0: one for each core");
  command->footer(in_user_words(
      "Examples:\n"
      "  cifar10 evaluate runs/compact-batch\n"
      "  cifar10 evaluate weights.safetensors --arch residual --norm group   weights of another program"));
  command->callback([options, run, model] {
    if (run->count() + model->count() == 0) throw CLI::RequiredError("RUN");
    if (run->count() > 0 && model->count() > 0) throw CLI::ExcludesError("RUN", "--model");
    evaluate(*options);
  });
}

}  // namespace cifar10
