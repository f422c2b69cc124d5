// --resume RUN --epochs N: a run that had finished, or had not, gets another end.
#include <csignal>
#include <nlohmann/json.hpp>

#include "config.hpp"
#include "heddle/heddle.hpp"
#include "program.hpp"

using namespace heddle;
using namespace heddle::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> training(const fs::path& folder, int epochs, const std::string& arch = "compact") {
  return words("train --arch " + arch + " --data synthetic --limit 96 --test-limit 32 --batch 32 --device cpu --out " +
               folder.string() + " --epochs " + std::to_string(epochs));
}
std::vector<std::string> extending(const fs::path& folder, int epochs) {
  return {"train", "--resume", folder.string(), "--epochs", std::to_string(epochs)};
}

}  // namespace

TEST_CASE("a finished run is extended, by a constant rate to the bits of one that was longer from the start", "[program]") {
  Folder folder;
  REQUIRE(run(training(folder / "long", 3)).status == 0);
  REQUIRE(run(training(folder / "run", 2)).status == 0);
  const Said said = run(extending(folder / "run", 3));
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  CHECK(has(said.out, "It was to have 2 epochs and now has 3\n"));
  CHECK(has(said.out, "epoch 3/3"));
  CHECK(!has(said.out, "epoch 2/3"));
  CHECK(read_file(folder / "run" / "model.safetensors") == read_file(folder / "long" / "model.safetensors"));
  CHECK(report::read_metrics_csv(folder / "run" / "metrics.csv").size() == 3);
  const auto config = nlohmann::json::parse(read_file(folder / "run" / "config.json"));
  CHECK(config["epochs"] == 3);
  CHECK(config["options"]["epochs"] == 3);
  CHECK(config["extended_from"] == std::vector<int>{2});

  // From then on it is a run of three epochs; fewer than were done it cannot have.
  CHECK(has(run({"train", "--resume", (folder / "run").string()}).out, "All 3 epochs were done"));
  const Said less = run(extending(folder / "run", 2));
  CHECK(less.status == 1);
  CHECK(has(less.err, "expected --epochs of 3 or more, since so many were begun, got 2"));
  REQUIRE(run(extending(folder / "run", 4)).status == 0);
  const auto twice = nlohmann::json::parse(read_file(folder / "run" / "config.json"));
  CHECK(twice["extended_from"] == std::vector<int>{2, 3});
  CHECK(twice["started"] == config["started"]);
}

TEST_CASE("a schedule that knows its end is that of the new number of epochs, which is said", "[program]") {
  Folder folder;
  REQUIRE(run(training(folder / "run", 1, "transition")).status == 0);
  const Said said = run(extending(folder / "run", 2));
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  CHECK(has(said.out, "It was to have 1 epochs and now has 2: learning rates from here on are those of the longer"));
  CHECK(report::read_metrics_csv(folder / "run" / "metrics.csv").size() == 2);
}

// nohup and `trap '' INT` were of no effect.
TEST_CASE("a training that was started to ignore signals is not stopped by them, and a closed terminal saves", "[program]") {
  Folder folder;
  auto arguments = training(folder / "run", 30);
  const auto saved = folder / "run" / "checkpoints" / "last.json";
  {
    Program program(arguments, {.before = [] {
                      std::signal(SIGINT, SIG_IGN);
                      std::signal(SIGHUP, SIG_IGN);
                    }});
    while (!fs::exists(saved) && program.runs()) ::usleep(1000);
    program.signal(SIGINT);
    program.signal(SIGHUP);
    CHECK(program.wait() == 0);
  }
  arguments = training(folder / "closed", 5000);
  Program program(arguments);
  while (!fs::exists(folder / "closed" / "checkpoints" / "last.json") && program.runs()) ::usleep(1000);
  program.signal(SIGHUP);
  CHECK(program.wait() == 128 + SIGHUP);
  CHECK(has(program.err(), "stopped by SIGHUP"));
}
