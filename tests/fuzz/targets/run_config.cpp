// config.json of a run that shall go on: its options, the recipe that they change, the schedule that follows.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "model.hpp"
#include "options.hpp"
#include "run.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

namespace {

// In memory where the system has a place for that.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::error_code none;
    const std::filesystem::path memory = "/dev/shm";
    std::string name = ((std::filesystem::is_directory(memory, none) ? memory : std::filesystem::temp_directory_path()) / "heddle-fuzz-XXXXXX").string();
    fuzz::require(::mkdtemp(name.data()), "there is a place for a folder");
    path = name;
  }
  ~Folder() {
    std::error_code none;
    std::filesystem::remove_all(path, none);
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder run;
  static CLI::App app;
  static const CLI::App* const command = [] {
    cifar10::add_train(app);
    return app.get_subcommand("train");
  }();
  static Tensor weight = zeros({2}).requires_grad_();
  static optim::SGD optimizer({weight}, {.lr = 0.1});
  std::ofstream(run.path / "config.json", std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));

  const fuzz::Input input(data, size);
  fuzz::accepts([&] {
    cifar10::TrainOptions given;
    given.resume = run.path;
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
