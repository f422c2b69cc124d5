#include "predict.hpp"


#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "components.hpp"
#include "console.hpp"
#include "model_file.hpp"
#include "numbers.hpp"
#include "options.hpp"
#include "suggest.hpp"

namespace cifar10 {

using namespace heddle;

std::vector<Prediction> predict_images(const PredictOptions& options) {
  constexpr int side = 32;
  std::vector<Prediction> predictions;
  std::vector<Tensor> pictures;
  for (const auto& path : options.images) {
    const Tensor image = read_picture(path);
    predictions.push_back({.image = path, .width = image.size(3), .height = image.size(2), .guesses = {}});
    pictures.push_back(data::resize(image, side, side));
  }
  set_num_threads(options.threads);
  const Device device = choose_device(options.device).device;
  SavedModel model = load_model(options.run, device, options.arch, options.norm);

  const std::size_t plane = 3 * side * side;
  Tensor all = empty({static_cast<std::int64_t>(pictures.size()), 3, side, side}, {.dtype = uint8});
  for (std::size_t i = 0; i < pictures.size(); ++i) pictures[i].copy_to(all.data<std::uint8_t>() + i * plane);
  const data::ImageDataset set(all, zeros({all.size(0)}, {.dtype = int64}), model.class_names);
  const data::DataLoader loader(
      set.to(device),
      {.batch_size = 500, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  std::size_t at = 0;
  NoGradGuard guard;
  for (const auto& batch : loader.epoch(0)) {
    const Tensor shares = softmax(model.net(batch.images), 1);
    const auto values = shares.to_vector<float>();
    const auto classes = static_cast<std::size_t>(shares.size(1));
    if (classes != model.class_names.size())
      fail("predict",
           strings::format("expected {} class names in {}, got {}", classes, model.file.string(), model.class_names.size()));
    for (std::int64_t i = 0; i < shares.size(0); ++i, ++at) {
      const float* const row = values.data() + static_cast<std::size_t>(i) * classes;
      std::vector<std::size_t> order(classes);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
      order.resize(std::min(classes, static_cast<std::size_t>(options.top)));
      for (std::size_t c : order) predictions[at].guesses.push_back({model.class_names[c], row[c]});
    }
  }
  return predictions;
}

std::string prediction_text(const Prediction& prediction, int terminal) {
  // Names come from the model's file. A byte that continues a character of UTF-8 takes no column.
  const auto columns = [](const std::string& name) {
    return std::count_if(name.begin(), name.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  };
  std::ptrdiff_t width = 0;
  for (const auto& guess : prediction.guesses) width = std::max(width, columns(strings::printable(guess.name)));
  // Two spaces, the name, two, "100.0%", two, the bar; the last column stays free.
  const std::ptrdiff_t room = terminal - 1 - (2 + width + 2 + 6 + 2), bar = std::clamp<std::ptrdiff_t>(room, 0, 40);
  std::string text =
      strings::format("{} ({} x {})\n", strings::printable(prediction.image.string()), prediction.width, prediction.height);
  for (const auto& guess : prediction.guesses) {
    const std::string name = strings::printable(guess.name);
    const std::string fill(static_cast<std::size_t>(width - columns(name)), ' ');
    text += strings::format("  {}{}  {:5.1f}%", name, fill, 100 * guess.probability);
    const auto filled = static_cast<std::size_t>(std::lround(guess.probability * static_cast<double>(bar)));
    if (filled) text += "  " + std::string(filled, '=');
    text += "\n";
  }
  return text;
}

nlohmann::ordered_json prediction_json(const Prediction& prediction) {
  auto guesses = nlohmann::ordered_json::array();
  for (const auto& guess : prediction.guesses) guesses.push_back({{"class", guess.name}, {"probability", guess.probability}});
  return {
      {"image", prediction.image.string()}, {"width", prediction.width}, {"height", prediction.height}, {"classes", guesses}};
}

void add_predict(CLI::App& app) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "What a trained network takes pictures for");
  command->add_option("RUN", options->run, "A run's folder, or its model.safetensors")->required()->check(CLI::ExistingPath);
  command->add_option("IMAGE", options->images, "PNG or JPEG files of any size; what is not square is squeezed into one")
      ->required();
  add_whole_or(*command, "--top", options->top, {1, 1'000'000}, "Classes to show");
  command->add_option("--arch", options->arch, "Where the file does not say")->check(one_of(architecture_names()));
  command->add_option("--norm", options->norm, "Where the file does not say")->check(one_of({"batch", "group", "layer"}));
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str()->check(device_name());
  add_whole_or(*command, "--threads", options->threads, ranges::threads, "CPU threads; 0: one for each core");
  command->footer(in_user_words(
      "Examples:\n  cifar10 predict runs/compact-batch cat.png holiday/*.jpg\n"
      "  cifar10 predict runs/compact-batch cat.png --json | jq .classes[0]"));
  command->callback([options] {
    for (const auto& prediction : predict_images(*options)) {
      tell("{}", prediction_text(prediction, is_terminal(stdout) ? terminal_columns(stdout) : 0));
      record("prediction", prediction_json(prediction));
    }
  });
}

}  // namespace cifar10
