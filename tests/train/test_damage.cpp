// Checkpoint folders in a bad state: damaged files, files of others, leftovers, and JSON that was made to harm.
#include <cmath>
#include <limits>
#include <string>

#include "heddle/heddle.hpp"
#include "heddle/train/checkpoint_files.hpp"
#include "small_training.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/temp_folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
using test::SmallTraining;
namespace fs = std::filesystem;

namespace {

train::Checkpoint at_step(SmallTraining& training, std::int64_t step) {
  training.state.step = step;
  return training.checkpoint();
}

std::string refusal(const fs::path& sidecar) {
  try {
    train::load_checkpoint(sidecar);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void damage(const fs::path& file, std::size_t at) {
  std::string bytes = read_file(file);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  write_file(file, bytes);
}

}  // namespace

TEST_CASE("a damaged checkpoint gives way to the newest whole one, and the reason is there to be shown") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  CHECK(!checkpoints.load_newest());
  SmallTraining training;
  checkpoints.save(at_step(training, 1), {"epoch-0001"});
  checkpoints.save(at_step(training, 2), {"best"});
  checkpoints.save(at_step(training, 3), {"last"});
  CHECK(checkpoints.load_newest()->name == "last");
  CHECK(checkpoints.load_newest()->damaged.empty());

  damage(folder / "last.json", 200);
  auto found = checkpoints.load_newest();
  REQUIRE(found);
  CHECK(found->name == "best");
  CHECK(found->checkpoint.trainer.step == 2);
  REQUIRE(found->damaged.size() == 1);
  CHECK_THAT(found->damaged[0], ContainsSubstring("last.json"));

  damage(folder / "step-00000002.state.safetensors", 20);
  found = checkpoints.load_newest();
  CHECK(found->name == "epoch-0001");
  CHECK(found->damaged.size() == 2);

  fs::remove(folder / "step-00000001.model.safetensors");
  CHECK_THROWS_WITH(checkpoints.load_newest(), ContainsSubstring("last.json") && ContainsSubstring("step-00000002.state") &&
                                                   ContainsSubstring("step-00000001.model"));
  checkpoints.save(at_step(training, 2), {"last"});
  CHECK(checkpoints.load_newest()->name == "last");
}

TEST_CASE("without `last` a run goes on from the best") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  SmallTraining training;
  checkpoints.save(at_step(training, 4), {"best"});
  CHECK(checkpoints.load_newest()->checkpoint.trainer.step == 4);
}

TEST_CASE("files of others neither stop the clean-up nor are touched") {
  test::Folder folder;
  SmallTraining training;
  write_file(folder / "foreign.json", "{\"a\": 1}");
  write_file(folder / "no.json", "\xff not JSON");
  write_file(folder / "empty.json", "");
  fs::create_directory(folder / "folder.json");
  fs::create_symlink("nowhere", folder / "link.json");
  fs::create_directory(folder / "step-00000099.model.safetensors");
  test::write_file(folder / "mine.part", "mine");
  test::write_file(folder / "notes.txt.part7-0", "mine");
  const int others = folder.count();
  {
    train::CheckpointFolder checkpoints(folder.path());
    for (std::int64_t step = 1; step <= 20; ++step) checkpoints.save(at_step(training, step), {"best", "last"});
    CHECK(folder.count() == others + 4 + 1);  // two sidecars, two files of tensors, the lock
    CHECK(checkpoints.load_newest()->checkpoint.trainer.step == 20);
    CHECK(checkpoints.load_newest()->damaged.empty());
  }
  for (const char* left :
       {"last.json.part4711-0", "step-00000021.model.safetensors.part4711-1", "step-00000021.state.safetensors"})
    test::write_file(folder / left, "half");
  const train::CheckpointFolder again(folder.path());
  CHECK(folder.count() == others + 4 + 1);
  CHECK(read_file(folder / "foreign.json") == "{\"a\": 1}");
}

TEST_CASE("a damaged sidecar keeps the tensors that it still names") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  SmallTraining training;
  checkpoints.save(at_step(training, 1), {"epoch-0001"});
  damage(folder / "epoch-0001.json", read_file(folder / "epoch-0001.json").size() - 10);
  checkpoints.save(at_step(training, 2), {"last"});
  CHECK(fs::exists(folder / "step-00000001.model.safetensors"));
  checkpoints.save(at_step(training, 3), {"last"});
  CHECK(!fs::exists(folder / "step-00000002.model.safetensors"));
}

TEST_CASE("a sidecar's sum is compared before its JSON is looked at, and its depth is bounded behind a right sum") {
  test::Folder folder;
  SmallTraining training;
  train::CheckpointFolder(folder.path()).save(training.checkpoint());
  const fs::path sidecar = folder / "last.json";
  const std::string whole = read_file(sidecar), start = "{\n \"format\": \"heddle checkpoint, version 2\",\n \"model\": ";
  std::string deep = start;
  for (int i = 0; i < 200000; ++i) deep += "{\"a\":";
  write_file(sidecar, deep);
  CHECK_THAT(refusal(sidecar), ContainsSubstring("last.json") && ContainsSubstring("damaged"));
  write_file(sidecar, train::detail::seal(deep));
  CHECK_THAT(refusal(sidecar), ContainsSubstring("last.json") && ContainsSubstring("deep"));

  // With a right sum, every number and name must still be one that a checkpoint can have.
  const std::string object = whole.substr(0, whole.rfind(",\n \"crc64\"")) + "\n}";
  write_file(sidecar, train::detail::seal(object));
  REQUIRE(read_file(sidecar) == whole);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = object;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    changed.replace(at, from.size(), to);
    write_file(sidecar, train::detail::seal(changed));
    return refusal(sidecar);
  };
  CHECK_THAT(with("\"epoch\": 0", "\"epoch\": 1.9"), ContainsSubstring("a whole number") && ContainsSubstring("1.9"));
  CHECK_THAT(with("\"epoch\": 0", "\"epoch\": 1e300"), ContainsSubstring("a whole number"));
  CHECK_THAT(with("\"epoch\": 0", "\"epoch\": -1"), ContainsSubstring("counts from 0"));
  CHECK_THAT(with("\"step\": 0", "\"step\": 9223372036854775808"), ContainsSubstring("a whole number"));
  CHECK_THAT(with("\"step\": 0", "\"step\": \"0\""), ContainsSubstring("a whole number"));
  CHECK_THAT(with("\"file\": \"", "\"file\": \"../../"), ContainsSubstring("the name of a file beside"));
  CHECK_THAT(with("\"history\": []", "\"history\": [7]"), ContainsSubstring("last.json"));
  CHECK_THAT(with("\"arch\": \"small\"", "\"arch\": \"small\", \"arch\": \"large\""), ContainsSubstring("twice"));
  CHECK_THAT(with("version 2", "version 1"), ContainsSubstring("version 1"));
  CHECK(with("\"arch\": \"small\"", "\"arch\": \"other\"") == "");
}

TEST_CASE("a training that had finished becomes longer, at the longer schedule's rates") {
  SmallTraining first;
  first.fit();
  const auto saved = first.checkpoint();
  REQUIRE(saved.trainer.epoch == SmallTraining::epochs);
  CHECK_THROWS_AS(train::check_same({{"epochs", "2"}, {"seed", "1"}}, {{"epochs", "3"}, {"seed", "1"}}), Error);
  CHECK_NOTHROW(train::check_same({{"epochs", "2"}, {"seed", "1"}}, {{"epochs", "3"}, {"seed", "1"}}, {"epochs"}));
  CHECK_THROWS_AS(train::check_same({{"epochs", "2"}, {"seed", "1"}}, {{"epochs", "3"}, {"seed", "2"}}, {"epochs"}), Error);

  constexpr int longer = SmallTraining::epochs + 1;
  const std::int64_t steps = longer * SmallTraining::batches;
  const auto rates_of = [&](auto make_schedule) {
    SmallTraining second;
    second.schedule = make_schedule(second);
    second.restore(saved);
    std::vector<double> rates;
    train::fit(second.net, *second.optimizer, second.schedule.get(), second.train_set, second.test_set,
               {.epochs = longer, .seed = second.seed, .state = &second.state, .on_step = [&](const train::Progress&) {
                  rates.push_back(second.state.lr);
                  return true;
                }});
    CHECK(second.state.epoch == longer);
    CHECK(second.state.history.size() == longer);
    return rates;
  };
  const auto one_cycle = [&](SmallTraining& t) {
    return std::make_unique<optim::OneCycleLR>(*t.optimizer, optim::OneCycleLR::Options{.max_lr = 0.05, .total_steps = steps});
  };
  SmallTraining straight;
  const auto schedule = one_cycle(straight);
  const auto rates = rates_of(one_cycle);
  REQUIRE(rates.size() == SmallTraining::batches);
  for (std::size_t i = 0; i < rates.size(); ++i)
    CHECK(rates[i] == schedule->lr_at(SmallTraining::epochs * SmallTraining::batches + static_cast<std::int64_t>(i)));
}

// As doubles these were cast to counts, which is undefined where they do not fit, or counted on from, past the largest integer.
TEST_CASE("Counts of a checkpoint are whole numbers that can be counted on from", "[checkpoint]") {
  SmallTraining training(true);
  training.fit([](SmallTraining& t) { return t.state.step < 2; });
  const train::Checkpoint saved = training.checkpoint();
  const double nan = std::nan("");
  for (const double wrong : {-1.0, 0.5, 1e300, nan}) {
    INFO(wrong);
    auto changed = saved;
    changed.optimizer.numbers.at("state.0.step") = wrong;
    REQUIRE_THROWS_AS(training.restore(changed), Error);
    train::Meter meter;
    REQUIRE_THROWS_AS(meter.load_state(tensor(std::vector<double>{1, 0, wrong})), Error);
  }
  train::Meter meter;
  meter.load_state(tensor(std::vector<double>{nan, 3, 4}));
  CHECK(meter.read().accuracy == 75);
  REQUIRE_THROWS_AS(meter.load_state(tensor(std::vector<double>{1, 5, 4})), Error);
  SmallTraining scheduled;
  auto later = scheduled.checkpoint();
  later.schedule->last_step = std::numeric_limits<std::int64_t>::max();
  REQUIRE_THROWS_AS(scheduled.restore(later), Error);
}
