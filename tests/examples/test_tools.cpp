// The program's tools: predictions for files, Grad-CAM sheets, learning-rate sweeps, and watches over a training.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gradcam.hpp"
#include "heddle/heddle.hpp"
#include "lr_find.hpp"
#include "model_file.hpp"
#include "predict.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/png.hpp"
#include "tests/support/tensors.hpp"
#include "train.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

// A network as it is made, saved as a training would.
fs::path save_model(const fs::path& folder, const char* arch = "compact",
                    const std::vector<std::string>& classes = data::synthetic({.count = 1}).class_names()) {
  manual_seed(3);
  const auto& architecture = cifar10::find_architecture(arch);
  auto net = architecture.build(architecture.norms[0]);
  fs::create_directories(folder);
  save_safetensors(folder / "model.safetensors",
                   {.tensors = net.state_dict(),
                    .metadata = cifar10::model_metadata(arch, cifar10::name_of(architecture.norms[0]), classes)});
  return folder;
}

std::string bytes_of(const fs::path& path) {
  return read_file(path);
}

}  // namespace

#ifdef HEDDLE_WITH_PICTURES
TEST_CASE("a picture is predicted as the same picture of a data set is") {
  test::Folder folder;
  const auto run = save_model(folder / "run");
  const auto set = data::synthetic({.count = 3});
  std::vector<fs::path> files;
  for (std::int64_t i = 0; i < 3; ++i) {
    files.push_back(folder / (std::to_string(i) + ".png"));
    report::save_png(files.back(), report::image_of(set.images(), i));
  }
  auto model = cifar10::load_model(run, cpu);
  CHECK(model.str() == "compact with batch norm");
  CHECK(model.class_names == set.class_names());
  const data::DataLoader loader(
      set, {.batch_size = 3, .transform = {data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std}}});
  const auto said = train::predict(model.net, loader);
  const auto predictions = cifar10::predict_images({.run = run, .images = files, .device = "cpu"});
  REQUIRE(predictions.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& guesses = predictions[i].guesses;
    REQUIRE(guesses.size() == 5);
    CHECK(guesses[0].name == set.class_names()[static_cast<std::size_t>(said.predicted[i])]);
    CHECK(guesses[0].probability == Approx(said.confidence[i]));
    for (std::size_t k = 1; k < 5; ++k) CHECK(guesses[k].probability <= guesses[k - 1].probability);
  }
  const auto all =
      cifar10::predict_images({.run = run / "model.safetensors", .images = {files[1]}, .device = "cpu", .top = 99});
  double sum = 0;
  for (const auto& guess : all[0].guesses) sum += guess.probability;
  CHECK(all[0].guesses.size() == 10);
  CHECK(sum == Approx(1));
}

TEST_CASE("pictures of any size are predicted") {
  test::Folder folder;
  const auto run = save_model(folder / "run");
  for (const auto& [w, h] : {std::pair{1, 1}, {400, 31}, {33, 500}}) {
    report::Image image{w, h, 3, {}};
    for (int i = 0; i < w * h * 3; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i % 251));
    report::save_png(folder / "a.png", image);
    const auto one = cifar10::predict_images({.run = run, .images = {folder / "a.png"}, .device = "cpu"})[0];
    CHECK(one.width == w);
    CHECK(one.height == h);
    CHECK(one.guesses[0].probability > 0.1);
  }
}
#else
TEST_CASE("a program without heddle::pictures says so, and how to get it") {
  test::Folder folder;
  const auto run = save_model(folder / "run");
  report::save_png(folder / "a.png", {2, 2, 1, {1, 2, 3, 4}});
  CHECK_THROWS_WITH(cifar10::predict_images({.run = run, .images = {folder / "a.png"}}),
                    ContainsSubstring("[read_image] expected a build with heddle::pictures to read '") &&
                        ContainsSubstring("a.png', got one without: install") && ContainsSubstring("libjpeg-dev, libpng-dev"));
}
#endif

TEST_CASE("predictions are told with bars, without, and for programs") {
  const cifar10::Prediction p{
      .image = "a.png", .width = 64, .height = 48, .guesses = {{"cat", 0.75}, {"airplane", 0.2}, {"dog", 0.004}}};
  // A terminal of 41 columns has room for 20 beside a name of eight.
  CHECK(cifar10::prediction_text(p, 41) ==
        "a.png (64 x 48)\n  cat        75.0%  ===============\n  airplane   20.0%  ====\n  dog         0.4%\n");
  for (int terminal = 1; terminal < 22; ++terminal) CHECK(cifar10::prediction_text(p, terminal) == cifar10::prediction_text(p, 0));
  CHECK(cifar10::prediction_text(p, 0) == "a.png (64 x 48)\n  cat        75.0%\n  airplane   20.0%\n  dog         0.4%\n");
  CHECK(
      cifar10::prediction_json(p).dump() ==
      R"({"image":"a.png","width":64,"height":48,"classes":[{"class":"cat","probability":0.75},{"class":"airplane","probability":0.2},{"class":"dog","probability":0.004}]})");
}

#ifdef HEDDLE_WITH_PICTURES
TEST_CASE("what cannot be predicted is an error that says why") {
  test::Folder folder;
  const auto run = save_model(folder / "run");
  write_file(folder / "notes.txt", "not a picture");
  CHECK_THROWS_WITH(cifar10::predict_images({.run = run, .images = {folder / "notes.txt"}}),
                    ContainsSubstring("expected a PNG or JPEG picture in") && ContainsSubstring("notes.txt"));
  report::save_png(folder / "a.png", {2, 2, 1, {1, 2, 3, 4}});
  fs::create_directories(folder / "none");
  const auto with = [&](const fs::path& where) { cifar10::predict_images({.run = where, .images = {folder / "a.png"}}); };
  CHECK_THROWS_WITH(with(folder / "none"), ContainsSubstring("[model] expected model.safetensors in the folder"));
  save_safetensors(folder / "bare.safetensors", {.tensors = {{"x", zeros({1})}}, .metadata = {}});
  CHECK_THROWS_WITH(with(folder / "bare.safetensors"), ContainsSubstring("[model] expected --arch, since"));
  save_model(folder / "odd", "compact", {"one", "two"});
  CHECK_THROWS_WITH(with(folder / "odd"), ContainsSubstring("expected 10 class names"));
}
#endif

TEST_CASE("Grad-CAM finds a layer to look at in all five architectures") {
  const Tensor images = rand({2, 3, 32, 32});
  for (const auto& architecture : cifar10::architectures())
    for (const auto norm : architecture.norms) {
      INFO(architecture.name << " " << cifar10::name_of(norm));
      auto net = architecture.build(norm);
      const auto cam = debug::grad_cam(net, images);
      CHECK(cam.maps.size(0) == 2);
      CHECK(cam.maps.size(1) >= 6);
      CHECK(cam.maps.size(2) == cam.maps.size(1));
      CHECK(min(cam.maps).item() >= 0);
      CHECK(debug::all_finite(cam.maps));
      // It is what stands in front of the global pooling.
      const auto layers = nn::summarize(net, {1, 3, 32, 32}).layers;
      std::size_t at = 0;
      while (layers[at].path != cam.layer) ++at;
      CHECK_THAT(layers.at(at + 1).type, ContainsSubstring("AvgPool2d"));
    }
}

TEST_CASE("a sheet of what a network looks at is drawn") {
  test::Folder folder;
  const auto run = save_model(folder / "run");
  cifar10::GradCamSheetOptions options{.run = run, .data = "synthetic", .device = "cpu", .count = 3, .limit = 60};
  CHECK(cifar10::draw_gradcam(options) == run / "gradcam.png");
  CHECK(test::decode_png(bytes_of(run / "gradcam.png")).width == 2 * (972 + 44));
  options.layer = "stages.1.0";
  options.out = folder / "other.png";
  CHECK(cifar10::draw_gradcam(options) == folder / "other.png");
  CHECK(bytes_of(folder / "other.png") != bytes_of(run / "gradcam.png"));
  options.layer = "stages.99";
  CHECK_THROWS_WITH(cifar10::draw_gradcam(options), ContainsSubstring("expected the name of a layer (stages.0, stages.0.0,"));
}

TEST_CASE("a sweep over learning rates leaves its curve") {
  test::Folder folder;
  cifar10::LRFindOptions options{.training = {.arch = "compact",
                                              .norm = "batch",
                                              .device = "cpu",
                                              .data = "synthetic",
                                              .out = folder / "lr",
                                              .batch = 32,
                                              .limit = 128},
                                 .steps = 12};
  CHECK(cifar10::find_learning_rate(options) == folder / "lr");
  for (const char* name : {"lr_find.png", "lr_find.html", "lr_find.csv"}) CHECK(fs::file_size(folder / "lr" / name) > 100);
  const std::string csv = bytes_of(folder / "lr" / "lr_find.csv");
  CHECK(csv.rfind("lr,loss,smoothed,slope\n1e-05,", 0) == 0);
  CHECK_THAT(bytes_of(folder / "lr" / "lr_find.html"), ContainsSubstring("Learning rates: compact, batch norm, batch 32"));
}

TEST_CASE("a training that is watched ends at the same bits, with a profile and a trace") {
  test::Folder folder;
  cifar10::TrainOptions options{.arch = "compact",
                                .norm = "batch",
                                .device = "cpu",
                                .data = "synthetic",
                                .out = folder / "plain",
                                .epochs = 1,
                                .batch = 32,
                                .limit = 256,
                                .test_limit = 100};
  cifar10::train(options);
  options.out = folder / "watched";
  options.profile = options.check_numerics = true;
  cifar10::train(options);
  CHECK(bytes_of(folder / "plain" / "model.safetensors") == bytes_of(folder / "watched" / "model.safetensors"));
  CHECK(!fs::exists(folder / "plain" / "trace.json"));
  CHECK_THAT(bytes_of(folder / "watched" / "profile.txt"), ContainsSubstring("stages.0.1+2+3 (ReLU+BatchNorm2d+Dropout)"));
  const auto trace = nlohmann::json::parse(bytes_of(folder / "watched" / "trace.json"));
  int steps = 0;
  for (const auto& event : trace.at("traceEvents")) steps += event.value("cat", "") == "step";
  CHECK(steps == 5);
}
