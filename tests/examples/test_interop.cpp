// The program's bridges: import refuses what does not fit and keeps every bit of what does, all thirteen networks become
// graphs, and activations are compared by layer.
#include <CLI/CLI.hpp>
#include <set>

#include "heddle/heddle.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/protobuf_reader.hpp"
#include "tests/support/temp_folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

// Runs the subcommands as the program does.
void cifar10_program(std::vector<std::string> words) {
  CLI::App app;
  cifar10::add_interop(app);
  std::reverse(words.begin(), words.end());
  app.parse(words);
}

void save_network(const fs::path& path, const std::string& arch, const std::string& norm,
                  const std::function<void(nn::NamedTensors&)>& change = {}) {
  manual_seed(4);
  const auto& architecture = cifar10::find_architecture(arch);
  auto net = architecture.build(cifar10::find_norm(architecture, norm));
  net(randn({4, 3, 32, 32}));  // running statistics other than at the start
  auto state = net.state_dict();
  if (change) change(state);
  save_safetensors(path, {.tensors = state, .metadata = {{"format", "pt"}}});
}

// Node types of a model file, and how many there are of each.
std::map<std::string, int> nodes_of(const fs::path& onnx) {
  std::map<std::string, int> counts;
  for (const auto& node : test::Message(read_file(onnx)).message(7).messages(1)) ++counts[node.text(4)];
  return counts;
}

}  // namespace

TEST_CASE("import keeps every bit, and the file says what it is") {
  const test::TempFolder folder;
  const fs::path file = folder.path() / "theirs.safetensors", out = folder.path() / "run";
  save_network(file, "compact", "batch");
  cifar10_program({"import", file.string(), "--arch", "compact", "--norm", "batch", "--out", out.string()});
  const auto before = load_safetensors(file), after = load_safetensors(out / "model.safetensors");
  CHECK(after.metadata.at("arch") == "compact");
  CHECK(after.metadata.at("norm") == "batch");
  REQUIRE(after.tensors.size() == before.tensors.size());
  for (std::size_t i = 0; i < before.tensors.size(); ++i) {
    const auto& [name, t] = before.tensors[i];
    CHECK(after.tensors[i].first == name);
    std::string a(static_cast<std::size_t>(t.numel()) * size_of(t.dtype()), '\0'), b = a;
    t.copy_to(a.data());
    after.tensors[i].second.copy_to(b.data());
    CHECK(a == b);
  }
  // From here on the folder is enough.
  CHECK(cifar10::load_model(out, cpu).norm == cifar10::Norm::batch);
}

TEST_CASE("import lists all that differs, and writes nothing") {
  const test::TempFolder folder;
  const fs::path file = folder.path() / "theirs.safetensors", out = folder.path() / "run";
  save_network(file, "compact", "batch", [](nn::NamedTensors& state) {
    CHECK(state[0].first == "stages.0.0.weight");
    state[0].first = "module.stages.0.0.weight";
    state[1].second = ones({11});
  });
  const std::vector<std::string> words = {"import", file.string(), "--arch", "compact", "--norm", "batch", "--out", out.string()};
  CHECK_THROWS_WITH(cifar10_program(words), ContainsSubstring("missing: stages.0.0.weight") &&
                                                ContainsSubstring("unexpected: module.stages.0.0.weight") &&
                                                ContainsSubstring("stages.0.2.weight") && ContainsSubstring("[11]"));
  CHECK_FALSE(fs::exists(out));
  CHECK_THROWS_WITH(cifar10_program({"import", file.string(), "--arch", "compact"}),
                    ContainsSubstring("[model] expected --norm"));
}

TEST_CASE("each of the thirteen becomes a graph of the nodes it should have") {
  const test::TempFolder folder;
  const fs::path file = folder.path() / "model.safetensors", onnx = folder.path() / "net.onnx";
  for (const auto& architecture : cifar10::architectures())
    for (const auto norm : architecture.norms) {
      const std::string arch = architecture.name, norm_name = cifar10::name_of(norm);
      CAPTURE(arch, norm_name);
      save_network(file, arch, norm_name);
      cifar10_program({"export", file.string(), "--arch", arch, "--norm", norm_name, "--onnx", onnx.string()});
      auto nodes = nodes_of(onnx);
      auto net = architecture.build(norm);
      std::map<std::string, int> layers;
      for (const auto& [path, part] : net.named_modules()) {
        const std::string text = part->describe();
        ++layers[text.substr(0, text.find('('))];
      }
      CHECK(nodes["Conv"] == layers["Conv2d"]);
      CHECK(nodes["Relu"] == layers["ReLU"]);
      CHECK(nodes["MaxPool"] == layers["MaxPool2d"]);
      CHECK(nodes["BatchNormalization"] == layers["BatchNorm2d"]);
      CHECK(nodes["InstanceNormalization"] == layers["GroupNorm"]);
      CHECK(nodes["LayerNormalization"] == layers["LayerNorm"]);
      CHECK(nodes["GlobalAveragePool"] + nodes["AveragePool"] == layers["AdaptiveAvgPool2d"] + layers["AvgPool2d"]);
      // A group norm's affine adds once, and each skip once.
      const int skips = arch == "transition" ? 1 : arch == "residual" ? 2 : 0;
      CHECK(nodes["Add"] == layers["GroupNorm"] + skips);
    }
}

TEST_CASE("compare-activations agrees with a dump of the same network, and names the layer that does not") {
  const test::TempFolder folder;
  const fs::path model = folder.path() / "model.safetensors", dump = folder.path() / "dump.safetensors",
                 ours = folder.path() / "ours.safetensors";
  save_network(model, "residual", "group");
  auto trained = cifar10::load_model(model, cpu, "residual", "group");
  auto made = debug::record_activations(trained.net, randn({2, 3, 32, 32}));
  save_safetensors(dump, {.tensors = made, .metadata = {}});
  const std::vector<std::string> words = {"compare-activations", dump.string(), "--model", model.string(), "--arch", "residual",
                                          "--norm",              "group",       "--out",   ours.string()};
  cifar10_program(words);
  CHECK(load_safetensors(ours).tensors.size() == made.size());
  for (auto& [path, t] : made)
    if (path == "stages.5.1") t = t + 0.5;
  save_safetensors(dump, {.tensors = made, .metadata = {}});
  CHECK_THROWS_WITH(cifar10_program(words), ContainsSubstring("got others from stages.5.1 on"));
}
