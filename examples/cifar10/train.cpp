// cifar10 train: a network by its recipe, from bytes to a folder with metrics, configuration, weights and a report.
#include "train.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "config.hpp"
#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "precision.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "run.hpp"
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
  const char* name = signal == SIGINT ? "SIGINT" : signal == SIGHUP ? "SIGHUP" : "SIGTERM";
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

  const bool goes_on = !options.resume.empty();
  auto config = config_of(options, recipe, data, choice, net.num_parameters(), augmented);
  const train::Config same = decisive(config);
  const fs::path folder = goes_on ? options.resume : make_run_folder(options);
  const auto write_config = [&] { write_file(folder / "config.json", text_of(config, 2) + "\n"); };
  if (!goes_on) write_config();
  train::CheckpointFolder checkpoints(folder / "checkpoints");
  train::TrainerState state;
  if (goes_on && checkpoints.contains()) {
    const auto saved = checkpoints.load();
    const auto epochs_before = check_continues(saved.config, same, saved.trainer);
    train::restore(saved, net, optimizer, schedule.get(), state);
    say("Going on with {} after {} epochs and {} batches (step {})\n", folder.string(), state.epoch, state.batch, state.step);
    if (epochs_before) {
      config["extended_from"].push_back(*epochs_before);
      write_config();
      say("It was to have {} epochs and now has {}{}\n", *epochs_before, recipe.epochs,
          schedule ? ": learning rates from here on are those of the longer or shorter schedule, so the weights will be others "
                     "than those of a run that had it from the start"
                   : "");
    }
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
  return folder;
}

}  // namespace cifar10
