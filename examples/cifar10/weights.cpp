#include "weights.hpp"

namespace cifar10 {

using namespace heddle;
namespace fs = std::filesystem;

namespace {

// What the command line says, or else the file.
std::string named(const std::string& option, const Safetensors& file, const char* key, const std::string& where) {
  if (!option.empty()) return option;
  const auto found = file.metadata.find(key);
  if (found != file.metadata.end()) return found->second;
  fail(where, std::string("expected --") + key + ", since the model's file does not say");
}

}  // namespace

Trained load_network(const fs::path& path, const std::string& arch, const std::string& norm, const std::string& where) {
  const Safetensors file = load_safetensors(fs::is_directory(path) ? path / "model.safetensors" : path);
  const Architecture& architecture = find_architecture(named(arch, file, "arch", where));
  const Norm chosen = find_norm(architecture, named(norm, file, "norm", where));
  Trained trained{&architecture, chosen, architecture.build(chosen)};
  trained.net.load_state_dict(file.tensors);
  return trained;
}

std::map<std::string, std::string> model_metadata(const std::string& arch, const std::string& norm) {
  return {{"format", "pt"}, {"arch", arch}, {"norm", norm}};
}

}  // namespace cifar10
