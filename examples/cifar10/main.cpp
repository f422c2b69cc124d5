// cifar10: trains, describes, evaluates and compares the five networks.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <filesystem>
#include <new>

#include "console.hpp"
#include "options.hpp"
#include "suggest.hpp"
#include "version.hpp"

namespace {

using namespace cifar10;

constexpr const char* examples =
    "Examples:\n"
    "  cifar10 train                                  bottleneck with batch norm, by its author's recipe\n"
    "  cifar10 train --arch compact --norm group --epochs 3\n"
    "  cifar10 train --resume runs/compact-group      continues where it was stopped or killed\n"
    "  cifar10 summary --arch dilated                 the layer table\n"
    "  cifar10 evaluate runs/bottleneck-batch         accuracy on the test set\n"
    "  cifar10 lr-find --arch compact                 a sweep over learning rates, with a suggestion\n"
    "  cifar10 predict runs/compact-group cat.png     what a picture shows\n"
    "  cifar10 gradcam runs/compact-group             what the network looks at\n"
    "  cifar10 study --arch compact --epochs 3        all its norms, compared\n"
    "  cifar10 export runs/bottleneck-batch --onnx bottleneck.onnx\n"
    "  cifar10 compare runs/compact-batch runs/compact-group\n\n"
    "'cifar10 COMMAND --help' tells more. Exit status: 0 done, 1 an error (told on standard error), 2 a mistake on the\n"
    "command line; 130 stopped by Ctrl-C, 143 by SIGTERM and 129 by a closed terminal, all after saving.";

int run(int argc, char** argv) {
  CLI::App app("Small networks for CIFAR-10, trained by heddle.", program_command());
  app.footer(in_user_words(examples));
  app.set_version_flag("--version", version_text(), "Print the version and exit");
  app.require_subcommand(1);
  app.fallthrough();
  add_console_options(app);
  add_train(app);
  add_summary(app);
  add_evaluate(app);
  add_compare(app);
  add_study(app);
  add_predict(app);
  add_gradcam(app);
  add_lr_find(app);
  add_interop(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  } catch (const Interrupted& interrupted) {
    return 128 + interrupted.signal;
  } catch (const std::filesystem::filesystem_error& error) {
    print_error(strings::format("[files] expected to be able to use {}, got: {}", error.path1().string(), error.code().message()));
  } catch (const std::bad_alloc&) {
    print_error("[memory] expected room in memory, got none");
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  // A limit on file sizes (ulimit -f) is then an error that names the file, as a full disk is. SIGPIPE keeps its usual effect:
  // a reader that has seen enough, as head has, ends the program without a word.
  std::signal(SIGXFSZ, SIG_IGN);
  set_program_command(argc > 0 ? argv[0] : nullptr);
  return finish_output(run(argc, argv));
}
