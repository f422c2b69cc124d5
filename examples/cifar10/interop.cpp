// cifar10 import, export and compare-activations: networks from and for PyTorch and ONNX.

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "console.hpp"
#include "heddle/heddle.hpp"
#include "model_file.hpp"
#include "numbers.hpp"
#include "options.hpp"
#include "run.hpp"
#include "suggest.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

struct ImportOptions {
  fs::path file, out;
  std::string arch, norm;
};

struct ExportOptions {
  fs::path model, onnx;
  std::string arch, norm;
  int batch = 0;
};

struct CompareActivationsOptions {
  fs::path dump, model, out;
  std::string arch, norm;
  debug::CompareOptions tolerance;
};

void import_weights(const ImportOptions& options) {
  SavedModel trained = load_model(options.file, cpu, options.arch, options.norm);
  const std::string arch = trained.architecture->name, norm = name_of(trained.norm);
  const fs::path folder = options.out.empty() ? new_folder(fs::path("runs") / (arch + "-" + norm + "-imported")) : options.out;
  fs::create_directories(folder);
  const auto state = trained.net.state_dict();
  save_safetensors(folder / "model.safetensors",
                   {.tensors = state, .metadata = model_metadata(arch, norm, trained.class_names)});
  tell("{} with {} norm: {} tensors, {} parameters, all of the names, shapes and types expected\nModel: {}\n", arch, norm,
       state.size(), trained.net.num_parameters(), (folder / "model.safetensors").string());
  record("import", {{"arch", arch},
                    {"norm", norm},
                    {"parameters", trained.net.num_parameters()},
                    {"model", (folder / "model.safetensors").string()}});
}

void export_network(const ExportOptions& options) {
  SavedModel trained = load_model(options.model, cpu, options.arch, options.norm);
  auto metadata = model_metadata(trained.architecture->name, name_of(trained.norm), trained.class_names);
  metadata["input"] = "images scaled to [0, 1], minus mean, divided by std, channel by channel";
  const auto& m = data::cifar10_mean;
  const auto& s = data::cifar10_std;
  metadata["mean"] = strings::format("{}, {}, {}", m[0], m[1], m[2]);
  metadata["std"] = strings::format("{}, {}, {}", s[0], s[1], s[2]);
  nn::export_onnx(options.onnx, trained.net, {std::max(options.batch, 1), 3, 32, 32},
                  {.input = "images", .output = "logits", .dynamic_batch = options.batch == 0, .metadata = metadata});
  tell("{} with {} norm: ONNX opset 17, images [{}, 3, 32, 32] to logits\nModel: {} ({} bytes)\n", trained.architecture->name,
       name_of(trained.norm), options.batch ? std::to_string(options.batch) : "batch", options.onnx.string(),
       fs::file_size(options.onnx));
  record("export", {{"arch", trained.architecture->name},
                    {"norm", name_of(trained.norm)},
                    {"onnx", options.onnx.string()},
                    {"bytes", fs::file_size(options.onnx)}});
}

void compare_with_dump(const CompareActivationsOptions& options) {
  SavedModel trained = load_model(options.model, cpu, options.arch, options.norm);
  const Safetensors dump = load_safetensors(options.dump);
  const auto comparison = debug::compare_activations(trained.net, dump.tensors, options.tolerance);
  if (!options.out.empty())
    for (const auto& [name, t] : dump.tensors)
      if (name == "input")
        save_safetensors(options.out, {.tensors = debug::record_activations(trained.net, t), .metadata = {{"format", "pt"}}});
  tell("{}", comparison.str());
  const auto* first = comparison.first_difference();
  record("compare-activations", {{"dump", options.dump.string()}, {"first_difference", first ? first->path : ""}});
  if (first)
    fail("compare-activations",
         strings::format("expected the same activations as in {}, got others from {} on", options.dump.string(), first->path));
}

void add_names(CLI::App* command, std::string& arch, std::string& norm) {
  command->add_option("--arch", arch,
                      "Where the model's file does not say: transition, dilated, residual, bottleneck or compact")
      ->check(one_of(architecture_names()));
  command->add_option("--norm", norm, "Where the model's file does not say: batch, group or layer")
      ->check(one_of({"batch", "group", "layer"}));
}

void add_import(CLI::App& app) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "Check a PyTorch state_dict, saved as safetensors, and take it over");
  command->add_option("FILE", options->file, "Of save_file(net.state_dict(), ...) in the safetensors package")
      ->required()
      ->check(CLI::ExistingFile);
  add_names(command, options->arch, options->norm);
  command->add_option("--out", options->out, "Folder for model.safetensors; default: a new one under runs/");
  command->callback([options] { import_weights(*options); });
}

void add_export(CLI::App& app) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write a trained network as ONNX, for other programs to run");
  command->add_option("RUN", options->model, "A run's folder, or a model.safetensors")->required()->check(CLI::ExistingPath);
  command->add_option("--onnx", options->onnx, "File to write")->required();
  add_whole(*command, "--batch", options->batch, ranges::batch, "Images a call; default: any number");
  add_names(command, options->arch, options->norm);
  command->callback([options] { export_network(*options); });
}

void add_compare_activations(CLI::App& app) {
  auto options = std::make_shared<CompareActivationsOptions>();
  CLI::App* command =
      app.add_subcommand("compare-activations", "Name the first layer that computes something else than PyTorch's");
  command->add_option("DUMP", options->dump, "What examples/pytorch/dump_activations.py wrote")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--model", options->model, "A run's folder, or a model.safetensors, of heddle or of PyTorch")
      ->required()
      ->check(CLI::ExistingPath);
  add_names(command, options->arch, options->norm);
  add_real_or(*command, "--atol", options->tolerance.atol, {}, "A layer agrees within atol + rtol * its largest value");
  add_real_or(*command, "--rtol", options->tolerance.rtol, {}, "See --atol");
  command->add_option("--out", options->out, "Also write this program's activations here, as safetensors");
  command->callback([options] { compare_with_dump(*options); });
}

}  // namespace

void add_interop(CLI::App& app) {
  add_import(app);
  add_export(app);
  add_compare_activations(app);
}

}  // namespace cifar10
