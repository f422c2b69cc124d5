// A trained network from the folder or file it was saved in.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model.hpp"

namespace cifar10 {

struct SavedModel {
  std::filesystem::path file;
  const Architecture* architecture = nullptr;
  Norm norm = Norm::batch;
  Net net;
  std::vector<std::string> class_names;

  /// "compact with group norm"
  std::string str() const;
};

/// The network in a run's folder (its model.safetensors) or in a safetensors file, in evaluation mode on the device. arch and
/// norm serve where they are not empty, else what the file says of itself. Error when there is none, or it does not fit.
SavedModel load_model(const std::filesystem::path& run, heddle::Device device, const std::string& arch = "",
                      const std::string& norm = "");

/// What a training writes beside the weights, for load_model().
std::map<std::string, std::string> model_metadata(const std::string& arch, const std::string& norm,
                                                  const std::vector<std::string>& class_names);

}  // namespace cifar10
