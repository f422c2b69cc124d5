// cifar10 train: a network by its recipe, from bytes to a folder with metrics, configuration, weights and a report.
#include "train.hpp"


#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "precision.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "run.hpp"
#include "run_folder.hpp"
#include "suggest.hpp"
#include "watches.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// Runs f; an Error out of it (a full disk) is told with the way back.
template <class F>
void with_way_back(const fs::path& folder, const train::CheckpointFolder& checkpoints, F f) {
  try {
    f();
  } catch (const Error& error) {
    if (!checkpoints.contains()) throw;
    throw Error(strings::format("{}\nThe last checkpoint is whole. Go on with: {}", error.what(), resume_command(folder)));
  }
}

report::MetricsRow row_of(const train::EpochResult& r) {
  return {r.epoch, r.lr, r.train.loss, r.train.accuracy, r.test.loss, r.test.accuracy, r.seconds, r.images_per_second};
}

std::vector<report::MetricsRow> rows_of(const std::vector<train::EpochResult>& history) {
  std::vector<report::MetricsRow> rows;
  for (const auto& epoch : history) rows.push_back(row_of(epoch));
  return rows;
}

// The first epoch of the highest test accuracy.
const train::EpochResult& best_of(const std::vector<train::EpochResult>& history) {
  return *std::max_element(history.begin(), history.end(),
                           [](const auto& a, const auto& b) { return a.test.accuracy < b.test.accuracy; });
}

nlohmann::ordered_json json_of(const train::EpochResult& r) {
  return {{"epoch", r.epoch},           {"lr", r.lr},
          {"train_loss", r.train.loss}, {"train_accuracy", r.train.accuracy},
          {"test_loss", r.test.loss},   {"test_accuracy", r.test.accuracy},
          {"seconds", r.seconds},       {"images_per_second", r.images_per_second}};
}

// Says that a signal ended the training, and how it goes on.
[[noreturn]] void leave(int signal, const fs::path& folder, const train::TrainerState& state) {
  const char* name = signal == SIGINT ? "SIGINT" : "SIGTERM";
  record("interrupted", {{"signal", name}, {"step", state.step}, {"resume", resume_command(folder)}});
  print_error(strings::format("stopped by {} after step {} ({} epochs and {} batches), which is saved. Go on with: {}", name,
                          state.step, state.epoch, state.batch, resume_command(folder)));
  throw Interrupted{signal};
}

}  // namespace

fs::path train(const TrainOptions& options) {
  const Architecture& architecture = find_architecture(options.arch);
  const Norm norm = find_norm(architecture, options.norm);
  const Recipe recipe = chosen_recipe(architecture, options);
  set_num_threads(options.threads);
  const DeviceChoice choice = choose_device(options.device);
  say("Device: {}\n", choice.reason);
  const DType activations = use_precision(options.precision, choice.device);
  const bool goes_on = !options.resume.empty();
  // For this run alone from here on, before anything is read or moved.
  const RunFolder place(goes_on ? options.resume : options.out, fs::path("runs") / (options.arch + "-" + options.norm));
  const fs::path& folder = place.path();

  // Drawn images cost time to draw: only those are that a limit leaves.
  const auto drawn = [](std::int64_t limit, std::int64_t all) { return limit > 0 ? std::min(limit, all) : all; };
  data::DataChoice data = find_data({.folder = options.data,
                                              .synthetic_train = drawn(options.limit, 50000),
                                              .synthetic_test = drawn(options.test_limit, 10000)});
  say("Data: {}\n", data.message);
  if (options.limit > 0) data.train = data.train.subset(std::min(options.limit, data.train.size()));
  if (options.test_limit > 0) data.test = data.test.subset(std::min(options.test_limit, data.test.size()));

  manual_seed(options.seed);
  Net net = architecture.build(norm);
  net.to(choice.device);

  auto steps = recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  const data::Transform augmented(steps);
  const data::DataLoader train_loader(
      data.train.to(choice.device),
      {.batch_size = recipe.batch, .shuffle = true, .seed = options.seed, .transform = augmented, .dtype = activations});
  const data::DataLoader test_loader(
      data.test.to(choice.device),
      {.batch_size = 500,
       .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}},
       .dtype = activations});

  optim::SGD optimizer(net.parameters(), {.lr = recipe.lr, .momentum = recipe.momentum});
  const auto schedule = make_schedule(recipe, optimizer, train_loader.size());

  const auto config = config_of(options, recipe, data, choice, net.num_parameters(), augmented);
  const train::Config same = decisive(config);
  if (!goes_on) place.make_room();
  if (!goes_on) write_file(folder / "config.json", config.dump(2) + "\n");
  train::CheckpointFolder checkpoints(folder / "checkpoints");
  train::TrainerState state;
  std::string resumed_from;
  if (const auto found = goes_on ? checkpoints.load_newest() : std::nullopt) {
    const train::Checkpoint& saved = found->checkpoint;
    resumed_from = found->name;
    for (const auto& why : found->damaged) print_error(strings::format("passed over a damaged checkpoint: {}", why));
    train::check_same(saved.config, same);
    train::restore(saved, net, optimizer, schedule.get(), state);
    say("Going on with {}{} after {} epochs and {} batches (step {})\n", folder.string(),
        found->name == "last" ? "" : ", from its checkpoint '" + found->name + "',", state.epoch, state.batch, state.step);
  }
  report::MetricsCsv csv(folder / "metrics.csv", rows_of(state.history));
  report::EventFile events(folder, goes_on ? std::optional<std::int64_t>(state.epoch + 1) : std::nullopt);
  if (state.epoch == recipe.epochs)
    say("All {} epochs were done: only the report is written again\n", recipe.epochs);
  else
    say("Training {} with {} norm ({} parameters) for {} epochs, batch {}, on {} images\n", options.arch, options.norm,
        net.num_parameters(), recipe.epochs, recipe.batch, data.train.size());
  record("begin", {{"folder", folder.string()}, {"step", state.step}, {"config", config}});

  const auto save = [&](const std::vector<std::string>& names) {
    checkpoints.save(train::make_checkpoint(net, optimizer, schedule.get(), state, same), names);
  };
  // What was fallen back to takes the damaged one's place.
  if (resumed_from != "last" && !resumed_from.empty()) save({"last"});
  Watches watches(options, net, choice.device, train_loader.size() - state.batch);
  const auto on_step = [&](const train::Progress& p, ProgressPrinter& printer) {
    printer.step(p);
    if (watches.step()) {
      printer.clear_line();
      watches.tell_profile(folder);
    }
    if (options.save_every_steps > 0 && state.step % options.save_every_steps == 0) save({"last"});
  };
  // What a run that is killed has told is on the disk first; the checkpoint that goes on from it comes last.
  const auto on_epoch = [&](const train::EpochResult& r, ProgressPrinter& printer) {
    csv.add(row_of(r));
    events.add(r.epoch, report::scalars_of(row_of(r)));
    printer.epoch(r);
    record("epoch", json_of(r));
    std::vector<std::string> names;
    if (options.save_every > 0 && r.epoch % options.save_every == 0) names.push_back(strings::format("epoch-{:04}", r.epoch));
    if (best_of(state.history).epoch == r.epoch) names.push_back("best");
    names.push_back("last");
    save(names);
  };
  {
    const train::SignalWatch signals;
    ProgressPrinter printer(recipe.epochs);
    train::fit(net, optimizer, schedule.get(), train_loader, test_loader,
               {.epochs = recipe.epochs,
                .seed = options.seed,
                .state = &state,
                .on_step =
                    [&](const train::Progress& p) {
                      with_way_back(folder, checkpoints, [&] { on_step(p, printer); });
                      return signals.received() == 0;
                    },
                .on_epoch =
                    [&](const train::EpochResult& r) {
                      with_way_back(folder, checkpoints, [&] { on_epoch(r, printer); });
                      return signals.received() == 0;
                    }});
    if (signals.received()) {
      printer.clear_line();
      with_way_back(folder, checkpoints, [&] { save({"last"}); });
      leave(signals.received(), folder, state);
    }
  }
  with_way_back(folder, checkpoints, [&] {
    save_safetensors(
        folder / "model.safetensors",
        {.tensors = net.state_dict(), .metadata = model_metadata(options.arch, options.norm, data.test.class_names())});
    report::write_report(folder, make_report(net, {.options = options,
                                                   .recipe = recipe,
                                                   .data = data,
                                                   .device = choice,
                                                   .test_loader = test_loader,
                                                   .epochs = rows_of(state.history),
                                                   .configuration = facts_of(config)}));
  });
  const auto &last = state.history.back(), &best = best_of(state.history);
  tell(
      "Test accuracy {} (best {:.2f}%, epoch {}){}\nResults: {} (model.safetensors, checkpoints, metrics.csv, config.json, "
      "events "
      "for TensorBoard)\nReport: {}\n",
      colored(stdout, Color::bold, strings::format("{:.2f}%", last.test.accuracy)), best.test.accuracy, best.epoch,
      data.synthetic ? ", on drawn images: it says nothing about CIFAR-10" : "", folder.string(),
      (folder / "report.html").string());
  record("end", {{"folder", folder.string()},
                 {"test_accuracy", last.test.accuracy},
                 {"test_loss", last.test.loss},
                 {"best_test_accuracy", best.test.accuracy},
                 {"best_epoch", best.epoch},
                 {"synthetic", data.synthetic},
                 {"report", (folder / "report.html").string()}});
  return place.path();
}

void add_training_options(CLI::App* command, const std::shared_ptr<TrainOptions>& options) {
  command->add_option("--arch", options->arch, "transition, dilated, residual, bottleneck or compact")
      ->capture_default_str()
      ->check(one_of(architecture_names()));
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
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  command
      ->add_option("--precision", options->precision,
                   "fp32, or on a GPU tf32 or bf16: what convolutions multiply in; with bf16 activations are stored in it, too")
      ->capture_default_str()
      ->check(one_of({"fp32", "tf32", "bf16"}));
  command->add_option("--limit", options->limit, "Train on the first N images only")->check(CLI::NonNegativeNumber);
  command->add_option("--test-limit", options->test_limit, "Test on the first N images only")->check(CLI::NonNegativeNumber);
  command->add_flag("--augment,!--no-augment", options->augment, "The recipe's augmentation (default), or none");
  command
      ->add_option("--save-every", options->save_every, "Keep the checkpoint of every N-th epoch, beside the last and the best")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--save-every-steps", options->save_every_steps,
                   "Save the last checkpoint every N steps, not only each epoch")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--profile", options->profile, "Time ten steps by layer: a table, and a trace for ui.perfetto.dev");
  command->add_flag("--check-numerics", options->check_numerics,
                    "End at the first NaN or infinity, and name its layer and pass; slows training down");
  command->add_option("--out", options->out, "Folder for the results; default: a new one under runs/");
}

void add_train(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a network, by default by its author's recipe");
  add_training_options(command, options);
  command->add_option("--norm", options->norm, "batch, group or layer (dilated: batch)")
      ->capture_default_str()
      ->check(one_of({"batch", "group", "layer"}));
  command->add_option("--resume", options->resume, "Folder of a run to go on with, by its own options, to the same bits")
      ->excludes(command->get_option("--out"));
  command->footer(
      "Examples:\n"
      "  cifar10 train --arch compact --norm group --epochs 3\n"
      "  cifar10 train --data synthetic --limit 2000 --epochs 1   a first try, without a download\n"
      "  cifar10 train --arch residual --out runs/mine            an earlier run there is kept, in previous-1\n"
      "  cifar10 train --resume runs/mine                         goes on where it was stopped or killed\n"
      "  cifar10 train --arch compact --json | jq .test_accuracy  lines for programs\n\n"
      "Ctrl-C finishes the step and saves; a second one ends at once.");
  command->callback([command, options] { train(options->resume.empty() ? *options : options_to_resume(*command, *options)); });
}

}  // namespace cifar10
