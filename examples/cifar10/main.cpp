// cifar10: trains, describes, evaluates and compares the five networks.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "console.hpp"
#include "options.hpp"
#include "suggest.hpp"

int main(int argc, char** argv) {
  // A limit on file sizes (ulimit -f) is then an error that names the file, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app("Small networks for CIFAR-10, trained by heddle.", "cifar10");
  app.footer(
      "Examples:\n"
      "  cifar10 train                                  bottleneck with batch norm, by its author's recipe\n"
      "  cifar10 train --arch compact --norm group --epochs 3\n"
      "  cifar10 train --resume runs/compact-group      goes on where it was stopped or killed\n"
      "  cifar10 summary --arch dilated                 the layer table\n"
      "  cifar10 evaluate --model runs/bottleneck-batch/model.safetensors\n"
      "  cifar10 lr-find --arch compact                 a sweep over learning rates, with a suggestion\n"
      "  cifar10 predict runs/compact-group cat.png     what a picture shows\n"
      "  cifar10 gradcam runs/compact-group             what the network looks at\n"
      "  cifar10 study --arch compact --epochs 3        all its norms, compared\n"
      "  cifar10 export runs/bottleneck-batch --onnx bottleneck.onnx\n"
      "  cifar10 compare runs/compact-batch runs/compact-group\n\n"
      "'cifar10 COMMAND --help' tells more. Exit status: 0 done, 1 an error (told on standard error), 2 a mistake on the\n"
      "command line, 130 stopped by Ctrl-C and 143 by SIGTERM, both after saving.");
  app.require_subcommand(1);
  app.fallthrough();
  cifar10::add_console_options(app);
  cifar10::add_train(app);
  cifar10::add_summary(app);
  cifar10::add_evaluate(app);
  cifar10::add_compare(app);
  cifar10::add_study(app);
  cifar10::add_predict(app);
  cifar10::add_gradcam(app);
  cifar10::add_lr_find(app);
  cifar10::add_interop(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return cifar10::explain(app, error);
  } catch (const cifar10::Interrupted& interrupted) {
    return 128 + interrupted.signal;
  } catch (const std::exception& error) {
    cifar10::print_error(error.what());
    return 1;
  }
}
