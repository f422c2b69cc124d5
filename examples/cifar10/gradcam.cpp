#include "gradcam.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "components.hpp"
#include "console.hpp"
#include "model_file.hpp"
#include "numbers.hpp"
#include "options.hpp"
#include "suggest.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// Places in `said`: right ones, class by class in turn; and wrong ones, the most confident first.
struct Chosen {
  std::vector<std::size_t> right, wrong;
};

Chosen choose(const train::Predictions& said, std::size_t classes, std::size_t count) {
  Chosen chosen;
  std::vector<std::vector<std::size_t>> by_class(classes);
  for (std::size_t i = 0; i < said.label.size(); ++i)
    if (said.label[i] == said.predicted[i])
      by_class[static_cast<std::size_t>(said.label[i])].push_back(i);
    else
      chosen.wrong.push_back(i);
  for (std::size_t round = 0; round < count; ++round)
    for (const auto& places : by_class)
      if (round < places.size() && chosen.right.size() < count) chosen.right.push_back(places[round]);
  std::stable_sort(chosen.wrong.begin(), chosen.wrong.end(),
                   [&](std::size_t a, std::size_t b) { return said.confidence[a] > said.confidence[b]; });
  chosen.wrong.resize(std::min(chosen.wrong.size(), count));
  return chosen;
}

std::vector<report::LookedAt> look(Net& net, const data::ImageDataset& set, const train::Predictions& said,
                                   const std::vector<std::size_t>& places, const std::string& layer) {
  if (places.empty()) return {};
  std::vector<std::int64_t> index, labels, predicted;
  for (std::size_t i : places) {
    index.push_back(said.index[i]);
    labels.push_back(said.label[i]);
    predicted.push_back(said.predicted[i]);
  }
  const data::Transform normalize{data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}};
  const Tensor images = normalize.apply(set, tensor(index).to(set.device()), 0, 0);
  const auto answer = debug::grad_cam(net, images, {.layer = layer, .classes = predicted});
  const auto truth = debug::grad_cam(net, images, {.layer = layer, .classes = labels});
  const auto shares = softmax(answer.logits, 1).to_vector<float>();
  const auto classes = static_cast<std::size_t>(answer.logits.size(1));
  std::vector<report::LookedAt> all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto share = [&](std::int64_t c) { return shares[i * classes + static_cast<std::size_t>(c)]; };
    all.push_back({.image = report::image_of(set.images(), index[i]),
                   .index = index[i],
                   .label = static_cast<int>(labels[i]),
                   .predicted = static_cast<int>(predicted[i]),
                   .confidence = share(predicted[i]),
                   .label_confidence = share(labels[i]),
                   .predicted_heat = report::heat_of(answer.maps, static_cast<std::int64_t>(i)),
                   .label_heat = report::heat_of(truth.maps, static_cast<std::int64_t>(i))});
  }
  return all;
}

}  // namespace

fs::path draw_gradcam(const GradCamSheetOptions& options) {
  set_num_threads(options.threads);
  const DeviceChoice choice = choose_device(options.device);
  SavedModel model = load_model(options.run, choice.device, options.arch, options.norm);
  // The name of a layer is checked before the data is read.
  const Tensor blank = zeros({1, 3, 32, 32}, {.device = choice.device});
  const std::string layer = options.layer.empty() ? debug::last_spatial_layer(model.net, blank) : options.layer;
  debug::grad_cam(model.net, blank, {.layer = layer});
  data::FindOptions where{.folder = options.data, .synthetic_train = 1};
  if (options.limit > 0) where.synthetic_test = std::min(options.limit, where.synthetic_test);
  data::DataChoice data = find_data(where);
  if (options.limit > 0) data.test = data.test.subset(std::min(options.limit, data.test.size()));
  say("Device: {}\nData: {}\n", choice.reason, data.message);
  const data::ImageDataset test = data.test.to(choice.device);
  const data::DataLoader loader(
      test, {.batch_size = 500, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  const auto said = train::predict(model.net, loader);
  const auto chosen = choose(said, test.class_names().size(), static_cast<std::size_t>(options.count));

  report::LookedAtSheet sheet{.title = "What " + model.str() + " looks at",
                              .below = strings::format("Grad-CAM at layer {}; yellow counts most{}", layer,
                                                   data.synthetic ? "; drawn images, a stand-in for CIFAR-10" : ""),
                              .class_names = test.class_names(),
                              .right = look(model.net, test, said, chosen.right, layer),
                              .wrong = look(model.net, test, said, chosen.wrong, layer)};
  const fs::path out = options.out.empty() ? model.file.parent_path() / "gradcam.png" : options.out;
  report::save_png(out, report::draw_looked_at(sheet));
  tell("Grad-CAM of {} right and {} wrong answers at layer {}: {}\n", chosen.right.size(), chosen.wrong.size(), layer,
       out.string());
  record("gradcam", {{"layer", layer}, {"right", chosen.right.size()}, {"wrong", chosen.wrong.size()}, {"file", out.string()}});
  return out;
}

void add_gradcam(CLI::App& app) {
  auto options = std::make_shared<GradCamSheetOptions>();
  CLI::App* command = app.add_subcommand("gradcam", "Pictures of what a trained network looks at (Grad-CAM)");
  command->add_option("RUN", options->run, "A run's folder, or its model.safetensors")->required()->check(CLI::ExistingPath);
  command->add_option("--layer", options->layer,
                      "Path of the layer, as summary shows it; default: the last before the global pooling");
  add_whole_or(*command, "--count", options->count, {1, 1000}, "Right answers to show, and as many wrong ones");
  command->add_option("--data", options->data, "As for train");
  add_whole(*command, "--limit", options->limit, ranges::images, "Look through the first N test images only; 0: all");
  command->add_option("--out", options->out, "The picture's file; default: gradcam.png beside the weights");
  command->add_option("--arch", options->arch, "Where the file does not say")->check(one_of(architecture_names()));
  command->add_option("--norm", options->norm, "Where the file does not say")->check(one_of({"batch", "group", "layer"}));
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  add_whole_or(*command, "--threads", options->threads, ranges::threads, "CPU threads; 0: one for each core");
  command->footer(in_user_words(
      "Examples:\n  cifar10 gradcam runs/compact-batch\n  cifar10 gradcam runs/compact-batch --layer stages.5 --count 24"));
  command->callback([options] { draw_gradcam(*options); });
}

}  // namespace cifar10
