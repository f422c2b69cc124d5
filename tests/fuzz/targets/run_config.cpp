// config.json of a run that is resumed: its options, the recipe that they change, the schedule that follows.
#include <CLI/CLI.hpp>

#include "config.hpp"
#include "model.hpp"
#include "options.hpp"
#include "run.hpp"
#include "tests/fuzz/memory_folder.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFolder run;
  static CLI::App app;
  static const CLI::App* const command = [] {
    cifar10::add_train(app);
    return app.get_subcommand("train");
  }();
  static Tensor weight = zeros({2}).requires_grad_();
  static optim::SGD optimizer({weight}, {.lr = 0.1});
  run.write("config.json", {reinterpret_cast<const char*>(data), size});

  const fuzz::Input input(data, size);
  fuzz::accepts([&] {
    cifar10::TrainOptions given;
    given.resume = run.path();
    const auto options = cifar10::options_to_resume(*command, given);
    const auto& architecture = cifar10::find_architecture(options.arch);
    cifar10::find_norm(architecture, options.norm);
    const auto recipe = cifar10::chosen_recipe(architecture, options);
    fuzz::require(recipe.epochs > 0 && recipe.batch > 0, "a run has epochs and images a step");
    const auto schedule = cifar10::make_schedule(recipe, optimizer, 10);
    if (schedule) schedule->step();
  });
  return 0;
}
