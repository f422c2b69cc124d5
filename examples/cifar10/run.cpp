#include "run.hpp"

#include <algorithm>

#include "console.hpp"
#include "report.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// What a run leaves.
bool is_result(const fs::path& path) {
  static const char* const names[] = {"metrics.csv", "config.json",       "model.safetensors", "report.html",
                                      "curves.png",  "misclassified.png", "confusion.png",     "samples.png",
                                      "checkpoints", "profile.txt",       "trace.json"};
  const std::string name = path.filename().string();
  return std::find(std::begin(names), std::end(names), name) != std::end(names) || name.rfind("events.out.tfevents.", 0) == 0;
}

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

fs::path new_folder(const fs::path& base) {
  fs::path folder = base;
  for (int n = 2; fs::exists(folder); ++n) folder = base.string() + "-" + std::to_string(n);
  return folder;
}

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
    say("Moved the earlier run's files to {}\n", shelf.string());
  }
  return folder;
}

std::string resume_command(const fs::path& folder) {
  const std::string name = folder.string();
  return program_command() + " train --resume " + quoted(name.starts_with('-') ? "./" + name : name);
}

}  // namespace cifar10
