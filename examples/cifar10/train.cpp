// cifar10 train: a network by its recipe, from bytes to a folder with metrics, configuration, weights and a report.
#include "train.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "heddle/heddle.hpp"
#include "model.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "report.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// The recipe with what the command line changes.
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

// What a run leaves.
bool is_result(const fs::path& path) {
  static const char* const names[] = {"metrics.csv", "config.json",       "model.safetensors", "report.html",
                                      "curves.png",  "misclassified.png", "confusion.png",     "samples.png"};
  const std::string name = path.filename().string();
  return std::find(std::begin(names), std::end(names), name) != std::end(names) || name.rfind("events.out.tfevents.", 0) == 0;
}

// A folder for this run. One that is named keeps an earlier run's files, moved into previous-1, previous-2, ...; one that is
// not named is a new one.
fs::path make_run_folder(const TrainOptions& options) {
  const fs::path folder =
      options.out.empty() ? new_folder(fs::path("runs") / (options.arch + "-" + options.norm)) : options.out;
  fs::create_directories(folder);
  std::vector<fs::path> earlier;
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_result(entry.path())) earlier.push_back(entry.path());
  if (!earlier.empty()) {
    int n = 1;
    while (fs::exists(folder / ("previous-" + std::to_string(n)))) ++n;
    const fs::path shelf = folder / ("previous-" + std::to_string(n));
    fs::create_directories(shelf);
    for (const auto& path : earlier) fs::rename(path, shelf / path.filename());
    fmt::print("Moved the earlier run's files to {}\n", shelf.string());
  }
  return folder;
}

nlohmann::ordered_json config_of(const TrainOptions& options, const Recipe& recipe, const data::DataChoice& data, Device device,
                                 std::int64_t parameters, const data::Transform& transform) {
  const char* const schedules[] = {"constant", "one_cycle", "points"};
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
          {"device", device.str()},
          {"threads", get_num_threads()},
          {"data", data.message},
          {"synthetic", data.synthetic},
          {"train_images", data.train.size()},
          {"test_images", data.test.size()},
          {"command", command_of(options)}};
}

report::Facts facts_of(const nlohmann::ordered_json& config) {
  report::Facts facts;
  for (const auto& [name, value] : config.items())
    if (name != "command") facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  return facts;
}

std::int64_t batches_of(std::int64_t images, std::int64_t batch) {
  return (images + batch - 1) / batch;
}

}  // namespace

fs::path new_folder(const fs::path& base) {
  fs::path folder = base;
  for (int n = 2; fs::exists(folder); ++n) folder = base.string() + "-" + std::to_string(n);
  return folder;
}

fs::path train(const TrainOptions& options) {
  const Architecture& architecture = find_architecture(options.arch);
  const Norm norm = find_norm(architecture, options.norm);
  const Recipe recipe = chosen_recipe(architecture, options);
  set_num_threads(options.threads);
  const DeviceChoice choice = choose_device(options.device);
  fmt::print("Device: {}\n", choice.reason);

  data::DataChoice data = data::find_cifar10({.folder = options.data});
  fmt::print("Data: {}\n", data.message);
  if (options.limit > 0) data.train = data.train.subset(std::min(options.limit, data.train.size()));

  manual_seed(options.seed);
  Net net = architecture.build(norm);
  net.to(choice.device);

  auto steps = recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  const data::Transform augmented(steps);
  const data::DataLoader train_loader(
      data.train.to(choice.device),
      {.batch_size = recipe.batch, .shuffle = true, .seed = options.seed, .transform = augmented});
  const data::DataLoader test_loader(
      data.test.to(choice.device),
      {.batch_size = 500, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});

  optim::SGD optimizer(net.parameters(), {.lr = recipe.lr, .momentum = recipe.momentum});
  const auto schedule = make_schedule(recipe, optimizer, batches_of(data.train.size(), recipe.batch));

  const fs::path folder = make_run_folder(options);
  const auto config = config_of(options, recipe, data, choice.device, net.num_parameters(), augmented);
  write_file(folder / "config.json", config.dump(2) + "\n");
  report::MetricsCsv csv(folder / "metrics.csv");
  report::EventFile events(folder);
  std::vector<report::MetricsRow> rows;
  fmt::print("Training {} with {} norm ({} parameters) for {} epochs, batch {}, on {} images\n", options.arch, options.norm,
             net.num_parameters(), recipe.epochs, recipe.batch, data.train.size());

  ProgressPrinter printer(recipe.epochs);
  const auto history = train::fit(net, optimizer, schedule.get(), train_loader, test_loader,
                                  {.epochs = recipe.epochs,
                                   .seed = options.seed,
                                   .on_step = [&](const train::Progress& p) { printer.step(p); },
                                   .on_epoch =
                                       [&](const train::EpochResult& r) {
                                         printer.epoch(r);
                                         rows.push_back({r.epoch, r.lr, r.train.loss, r.train.accuracy, r.test.loss,
                                                         r.test.accuracy, r.seconds, r.images_per_second});
                                         csv.add(rows.back());
                                         events.add(r.epoch, report::scalars_of(rows.back()));
                                         return true;
                                       }});
  save_safetensors(
      folder / "model.safetensors",
      {.tensors = net.state_dict(), .metadata = {{"format", "pt"}, {"arch", options.arch}, {"norm", options.norm}}});
  report::write_report(folder, make_report(net, {.options = options,
                                                 .recipe = recipe,
                                                 .data = data,
                                                 .device = choice,
                                                 .test_loader = test_loader,
                                                 .epochs = rows,
                                                 .configuration = facts_of(config)}));
  const auto best = std::max_element(history.begin(), history.end(),
                                     [](const auto& a, const auto& b) { return a.test.accuracy < b.test.accuracy; });
  fmt::print(
      "Test accuracy {:.2f}% (best {:.2f}%, epoch {}){}\nResults: {} (model.safetensors, metrics.csv, config.json, events for "
      "TensorBoard)\nReport: {}\n",
      history.back().test.accuracy, best->test.accuracy, best->epoch,
      data.synthetic ? ", on drawn images: it says nothing about CIFAR-10" : "", folder.string(),
      (folder / "report.html").string());
  return folder;
}

void add_training_options(CLI::App* command, const std::shared_ptr<TrainOptions>& options) {
  command->add_option("--arch", options->arch, "transition, dilated, residual, bottleneck or compact")->capture_default_str();
  command->add_option(
      "--data", options->data,
      "Folder of cifar-10-batches-bin, or 'synthetic'; default: $CIFAR10_DIR, ./data, a download, a synthetic stand-in");
  command->add_option("--epochs", options->epochs, "Passes over the training set")->check(CLI::PositiveNumber);
  command->add_option("--batch", options->batch, "Images a step")->check(CLI::PositiveNumber);
  command->add_option("--lr", options->lr, "Learning rate, where the recipe's schedule has its peak")
      ->check(CLI::PositiveNumber);
  command->add_option("--momentum", options->momentum, "Of SGD")->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", options->seed, "Of weights, batch order, augmentation and dropout")->capture_default_str();
  command->add_option("--threads", options->threads, "CPU threads; 0: one for each core")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--limit", options->limit, "Train on the first N images only")->check(CLI::NonNegativeNumber);
  command->add_flag("--augment,!--no-augment", options->augment, "The recipe's augmentation (default), or none");
  command->add_option("--out", options->out, "Folder for the results; default: a new one under runs/");
}

void add_train(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a network, by default by its author's recipe");
  add_training_options(command, options);
  command->add_option("--norm", options->norm, "batch, group or layer (dilated: batch)")->capture_default_str();
  command->callback([options] { train(*options); });
}

}  // namespace cifar10
