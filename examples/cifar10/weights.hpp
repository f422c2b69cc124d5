// Trained networks from files.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model.hpp"

namespace cifar10 {

struct Trained {
  const Architecture* architecture;
  Norm norm;
  Net net;
};

/// The network of a safetensors file of heddle or PyTorch, or of a run's folder. Its architecture and norm are those given,
/// or, where empty, what the file says. Names, shapes or types that differ are an Error that lists them all; `where` is what
/// errors begin with.
Trained load_network(const std::filesystem::path& path, const std::string& arch, const std::string& norm,
                     const std::string& where);

/// The metadata by which load_network() knows a file again.
std::map<std::string, std::string> model_metadata(const std::string& arch, const std::string& norm);

}  // namespace cifar10
