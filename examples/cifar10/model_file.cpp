#include "model_file.hpp"

#include "heddle/base/format.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// What the command line says, or else the file.
std::string named(const std::string& option, const Safetensors& content, const char* key, const fs::path& file) {
  if (!option.empty()) return option;
  const auto found = content.metadata.find(key);
  if (found != content.metadata.end()) return found->second;
  fail("model", strings::format("expected --{}, since {} does not say", key, file.string()));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> names(1);
  for (char c : text)
    if (c == ',')
      names.emplace_back();
    else
      names.back() += c;
  return names;
}

fs::path find_file(const fs::path& run) {
  if (!fs::is_directory(run)) return run;
  if (fs::exists(run / "model.safetensors")) return run / "model.safetensors";
  fail("model",
       strings::format("expected model.safetensors in the folder {}, found none: name a .safetensors file instead, or train first",
                   run.string()));
}

}  // namespace

std::string SavedModel::str() const {
  return strings::format("{} with {} norm", architecture->name, name_of(norm));
}

SavedModel load_model(const fs::path& run, Device device, const std::string& arch, const std::string& norm) {
  const fs::path file = find_file(run);
  const Safetensors content = load_safetensors(file);
  const std::string arch_name = named(arch, content, "arch", file);
  const Architecture& architecture = find_architecture(arch_name);
  const Norm kind = find_norm(architecture, named(norm, content, "norm", file));
  const auto classes = content.metadata.find("classes");
  // Files from elsewhere say nothing of classes: these are CIFAR-10's, in its order.
  SavedModel model{
      .file = file,
      .architecture = &architecture,
      .norm = kind,
      .net = architecture.build(kind),
      .class_names = split(classes != content.metadata.end() ? classes->second
                                                             : "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck")};
  model.net.load_state_dict(content.tensors);
  model.net.to(device);
  model.net.eval();
  return model;
}

std::map<std::string, std::string> model_metadata(const std::string& arch, const std::string& norm,
                                                  const std::vector<std::string>& class_names) {
  return {{"format", "pt"}, {"arch", arch}, {"norm", norm}, {"classes", strings::join(class_names, ",")}};
}

}  // namespace cifar10
