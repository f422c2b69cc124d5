// cifar10 study: one architecture with each of its norms, and the comparison.
#include <CLI/CLI.hpp>
#include <memory>

#include "console.hpp"
#include "model.hpp"
#include "options.hpp"
#include "run.hpp"
#include "train.hpp"

namespace cifar10 {
namespace {

namespace fs = std::filesystem;

void study(const TrainOptions& options) {
  const Architecture& architecture = find_architecture(options.arch);
  const fs::path out = options.out.empty() ? new_folder(fs::path("runs") / ("study-" + options.arch)) : options.out;
  CompareOptions comparison{
      .runs = {}, .out = out, .title = options.arch + ": one recipe, " + std::to_string(architecture.norms.size()) + " norms"};
  if (architecture.norms.size() == 1) comparison.title = options.arch + ", " + name_of(architecture.norms[0]) + " norm";
  for (Norm norm : architecture.norms) {
    TrainOptions one = options;
    one.norm = name_of(norm);
    one.out = out / one.norm;
    say("\n{} norm, {} of {}\n", one.norm, comparison.runs.size() + 1, architecture.norms.size());
    comparison.runs.push_back(train(one));
  }
  say("\n");
  compare(comparison);
}

}  // namespace

void add_study(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("study", "Train an architecture with each of its norms, and compare them");
  add_training_options(command, options);
  command->footer(in_user_words(
      "Examples:\n"
      "  cifar10 study --arch compact --epochs 3\n"
      "  cifar10 study --arch residual --out runs/residual-norms\n\n"
      "Each norm's run is a folder of its own in there; one that was stopped goes on with 'cifar10 train --resume FOLDER'."));
  command->callback([options] { study(*options); });
}

}  // namespace cifar10
