// The command lines of cifar10 train, and of the other commands that train.
#include <CLI/CLI.hpp>

#include "config.hpp"
#include "console.hpp"
#include "numbers.hpp"
#include "suggest.hpp"
#include "train.hpp"

namespace cifar10 {

void add_training_options(CLI::App* command, const std::shared_ptr<TrainOptions>& options) {
  command->add_option("--arch", options->arch, "transition, dilated, residual, bottleneck or compact")
      ->capture_default_str()
      ->check(one_of(architecture_names()));
  command->add_option(
      "--data", options->data,
      "Folder of cifar-10-batches-bin, or 'synthetic'; default: $CIFAR10_DIR, ./data, a download, a synthetic stand-in");
  add_whole(*command, "--epochs", options->epochs, ranges::epochs, "Passes over the training set");
  add_whole(*command, "--batch", options->batch, ranges::batch, "Images a step");
  add_real(*command, "--lr", options->lr, ranges::lr, "Learning rate, where the recipe's schedule has its peak");
  add_real(*command, "--momentum", options->momentum, ranges::momentum, "Of SGD");
  add_whole_or(*command, "--seed", options->seed, ranges::seed, "Of weights, batch order, augmentation and dropout");
  add_whole_or(*command, "--threads", options->threads, ranges::threads, "CPU threads; 0: one for each core");
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  command
      ->add_option("--precision", options->precision,
                   "fp32, or on a GPU tf32 or bf16: what convolutions multiply in; with bf16 activations are stored in it, too")
      ->capture_default_str()
      ->check(one_of({"fp32", "tf32", "bf16"}));
  add_whole(*command, "--limit", options->limit, ranges::images, "Train on the first N images only; 0: on all");
  add_whole(*command, "--test-limit", options->test_limit, ranges::images, "Test on the first N images only; 0: on all");
  command->add_flag("--augment,!--no-augment", options->augment, "The recipe's augmentation (default), or none");
  add_whole(*command, "--save-every", options->save_every, ranges::save_every,
            "Keep the checkpoint of every N-th epoch, beside the last and the best; 0: of none");
  add_whole(*command, "--save-every-steps", options->save_every_steps, ranges::save_every,
            "Save the last checkpoint every N steps, not only each epoch; 0: each epoch");
  command->add_flag("--profile", options->profile, "Time ten steps by layer: a table, and a trace for ui.perfetto.dev");
  command->add_flag("--check-numerics", options->check_numerics,
                    "End at the first NaN or infinity, and name its layer and pass; slows training down");
  command->add_option("--out", options->out, "Folder for the results; default: a new one under runs/");
}

void add_train(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a network, by default by its author's recipe");
  add_training_options(command, options);
  command->add_option("--norm", options->norm, "batch, group or layer (dilated: batch)")
      ->capture_default_str()
      ->check(one_of({"batch", "group", "layer"}));
  command
      ->add_option("--resume", options->resume,
                   "Folder of a run to continue, by its own options, to the same bits; with --epochs N to another end")
      ->excludes(command->get_option("--out"));
  command->footer(
      in_user_words("Examples:\n"
                    "  cifar10 train --arch compact --norm group --epochs 3\n"
                    "  cifar10 train --data synthetic --limit 2000 --epochs 1   a first try, without a download\n"
                    "  cifar10 train --arch residual --out runs/mine            an earlier run there is kept, in previous-1\n"
                    "  cifar10 train --resume runs/mine                         continues where it was stopped or killed\n"
                    "  cifar10 train --resume runs/mine --epochs 30             extends it to thirty epochs in all\n"
                    "  cifar10 train --arch compact --json | jq .test_accuracy  lines for programs\n\n"
                    "Ctrl-C finishes the step and saves; a second one ends at once."));
  command->callback([command, options] { train(options->resume.empty() ? *options : options_to_resume(*command, *options)); });
}

}  // namespace cifar10
