// The program's options, one struct a subcommand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cifar10 {

struct TrainOptions {
  std::string arch = "bottleneck", norm = "batch";
  std::string device = "auto", precision = "fp32";
  std::filesystem::path data = {}, out = {};  ///< empty: found, and runs/ARCH-NORM
  std::optional<int> epochs = {}, batch = {};
  std::optional<double> lr = {}, momentum = {};
  std::uint64_t seed = 1;
  int threads = 0;
  std::int64_t limit = 0, test_limit = 0;  ///< train, or test, on the first images only; 0: all
  bool augment = true;
  bool profile = false, check_numerics = false;  ///< see watches.hpp
  std::filesystem::path resume = {};  ///< the folder of a run to go on with; empty: a new run
  int save_every = 0;                 ///< keep the checkpoint of every so many epochs; 0: none but the last and the best
  std::int64_t save_every_steps = 0;  ///< save the last checkpoint also within epochs; 0: only at their ends
};

/// A training that a signal ended; it was saved, and the user was told.
struct Interrupted {
  int signal;
};

struct SummaryOptions {
  std::string arch = "bottleneck", norm = "batch";
  int batch = 1;
};

struct EvaluateOptions {
  std::filesystem::path model, data;
  std::filesystem::path logits;  ///< where to write the test images' logits; empty: nowhere
  std::string arch, norm;        ///< empty: what the file says
  std::string device = "auto";
  int threads = 0;
};

struct CompareOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path out;  ///< the command: empty for a new one under runs/
  std::string title;
};

/// Lays finished (or running) runs over each other: compare.html, compare.png and compare.txt in a folder, the table on
/// standard output.
void compare(const CompareOptions& options);

/// Each adds its subcommand to the program; running it is what the program then does.
void add_train(CLI::App& app);
void add_summary(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_compare(CLI::App& app);
void add_study(CLI::App& app);
void add_predict(CLI::App& app);
void add_gradcam(CLI::App& app);
void add_lr_find(CLI::App& app);
/// import, export and compare-activations.
void add_interop(CLI::App& app);

}  // namespace cifar10
