// cifar10 predict: what a trained network takes pictures from files for.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace cifar10 {

struct PredictOptions {
  std::filesystem::path run = {};
  std::vector<std::filesystem::path> images = {};
  std::string arch = {}, norm = {};  ///< empty: what the file says
  std::string device = "auto";
  int top = 5, threads = 0;
};

struct Guess {
  std::string name;
  double probability = 0;
};

struct Prediction {
  std::filesystem::path image;
  std::int64_t width = 0, height = 0;  ///< of the file
  std::vector<Guess> guesses;          ///< the likeliest first
};

/// Error for an image that cannot be read, before any is looked at by the network.
std::vector<Prediction> predict_images(const PredictOptions& options);
/// One prediction for people: a line for each guess, with a bar that is as long as a terminal of so many columns has room for,
/// 40 characters at most for 100%; 0: no bar.
std::string prediction_text(const Prediction& prediction, int terminal);
/// For programs.
nlohmann::ordered_json prediction_json(const Prediction& prediction);

}  // namespace cifar10
