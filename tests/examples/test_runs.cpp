// What the program leaves behind: a training's folder, a second training in the same folder, and comparisons.
#include <unistd.h>

#include <filesystem>

#include "heddle/heddle.hpp"
#include "options.hpp"
#include "report.hpp"
#include "run_folder.hpp"
#include "tests/support/catch.hpp"
#include "train.hpp"

using namespace heddle;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("heddle_runs_" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

int event_files(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    count += entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0;
  return count;
}

void make_run(const fs::path& folder, const std::string& config, int epochs) {
  fs::create_directories(folder);
  if (!config.empty()) write_file(folder / "config.json", config);
  report::MetricsCsv csv(folder / "metrics.csv");
  for (int e = 1; e <= epochs; ++e) csv.add({e, 0.01, 2.0 / e, 30.0 + e, 2.1 / e, 31.0 + e, 1.5, 1000});
}

}  // namespace

TEST_CASE("a training leaves everything it promises, and a second one keeps the first's") {
  Folder folder;
  const cifar10::TrainOptions options{.arch = "compact",
                                      .norm = "group",
                                      .device = "cpu",
                                      .data = "synthetic",
                                      .out = folder.path / "run",
                                      .epochs = 1,
                                      .limit = 512,
                                      .test_limit = 500};
  CHECK(cifar10::train(options) == options.out);
  const std::vector<std::string> files = {"metrics.csv", "config.json",       "model.safetensors", "report.html",
                                          "curves.png",  "misclassified.png", "confusion.png",     "samples.png"};
  for (const auto& name : files) {
    INFO(name);
    CHECK(fs::file_size(options.out / name) > 100);
  }
  CHECK(event_files(options.out) == 1);
  const std::string page = read_file(options.out / "report.html");
  for (const char* part :
       {"compact, group norm", "37,098", "drawn images",
        "cifar10 train --arch compact --norm group --data synthetic --epochs 1 --limit 512 --test-limit 500 --device cpu --seed 1"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
  const std::string before = read_file(options.out / "metrics.csv");
  cifar10::train(options);
  CHECK(event_files(options.out) == 1);
  CHECK(event_files(options.out / "previous-1") == 1);
  CHECK(read_file(options.out / "previous-1" / "metrics.csv") == before);
  for (const auto& name : files) CHECK(fs::exists(options.out / "previous-1" / name));
}

TEST_CASE("runs are called by what tells them apart") {
  Folder folder;
  make_run(folder.path / "a", R"({"arch": "compact", "norm": "batch", "parameters": 37098})", 3);
  make_run(folder.path / "b", R"({"arch": "compact", "norm": "group", "synthetic": true})", 2);
  make_run(folder.path / "c", R"({"arch": "compact", "norm": "group"})", 2);
  make_run(folder.path / "d", "", 1);
  const auto out = folder.path / "out";
  const auto table = [&](std::vector<fs::path> runs) {
    cifar10::compare({.runs = std::move(runs), .out = out, .title = ""});
    CHECK(fs::exists(out / "compare.png"));
    return read_file(out / "compare.txt");
  };
  const std::string norms = table({folder.path / "a", folder.path / "b"});
  CHECK(norms.find("batch norm ") != std::string::npos);
  CHECK(norms.find("(a)") == std::string::npos);
  CHECK(norms.find("37,098") != std::string::npos);
  CHECK(read_file(out / "compare.html").find("drawn images") != std::string::npos);
  const std::string twice = table({folder.path / "b", folder.path / "c"});
  CHECK(twice.find("group norm (b)") != std::string::npos);
  CHECK(twice.find("group norm (c)") != std::string::npos);
  const std::string bare = table({folder.path / "d/", folder.path / "a"});
  CHECK(bare.find("\nd ") != std::string::npos);
  CHECK(bare.find("compact, batch norm") != std::string::npos);
  write_file(folder.path / "a" / "config.json", "[1]");
  CHECK_THROWS_AS(table({folder.path / "a"}), Error);
  CHECK_THROWS_AS(table({folder.path}), Error);
}

TEST_CASE("a precision that the CPU does not have is an error before anything is read or written") {
  Folder folder;
  for (const char* precision : {"tf32", "bf16", "fp16"}) {
    const cifar10::TrainOptions options{
        .device = "cpu", .precision = precision, .data = "synthetic", .out = folder.path / "run"};
    CHECK_THROWS_AS(cifar10::train(options), Error);
    CHECK(!fs::exists(options.out));
  }
  CHECK(cifar10::command_of({.precision = "bf16"}).find(" --precision bf16 ") != std::string::npos);
}

TEST_CASE("the command that repeats a training is quoted for a shell") {
  CHECK(cifar10::command_of({}) == "cifar10 train --arch bottleneck --norm batch --seed 1");
  const cifar10::TrainOptions options{
      .data = "my data/it's", .batch = 64, .lr = 0.05, .seed = 7, .threads = 2, .augment = false};
  CHECK(cifar10::command_of(options) ==
        "cifar10 train --arch bottleneck --norm batch --data 'my data/it'\\''s' --batch 64 --lr 0.05 --no-augment --threads 2 "
        "--seed 7");
}
