// Trainings that are killed, stopped, or run into a full disk, and go on: they end with the bits of the unbroken one.
#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include "heddle/heddle.hpp"
#include "program.hpp"

using namespace heddle;
using namespace std::chrono;
using test::Program;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> training(const fs::path& folder) {
  return test::words(
      "train --arch compact --norm batch --data synthetic --limit 112 --test-limit 40 --batch 32 --epochs 4 "
      "--device cpu --save-every-steps 1 --out " +
      folder.string());
}
std::vector<std::string> resuming(const fs::path& folder) {
  return {"train", "--resume", folder.string()};
}

// Everything but the seconds, which no two runs share.
std::string metrics_of(const fs::path& folder) {
  std::istringstream text(read_file(folder / "metrics.csv"));
  std::string kept;
  for (std::string line; std::getline(text, line);) {
    for (int column = 0; column < 2; ++column) line.erase(line.rfind(','));
    kept += line + "\n";
  }
  return kept;
}

struct Ending {
  std::string weights, metrics, best;
  bool operator==(const Ending&) const = default;
};

Ending ending_of(const fs::path& folder) {
  const auto best = train::load_checkpoint(folder / "checkpoints" / "best.json");
  std::string best_bits = std::to_string(best.trainer.epoch);
  for (const auto& [name, t] : best.model) {
    std::string bytes(static_cast<std::size_t>(t.numel()) * size_of(t.dtype()), '\0');
    t.copy_to(bytes.data());
    best_bits += bytes;
  }
  CHECK(fs::exists(folder / "report.html"));
  return {read_file(folder / "model.safetensors"), metrics_of(folder), best_bits};
}

Ending unbroken(const fs::path& folder) {
  Program program(training(folder));
  const int status = program.wait();
  INFO(program.err());
  REQUIRE(status == 0);
  return ending_of(folder);
}

// Starts a training and stops it with the signal when it has saved something. On a busy machine it may have finished by then:
// once more.
std::string stopped(const fs::path& folder, int signal) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    Program program(training(folder));
    while (!fs::exists(folder / "checkpoints" / "last.json") && program.runs()) std::this_thread::sleep_for(milliseconds(1));
    program.signal(signal);
    const int status = program.wait();
    INFO(program.out() << program.err());
    if (status == 128 + signal) return program.err();
    REQUIRE((status == 0 || status == -signal));  // done, or while it wrote its report
    fs::remove_all(folder);
  }
  FAIL("the training was too fast to be stopped, ten times");
  return "";
}

}  // namespace

TEST_CASE("a training killed twenty times at random moments ends with the bits of one that was not", "[program]") {
  test::Folder folder;
  const auto begin = steady_clock::now();
  const Ending expected = unbroken(folder / "unbroken");
  const auto whole = duration_cast<microseconds>(steady_clock::now() - begin).count();
  CHECK(report::read_metrics_csv(folder / "unbroken" / "metrics.csv").size() == 4);

  std::mt19937 random(11);
  std::uniform_int_distribution<std::int64_t> moment(0, whole * 3 / 4);  // the rest is the report's
  int kills = 0, finished = 0;
  for (int run = 1; kills < 20; ++run) {
    const fs::path place = folder / ("run" + std::to_string(run));
    for (bool done = false; !done;) {
      // Killed before it wrote its configuration, it did nothing yet.
      Program program(fs::exists(place / "config.json") ? resuming(place) : training(place));
      const bool kill = kills < 20;
      if (kill) {
        const auto end = steady_clock::now() + microseconds(moment(random));
        while (steady_clock::now() < end && program.runs()) std::this_thread::sleep_for(microseconds(500));
      }
      if (kill && program.runs()) {
        program.signal(SIGKILL);
        ++kills;
      }
      const int status = program.wait();
      INFO("run " << run << ", after " << kills << " kills: " << program.out() << program.err());
      REQUIRE((status == 0 || status == -SIGKILL));
      done = status == 0;
      if (fs::exists(place / "metrics.csv")) CHECK(expected.metrics.starts_with(metrics_of(place)));
    }
    INFO("run " << run << ", after " << kills << " kills");
    CHECK(ending_of(place) == expected);
    ++finished;
  }
  CHECK(kills >= 20);
  CHECK(finished >= 1);
}

TEST_CASE("SIGINT and SIGTERM finish the step, save and say how to go on", "[program]") {
  test::Folder folder;
  const Ending expected = unbroken(folder / "unbroken");
  for (const int signal : {SIGINT, SIGTERM}) {
    const fs::path place = folder / std::to_string(signal);
    CHECK(stopped(place, signal).find("cifar10 train --resume " + place.string()) != std::string::npos);
    CHECK(!fs::exists(place / "report.html"));
    Program again(resuming(place));
    REQUIRE(again.wait() == 0);
    CHECK(again.out().find("Going on with") != std::string::npos);
    CHECK(ending_of(place) == expected);
    // One that had finished writes its report again, and changes nothing else.
    fs::remove(place / "report.html");
    Program finished(resuming(place));
    CHECK(finished.wait() == 0);
    CHECK(ending_of(place) == expected);
  }
}

TEST_CASE("a full disk is one error, and what was saved goes on when there is room again", "[program]") {
  test::Folder folder;
  const Ending expected = unbroken(folder / "unbroken");
  const fs::path place = folder / "run";
  stopped(place, SIGINT);
  const auto step = train::load_checkpoint(place / "checkpoints" / "last.json").trainer.step;

  Program full(resuming(place), {.file_limit = 50000});
  CHECK(full.wait() == 1);
  const std::string error = full.err();
  INFO(error);
  CHECK(error.find("File too large") != std::string::npos);
  CHECK(error.find("Go on with: " CIFAR10_PROGRAM " train --resume " + place.string()) != std::string::npos);
  CHECK(error.find("File too large") == error.rfind("File too large"));
  CHECK(train::load_checkpoint(place / "checkpoints" / "last.json").trainer.step == step);

  Program again(resuming(place));
  REQUIRE(again.wait() == 0);
  CHECK(ending_of(place) == expected);
}

TEST_CASE("going on with other options is an error that says which", "[program]") {
  test::Folder folder;
  const fs::path place = folder / "run";
  unbroken(place);
  auto other = resuming(place);
  other.insert(other.end(), {"--batch", "16", "--norm", "group", "--threads", "1"});
  Program program(other);
  CHECK(program.wait() == 1);
  const std::string error = program.err();
  INFO(error);
  CHECK(error.find("batch (32 there, 16 here)") != std::string::npos);
  CHECK(error.find("norm (batch there, group here)") != std::string::npos);
  CHECK(error.find("threads") == std::string::npos);
  CHECK(error.find("seed") == std::string::npos);
  Program nothing(resuming(folder / "nowhere"));
  CHECK(nothing.wait() == 1);
  CHECK(nothing.err().find("expected the folder of a run") != std::string::npos);
}
