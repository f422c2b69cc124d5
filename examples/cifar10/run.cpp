#include "run.hpp"

#include <algorithm>

#include "console.hpp"
#include "report.hpp"

namespace cifar10 {

using namespace heddle;
namespace fs = std::filesystem;

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

std::string resume_command(const fs::path& folder) {
  const std::string name = folder.string();
  return program_command() + " train --resume " + quoted(name.starts_with('-') ? "./" + name : name);
}

}  // namespace cifar10
