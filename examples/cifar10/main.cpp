// cifar10: trains, describes, evaluates and compares the five networks.
//
// Exit status: 0 done, 1 an error (told on standard error), 2 a mistake on the command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "options.hpp"

int main(int argc, char** argv) {
  CLI::App app(
      "Small networks for CIFAR-10, trained by heddle.\n\n"
      "  cifar10 train                                  bottleneck with batch norm, by its author's recipe\n"
      "  cifar10 train --arch compact --norm group --epochs 3\n"
      "  cifar10 summary --arch dilated                 the layer table\n"
      "  cifar10 evaluate --model runs/bottleneck-batch/model.safetensors\n"
      "  cifar10 study --arch compact --epochs 3        all its norms, compared\n"
      "  cifar10 compare runs/compact-batch runs/compact-group\n",
      "cifar10");
  app.require_subcommand(1);
  app.fallthrough();
  cifar10::add_train(app);
  cifar10::add_summary(app);
  cifar10::add_evaluate(app);
  cifar10::add_compare(app);
  cifar10::add_study(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "cifar10: {}\n", error.what());
    return 1;
  }
}
