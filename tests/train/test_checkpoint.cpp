// Checkpoints: a training goes on to the same bits from any step, and what is on the disk is whole or refused.
#include <cmath>
#include <limits>

#include "heddle/heddle.hpp"
#include "small_training.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/temp_folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
using test::SmallTraining;
namespace fs = std::filesystem;

namespace {

std::string name_of_step(std::int64_t step) {
  return "at-" + std::to_string(step);
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void check_every_step(bool adam) {
  test::Folder folder;
  SmallTraining unbroken(adam);
  train::CheckpointFolder checkpoints(folder.path());
  checkpoints.save(unbroken.checkpoint(), {name_of_step(0)});
  unbroken.fit([&](SmallTraining& t) {
    checkpoints.save(t.checkpoint(), {name_of_step(t.state.step), "last"});
    return true;
  });
  REQUIRE(unbroken.state.step == SmallTraining::epochs * SmallTraining::batches);
  REQUIRE(unbroken.state.history.size() == SmallTraining::epochs);
  const auto expected = unbroken.result();
  for (std::int64_t step = 0; step <= unbroken.state.step; ++step) {
    INFO("from step " << step);
    SmallTraining other(adam, 99);  // nothing of its own beginning may be left
    other.seed = 5;
    other.train_set = unbroken.train_set;
    other.restore(checkpoints.load(name_of_step(step)));
    CHECK(other.state.step == step);
    other.fit();
    CHECK(other.result() == expected);
  }
}

}  // namespace

TEST_CASE("from any step a training goes on to the same bits: SGD with momentum and a schedule") {
  check_every_step(false);
}
TEST_CASE("from any step a training goes on to the same bits: AdamW without a schedule") {
  check_every_step(true);
}

TEST_CASE("a training that is stopped in the middle of an epoch goes on in the same process too") {
  SmallTraining unbroken, stopped;
  unbroken.fit();
  manual_seed(5);
  stopped.fit([](SmallTraining& t) { return t.state.step < 2; });
  CHECK(stopped.state.step == 2);
  CHECK(stopped.state.history.empty());
  stopped.fit([](SmallTraining& t) { return t.state.step < 4; });  // after the last batch, before the test
  CHECK(stopped.state.batch == 4);
  CHECK(stopped.state.history.empty());
  stopped.fit();
  CHECK(stopped.result() == unbroken.result());
}

TEST_CASE("all of a checkpoint comes back from its files, numbers to the bit") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder / "new" / "folder");
  SmallTraining training;
  training.fit([](SmallTraining& t) { return t.state.step < 6; });
  auto saved = training.checkpoint();
  saved.config = {{"arch", "small"}, {"note", "\"ä\"\n"}};
  saved.random = {~std::uint64_t{0}, 3, 1};
  saved.trainer.seconds = 0.1 + 0.2;
  saved.trainer.history[0].test.loss = std::numeric_limits<double>::infinity();
  saved.trainer.history[0].seconds = std::nan("");
  checkpoints.save(saved, {"best", "last"});
  CHECK(checkpoints.contains());
  CHECK(!checkpoints.contains("first"));

  const auto back = checkpoints.load("best");
  CHECK(back.config == saved.config);
  CHECK(back.random.seed == saved.random.seed);
  CHECK(back.random.step == 3);
  CHECK(back.random.call == 1);
  CHECK(back.trainer.epoch == 1);
  CHECK(back.trainer.batch == 2);
  CHECK(back.trainer.step == 6);
  CHECK(back.trainer.lr == saved.trainer.lr);
  CHECK(back.trainer.seconds == 0.1 + 0.2);
  CHECK(back.trainer.meter.state().to_vector<double>() == saved.trainer.meter.state().to_vector<double>());
  REQUIRE(back.trainer.history.size() == 1);
  CHECK(std::isinf(back.trainer.history[0].test.loss));
  CHECK(std::isnan(back.trainer.history[0].seconds));
  CHECK(back.trainer.history[0].train.loss == saved.trainer.history[0].train.loss);
  CHECK(back.optimizer.numbers == saved.optimizer.numbers);
  CHECK(back.optimizer.tensors.size() == saved.optimizer.tensors.size());
  REQUIRE(back.schedule.has_value());
  CHECK(back.schedule->base_lrs == saved.schedule->base_lrs);
  CHECK(back.schedule->last_step == 6);
  // The weights are a file that opens anywhere, under their own names, with the configuration as its metadata.
  const Safetensors model = load_safetensors(folder / "new" / "folder" / "step-00000006.model.safetensors");
  CHECK(model.metadata.at("arch") == "small");
  CHECK(model.metadata.at("format") == "pt");
  REQUIRE(model.tensors.size() == saved.model.size());
  for (std::size_t i = 0; i < model.tensors.size(); ++i) CHECK(model.tensors[i].first == saved.model[i].first);
}

TEST_CASE("names share their files, and files that no name needs any more go") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  SmallTraining training;
  const auto save = [&](std::int64_t step, const std::vector<std::string>& names) {
    training.state.step = step;
    checkpoints.save(training.checkpoint(), names);
  };
  save(1, {"best", "last"});
  CHECK(folder.count() == 5);  // and the lock
  save(2, {"last"});
  CHECK(folder.count() == 7);
  save(3, {"best", "last"});
  CHECK(folder.count() == 5);
  save(3, {"last"});  // the same step once more: the files of the one before are never written over
  CHECK(folder.count() == 7);
  CHECK(checkpoints.load("last").trainer.step == 3);
  CHECK(checkpoints.load("best").trainer.step == 3);
}

TEST_CASE("what a killed writer left is cleared away, and nothing else") {
  test::Folder folder;
  SmallTraining training;
  {
    train::CheckpointFolder checkpoints(folder.path());
    checkpoints.save(training.checkpoint());
    CHECK_THROWS_WITH(train::CheckpointFolder(folder.path()), ContainsSubstring("in use by process"));
  }
  write_file(folder / "notes.txt", "mine");
  write_file(folder / "weights.safetensors", "mine too");
  for (const char* left : {"step-00000009.model.safetensors", "step-00000009.state.safetensors.part77-0", "last.json.part77-1"})
    write_file(folder / left, "half");
  CHECK(folder.count() == 8);
  {
    train::CheckpointFolder checkpoints(folder.path());
    CHECK(folder.count() == 6);
    CHECK(checkpoints.load().trainer.step == 0);
  }
  // Where nothing is left of `last`, its tensors may yet be somebody's hope.
  write_file(folder / "last.json", "{}");
  train::CheckpointFolder checkpoints(folder.path());
  CHECK(folder.count() == 6);
}

TEST_CASE("a damaged checkpoint is refused wherever the damage is") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  SmallTraining training;
  checkpoints.save(training.checkpoint());
  for (const char* name : {"last.json", "step-00000000.model.safetensors", "step-00000000.state.safetensors"}) {
    INFO(name);
    const std::string whole = read_file(folder / name);
    for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 41) {
      INFO("byte " << at);
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      test::write_file(folder / name, damaged);
      CHECK_THROWS_AS(checkpoints.load(), Error);
      test::write_file(folder / name, whole.substr(0, at));
      CHECK_THROWS_AS(checkpoints.load(), Error);
    }
    fs::remove(folder / name);
    CHECK_THROWS_WITH(checkpoints.load(), ContainsSubstring(name) && ContainsSubstring("No such file"));
    test::write_file(folder / name, whole);
  }
  CHECK(checkpoints.load().trainer.step == 0);
  write_file(folder / "last.json", R"({"format": "heddle checkpoint, version 9"})");
  CHECK_THROWS_WITH(checkpoints.load(), ContainsSubstring("version 9"));
}

TEST_CASE("files of two checkpoints are not taken for one") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  SmallTraining one(false, 1), two(false, 2);
  checkpoints.save(one.checkpoint(), {"one"});
  checkpoints.save(two.checkpoint(), {"two"});
  fs::copy_file(folder / "step-00000000-2.model.safetensors", folder / "step-00000000.model.safetensors",
                fs::copy_options::overwrite_existing);
  CHECK_THROWS_WITH(checkpoints.load("one"), ContainsSubstring("CRC-64"));
  CHECK(checkpoints.load("two").trainer.step == 0);
}

TEST_CASE("a checkpoint of another training is refused with what differs") {
  SmallTraining sgd, adam(true);
  CHECK(message_of([&] { sgd.restore(adam.checkpoint()); }).find("without a schedule") != std::string::npos);
  auto other = sgd.checkpoint();
  other.model[0].first = "stem.weight";
  const std::string text = message_of([&] { sgd.restore(other); });
  CHECK(text.find("missing: 0.weight") != std::string::npos);
  CHECK(text.find("unexpected: stem.weight") != std::string::npos);

  train::check_same({{"arch", "compact"}}, {{"arch", "compact"}});
  CHECK(message_of([] {
          train::check_same({{"arch", "a"}, {"batch", "128"}, {"seed", "1"}}, {{"arch", "a"}, {"batch", "64"}});
        }) ==
        "[checkpoint] expected the configuration that the run was saved with, got another batch (128 there, 64 here), seed (1 "
        "there, nothing here)");
}
