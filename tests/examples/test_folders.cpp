// Two runs into one folder, folders with files of others, and what a killed run leaves. A second run once moved the first's
// checkpoints away while it trained: both lost epochs.
#include <chrono>
#include <thread>

#include "heddle/heddle.hpp"
#include "program.hpp"
#include "run_folder.hpp"
#include "tests/support/temp_folder.hpp"

using namespace heddle;
using test::Program;
using test::words;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> training(const fs::path& folder, const std::string& more = "--epochs 2") {
  return words("train --arch compact --norm batch --data synthetic --limit 64 --test-limit 20 --batch 32 --device cpu " + more +
               " --out " + folder.string());
}

int finish(const std::vector<std::string>& arguments, const std::string& expected_error = "") {
  Program program(arguments);
  const int status = program.wait();
  INFO(program.out() << program.err());
  CHECK(program.err().find(expected_error) != std::string::npos);
  return status;
}

}  // namespace

TEST_CASE("new folders are numbered, and two that begin at once have one each") {
  test::Folder folder;
  const fs::path base = folder / "runs/x";
  const cifar10::RunFolder one({}, base), two({}, base);
  CHECK(one.path() == base);
  CHECK(two.path() == base.string() + "-2");
  CHECK_THROWS_AS(cifar10::RunFolder(base, {}), Error);
  { const cifar10::RunFolder unused({}, base); }
  CHECK(!fs::exists(base.string() + "-3"));
}

TEST_CASE("a second run into one folder is refused before it touches anything", "[program]") {
  test::Folder folder;
  const fs::path place = folder / "run";
  Program first(training(place, "--epochs 500"));
  while (!fs::exists(place / "checkpoints/last.json") && first.runs())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(first.runs());
  const std::string config = read_file(place / "config.json");
  CHECK(finish(training(place), "in use by process") == 1);
  CHECK(finish({"train", "--resume", place.string()}, "in use by process") == 1);
  CHECK(finish(words("lr-find --arch compact --data synthetic --limit 64 --batch 32 --steps 10 --device cpu --out " +
                     place.string()),
               "in use by process") == 1);
  CHECK(!fs::exists(place / "previous-1"));
  CHECK(!fs::exists(place / "lr_find.csv"));
  CHECK(read_file(place / "config.json") == config);
  first.signal(SIGINT);
  CHECK(first.wait() == 130);
  CHECK(!fs::exists(place / FolderLock::file_name));
  CHECK(report::read_metrics_csv(place / "metrics.csv").size() >= 1);
}

TEST_CASE("files of others are not moved away, nor written over", "[program]") {
  test::Folder folder;
  write_file(folder / "config.json", "{\"editor\": \"mine\"}");
  write_file(folder / "notes.txt", "mine");
  CHECK(finish(training(folder.path()), "no config.json of a run") == 1);
  CHECK(read_file(folder / "config.json") == "{\"editor\": \"mine\"}");
  CHECK(folder.count() == 2);
  fs::remove(folder / "config.json");
  REQUIRE(finish(training(folder.path(), "--epochs 1")) == 0);  // other names are in nobody's way
  CHECK(read_file(folder / "notes.txt") == "mine");
  CHECK(finish(training(folder.path(), "--epochs 1")) == 0);
  CHECK(fs::exists(folder / "previous-1/config.json"));
  CHECK(read_file(folder / "notes.txt") == "mine");
}

TEST_CASE("what a killed run left is gone when the next one begins, and a damaged `last` gives way to `best`", "[program]") {
  test::Folder folder;
  const fs::path place = folder / "run";
  REQUIRE(finish(training(place)) == 0);
  const std::string weights = read_file(place / "model.safetensors");
  for (const char* left : {"metrics.csv.part4711-0", "report.html.part4711-1", "checkpoints/last.json.part4711-2",
                           "checkpoints/step-00000009.model.safetensors.part4711-3"})
    test::write_file(place / left, "half");
  test::write_file(place / "video.part1-2", "mine");
  const fs::path last = place / "checkpoints/last.json";
  std::string text = read_file(last);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  write_file(last, text);
  fs::remove(place / "checkpoints/best.json");
  CHECK(finish({"train", "--resume", place.string()}, "one whole checkpoint") == 1);

  // Once more with a best of an epoch before.
  const fs::path other = folder / "other";
  REQUIRE(finish(training(other, "--epochs 2 --save-every 1")) == 0);
  write_file(other / "checkpoints/last.json", text);
  REQUIRE(finish({"train", "--resume", other.string()}, "passed over a damaged checkpoint") == 0);
  CHECK(read_file(other / "model.safetensors") == weights);
  CHECK(train::load_checkpoint(other / "checkpoints/last.json").trainer.epoch == 2);
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    const std::string name = entry.path().filename().string();
    CHECK((name.find(".part") == std::string::npos || name == "video.part1-2"));
  }
}
