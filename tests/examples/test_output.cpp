// Output that cannot be written: status 1 and one line, for whatever the program was asked; and who shows what as whose words.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "config.hpp"
#include "heddle/heddle.hpp"
#include "program.hpp"

using namespace heddle;
using namespace heddle::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::vector<std::string>> commands(const Folder& folder) {
  auto training = tiny_training(folder / "run");
  return {{"--help"},
          {"--version"},
          {"train", "--help"},
          {"summary", "--arch", "compact"},
          {"summary", "--arch", "compact", "--json"},
          {"--quiet", "summary", "--arch", "compact"},
          {training}};
}

}  // namespace

// `cifar10 summary > /dev/full` ended with 0, as if all had been written.
TEST_CASE("a standard output that is full or closed ends with status 1 and one line", "[program]") {
  const auto full = [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  const auto closed = [] { ::close(STDOUT_FILENO); };
  for (const auto& [before, reason] : std::vector<std::pair<std::function<void()>, std::string>>{
           {full, "No space left on device"}, {closed, "Bad file descriptor"}}) {
    Folder folder;
    for (const auto& arguments : commands(folder)) {
      const Said said = run(arguments, {.before = before});
      INFO(arguments[0] << ": " << said.err);
      CHECK(said.status == 1);
      CHECK(said.err == "cifar10: [output] expected standard output to take all of it, got: " + reason + "\n");
    }
    // The training itself was finished, and no file has a word of what should have been printed.
    CHECK(fs::exists(folder / "run" / "report.html"));
    for (const char* name : {"config.json", "metrics.csv", "model.safetensors"})
      CHECK(!has(read_file(folder / "run" / name), "Device: "));
  }
  // Mistakes have nothing to write there.
  CHECK(run({"trian"}, {.before = closed}).status == 2);
}

TEST_CASE("a reader that has seen enough ends the program quietly", "[program]") {
  const auto broken = [](bool ignored) {
    return [ignored] {
      int ends[2];
      if (::pipe(ends) != 0) ::_exit(126);
      ::close(ends[0]);
      ::dup2(ends[1], STDOUT_FILENO);
      std::signal(SIGPIPE, ignored ? SIG_IGN : SIG_DFL);
    };
  };
  const Said killed = run({"summary", "--arch", "compact"}, {.before = broken(false)});
  CHECK(killed.status == -SIGPIPE);
  CHECK(killed.err.empty());
  const Said ignored = run({"summary", "--arch", "compact"}, {.before = broken(true)});
  CHECK(ignored.status == 1);
  CHECK(ignored.err.empty());
}

TEST_CASE("the version is told", "[program]") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--version"}, {"train", "--version"}}) {
    const Said said = run(arguments);
    CHECK(said.status == 0);
    CHECK(said.err.empty());
    CHECK(said.out.starts_with("cifar10 0."));
    CHECK(std::count(said.out.begin(), said.out.end(), '\n') == 1);
  }
}

// Hints named cifar10, which is on nobody's PATH when examples/run.sh was started.
TEST_CASE("usage, hints and commands name what the user typed", "[program]") {
  Folder folder;
  const Start script{.name = "./examples/run.sh"};
  const Said help = run({"--help"}, script);
  CHECK(has(help.out, "Usage: ./examples/run.sh "));
  CHECK(has(help.out, "\n  ./examples/run.sh train  "));
  CHECK(has(help.out, "'./examples/run.sh COMMAND --help'"));
  CHECK(!has(help.out, " cifar10 "));
  CHECK(has(run({"gradcam", "--help"}, script).out, "\n  ./examples/run.sh gradcam runs/compact-batch\n"));
  CHECK(has(run({"trian"}, script).err, "See './examples/run.sh --help'."));
  CHECK(has(run({"train", "--epoch", "1"}, script).err, "See './examples/run.sh train --help'."));
  CHECK(has(run({"trian"}, {.name = "/opt/my programs/cifar10"}).err, "See ''/opt/my programs/cifar10' --help'."));
  CHECK(has(run({"trian"}, {.name = ""}).err, "See 'cifar10 --help'."));

  REQUIRE(run(tiny_training(folder / "run"), script).status == 0);
  CHECK(has(read_file(folder / "run" / "report.html"), "./examples/run.sh train --arch compact"));
  const auto config = nlohmann::json::parse(read_file(folder / "run" / "config.json"));
  CHECK(config["command"].get<std::string>().starts_with("./examples/run.sh train --arch compact"));
}

TEST_CASE("config.json and the report say when, by which version and how exactly a run was trained", "[program]") {
  Folder folder;
  REQUIRE(run(tiny_training(folder / "run")).status == 0);
  const auto config = nlohmann::json::parse(read_file(folder / "run" / "config.json"));
  const std::string started = config["started"];
  CHECK(started.size() == 20);
  CHECK(started.starts_with("20"));
  CHECK(started.ends_with("Z"));
  CHECK(config["heddle"].get<std::string>().starts_with("0."));
  CHECK(config["revision"].is_string());
  CHECK(config["loss"] == "cross_entropy");
  for (const char* zero : {"weight_decay", "dampening", "label_smoothing", "clip_grad_norm"}) CHECK(config[zero] == 0.0);
  CHECK(config["nesterov"] == false);
  CHECK(config.contains("schedule_settings"));
  const std::string page = read_file(folder / "run" / "report.html");
  for (const char* part : {"<dt>weight_decay</dt>", "<dt>started</dt><dd>20", "<dt>Date</dt>", "<dt>heddle</dt>", ">precision<",
                           ">F1<", "@media print"}) {
    INFO(part);
    CHECK(has(page, part));
  }
}
