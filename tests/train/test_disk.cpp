// Checkpoints against the world: writers killed at any moment, and disks that are full.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "heddle/heddle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

namespace {

// Step s holds nothing but the number s, so that parts of two checkpoints would be seen.
train::Checkpoint checkpoint_of_step(std::int64_t step) {
  train::Checkpoint checkpoint;
  checkpoint.model = {{"weight", full({20000}, static_cast<double>(step))}};
  checkpoint.optimizer.tensors = {{"state.0.momentum_buffer", full({20000}, static_cast<double>(step))}};
  checkpoint.optimizer.numbers = {{"param_groups.0.lr", static_cast<double>(step)}};
  checkpoint.trainer.step = step;
  return checkpoint;
}

void check_whole(const train::Checkpoint& checkpoint) {
  const auto step = static_cast<double>(checkpoint.trainer.step);
  CHECK(checkpoint.model.at(0).second.to_vector<float>() == std::vector<float>(20000, static_cast<float>(step)));
  CHECK(checkpoint.optimizer.tensors.at("state.0.momentum_buffer").to_vector<float>() ==
        std::vector<float>(20000, static_cast<float>(step)));
  CHECK(checkpoint.optimizer.numbers.at("param_groups.0.lr") == step);
}

// Files that this process writes end after so many bytes, as on a full disk, for as long as it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : ignored_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  void (*ignored_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("a writer killed at any moment leaves a whole checkpoint, and nothing that stays") {
  test::Folder folder;
  const auto begin = std::chrono::steady_clock::now();
  {
    train::CheckpointFolder first(folder.path());
    first.save(checkpoint_of_step(0), {"best", "last"});
  }
  const auto one_save = std::chrono::steady_clock::now() - begin;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> saves(0, 4);
  std::int64_t reached = 0;
  // On a busy machine a child may be killed before it saved anything: more of them, until some got on.
  for (int kill = 0; kill < 20 || (reached < 5 && kill < 1000); ++kill) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      train::CheckpointFolder checkpoints(folder.path());
      for (std::int64_t step = reached + 1;; ++step) checkpoints.save(checkpoint_of_step(step), {"best", "last"});
    }
    std::this_thread::sleep_for(saves(random) * one_save);
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    train::CheckpointFolder checkpoints(folder.path());
    const auto last = checkpoints.load();
    check_whole(last);
    CHECK(last.trainer.step >= reached);
    reached = last.trainer.step;
    const auto best = checkpoints.load("best");
    check_whole(best);
    CHECK(best.trainer.step >= reached);
    CHECK(best.trainer.step <= reached + 1);
    CHECK(folder.count() <= 7);
  }
  CHECK(reached >= 5);
}

TEST_CASE("on a full disk saving is one error, and the last good checkpoint stays") {
  test::Folder folder;
  train::CheckpointFolder checkpoints(folder.path());
  checkpoints.save(checkpoint_of_step(1), {"best", "last"});
  const auto before = folder.count();
  auto large = checkpoint_of_step(2);
  large.config = {{"note", std::string(200000, '.')}};  // in the weights' metadata and in the sidecar
  auto long_history = checkpoint_of_step(2);
  long_history.trainer.history.resize(1000);  // in the sidecar alone, which is the largest file then
  for (const auto& [checkpoint, bytes] : {std::pair{&large, 0},
                                          {&large, 50},
                                          {&large, 4096},
                                          {&large, 250000},
                                          {&long_history, 81000},
                                          {&long_history, 100000}}) {
    INFO("files end after " << bytes << " bytes");
    const auto save = [&, one = checkpoint, limit = bytes] {
      const FileLimit full(static_cast<rlim_t>(limit));
      checkpoints.save(*one, {"best", "last"});
    };
    CHECK_THROWS_WITH(save(), ContainsSubstring(folder.path().string()) && ContainsSubstring("File too large"));
    CHECK(folder.count() == before);
    for (const char* name : {"best", "last"}) {
      check_whole(checkpoints.load(name));
      CHECK(checkpoints.load(name).trainer.step == 1);
    }
  }
  checkpoints.save(checkpoint_of_step(3), {"best", "last"});  // space was made
  CHECK(checkpoints.load().trainer.step == 3);
  CHECK(folder.count() == before);
}

TEST_CASE("metrics and events keep whole lines on a full disk") {
  test::Folder folder;
  report::MetricsCsv csv(folder / "metrics.csv");
  report::EventFile events(folder.path());
  const report::MetricsRow row{1, 0.1, 2, 10, 2, 10, 1, 100};
  csv.add(row);
  events.add(1, report::scalars_of(row));
  const std::string lines = read_file(folder / "metrics.csv"), records = read_file(events.path());
  {
    const FileLimit full(lines.size() + 10);
    CHECK_THROWS_WITH(csv.add(row), ContainsSubstring("metrics.csv") && ContainsSubstring("File too large"));
  }
  {
    const FileLimit full(records.size() + 10);
    CHECK_THROWS_WITH(events.add(2, report::scalars_of(row)),
                      ContainsSubstring("tfevents") && ContainsSubstring("File too large"));
  }
  CHECK(read_file(folder / "metrics.csv") == lines);
  CHECK(read_file(events.path()) == records);
  csv.add(row);
  events.add(2, report::scalars_of(row));
  CHECK(report::read_metrics_csv(folder / "metrics.csv").size() == 2);
  CHECK(read_file(events.path()).size() == 2 * records.size() - 40);  // but for the version record
}

// The same on a file system that is really full, where this process may mount one.
TEST_CASE("on a small file system too") {
  test::Folder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=400k") != 0) {
    WARN("no right to mount a file system here: the limit on file sizes above is the test");
    return;
  }
  {
    train::CheckpointFolder checkpoints(folder.path());
    checkpoints.save(checkpoint_of_step(1));
    std::string filling(100000, '.');
    write_file(folder / "filling", filling);
    CHECK_THROWS_WITH(checkpoints.save(checkpoint_of_step(2)), ContainsSubstring("No space left"));
    check_whole(checkpoints.load());
    CHECK(checkpoints.load().trainer.step == 1);
    std::filesystem::remove(folder / "filling");
    checkpoints.save(checkpoint_of_step(3));
    CHECK(checkpoints.load().trainer.step == 3);
  }
  CHECK(::umount(folder.path().c_str()) == 0);
}
