// cifar10 lr-find: a sweep over learning rates, its curve, and a suggestion.
#include "lr_find.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model.hpp"
#include "numbers.hpp"
#include "run.hpp"
#include "status_line.hpp"
#include "suggest.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

std::vector<report::Chart> charts_of(const train::LRCurve& curve) {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  report::Series losses{.name = "of each step", .points = {}, .colour = 1, .dashed = false},
      smoothed{.name = "smoothed", .points = {}, .colour = 0},
      slopes{.name = "of the smoothed loss", .points = {}, .colour = 2};
  // How a sweep explodes would press everything else flat.
  const double most = 1.25 * curve.points.front().loss;
  double steepest = 0;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    if (curve.points[i].loss <= most) shown = i + 1;
    steepest = std::min(steepest, curve.points[i].slope);
  }
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& p = curve.points[i];
    const double x = std::log10(p.lr);
    losses.points.push_back({x, p.loss <= most ? p.loss : nothing});
    smoothed.points.push_back({x, p.smoothed});
    slopes.points.push_back({x, steepest == 0 || p.slope <= -2 * steepest ? p.slope : nothing});
  }
  std::vector<report::Mark> marks;
  if (curve.suggestion > 0) marks.push_back({std::log10(curve.suggestion), strings::format("{:.2g}", curve.suggestion)});
  const auto chart = [&](const char* title, std::vector<report::Series> series) {
    return report::Chart{
        .title = title, .series = std::move(series), .decimals = 4, .x_name = "lr", .powers_of_ten = true, .marks = marks};
  };
  return {chart("Loss", {losses, smoothed}), chart("Slope, for each power of ten", {slopes})};
}

std::string csv_of(const train::LRCurve& curve) {
  std::string text = "lr,loss,smoothed,slope\n";
  for (const auto& p : curve.points) text += strings::format("{:.9g},{:.9g},{:.9g},{:.9g}\n", p.lr, p.loss, p.smoothed, p.slope);
  return text;
}

std::string summary_of(const train::LRCurve& curve) {
  const std::string sweep = strings::format("{} steps from {:.2g} to {:.2g}{}", curve.points.size(), curve.points.front().lr,
                                        curve.points.back().lr, curve.diverged ? ", where the loss broke" : "");
  if (curve.suggestion == 0) return sweep + ": the loss never fell, so there is nothing to suggest";
  return strings::format("{}: the loss falls most steeply at a learning rate of {:.2g} and is least at {:.2g}", sweep,
                     curve.suggestion, curve.minimum);
}

}  // namespace

fs::path find_learning_rate(const LRFindOptions& options) {
  const TrainOptions& training = options.training;
  const Architecture& architecture = find_architecture(training.arch);
  const Norm norm = find_norm(architecture, training.norm);
  const Recipe recipe = chosen_recipe(architecture, training);
  set_num_threads(training.threads);
  const DeviceChoice choice = choose_device(training.device);
  say("Device: {}\n", choice.reason);
  data::FindOptions where{.folder = training.data, .synthetic_test = 1};
  if (training.limit > 0) where.synthetic_train = std::min(training.limit, where.synthetic_train);
  data::DataChoice data = find_data(where);
  say("Data: {}\n", data.message);
  if (training.limit > 0) data.train = data.train.subset(std::min(training.limit, data.train.size()));

  manual_seed(training.seed);
  Net net = architecture.build(norm);
  net.to(choice.device);
  auto steps = recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  const data::DataLoader loader(data.train.to(choice.device), {.batch_size = recipe.batch,
                                                               .shuffle = true,
                                                               .drop_last = data.train.size() >= recipe.batch,
                                                               .seed = training.seed,
                                                               .transform = data::Transform(steps)});
  optim::SGD optimizer(net.parameters(), {.lr = recipe.lr, .momentum = recipe.momentum});
  StatusLine line(is_terminal(stderr) && !is_quiet());
  const auto progress = [&](int step, double lr, double loss) {
    line.draw(join_parts(fit_parts({{strings::format("step {}/{}", step, options.steps), 3},
                                    {strings::format("lr {:.2g}", lr), 1},
                                    {strings::format("loss {:.4f}", loss), 2}},
                                   StatusLine::columns())));
  };
  const auto curve = train::find_lr(
      net, optimizer, loader,
      {.start_lr = options.start, .end_lr = options.end, .steps = options.steps, .seed = training.seed, .on_step = progress});
  line.clear();

  const fs::path folder =
      training.out.empty() ? new_folder(fs::path("runs") / ("lr-find-" + training.arch + "-" + training.norm)) : training.out;
  fs::create_directories(folder);
  const std::string title = strings::format("Learning rates: {}, {} norm, batch {}", training.arch, training.norm, recipe.batch);
  const std::string summary = summary_of(curve);
  write_file(folder / "lr_find.csv", csv_of(curve));
  report::save_png(folder / "lr_find.png", report::draw_charts(title, charts_of(curve)));
  write_file(folder / "lr_find.html", report::charts_page(title, summary + ".", charts_of(curve)));
  tell("{}\n", summary);
  if (curve.suggestion > 0)
    tell("Suggestion: --lr {} (the recipe has {:g})\n", colored(stdout, Color::bold, strings::format("{:.2g}", curve.suggestion)),
         architecture.recipe.lr);
  tell("Curve: {} (lr_find.html, lr_find.csv)\n", (folder / "lr_find.png").string());
  record("lr_find",
         {{"suggestion", curve.suggestion > 0 ? nlohmann::ordered_json(curve.suggestion) : nlohmann::ordered_json(nullptr)},
          {"minimum", curve.suggestion > 0 ? nlohmann::ordered_json(curve.minimum) : nlohmann::ordered_json(nullptr)},
          {"steps", curve.points.size()},
          {"diverged", curve.diverged},
          {"folder", folder.string()}});
  return folder;
}

void add_lr_find(CLI::App& app) {
  auto options = std::make_shared<LRFindOptions>();
  TrainOptions& training = options->training;
  CLI::App* command = app.add_subcommand("lr-find", "Sweep over learning rates to find a good one for a network");
  command->add_option("--arch", training.arch, "transition, dilated, residual, bottleneck or compact")
      ->capture_default_str()
      ->check(one_of(architecture_names()));
  command->add_option("--norm", training.norm, "batch, group or layer (dilated: batch)")
      ->capture_default_str()
      ->check(one_of({"batch", "group", "layer"}));
  command->add_option("--data", training.data, "As for train");
  add_real_or(*command, "--start", options->start, ranges::lr, "Learning rate of the first step");
  add_real_or(*command, "--end", options->end, ranges::lr, "Of the last, unless the loss breaks before");
  add_whole_or(*command, "--steps", options->steps, {10, 100'000}, "Steps of the sweep");
  add_whole(*command, "--batch", training.batch, ranges::batch, "Images a step");
  add_real(*command, "--momentum", training.momentum, ranges::momentum, "Of SGD");
  add_whole(*command, "--limit", training.limit, ranges::images, "Use the first N training images only; 0: all");
  command->add_flag("--augment,!--no-augment", training.augment, "The recipe's augmentation (default), or none");
  add_whole_or(*command, "--seed", training.seed, ranges::seed, "Of weights, batch order, augmentation and dropout");
  add_whole_or(*command, "--threads", training.threads, ranges::threads, "CPU threads; 0: one for each core");
  command->add_option("--device", training.device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  command->add_option("--out", training.out,
                      "Folder for lr_find.png, lr_find.html and lr_find.csv; default: a new one under runs/");
  command->footer(in_user_words(
      "Examples:\n  cifar10 lr-find --arch compact\n  cifar10 lr-find --arch residual --norm group --steps 200 --end 1"));
  command->callback([options] { find_learning_rate(*options); });
}

}  // namespace cifar10
