// How the program talks: to people, to files, to other programs, and about command lines that are nearly right.
#include <nlohmann/json.hpp>
#include <sstream>

#include "console.hpp"
#include "heddle/heddle.hpp"
#include "program.hpp"
#include "suggest.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("the nearest word is found, and none where all are far", "[program]") {
  const std::vector<std::string> options = {"--epochs", "--batch", "--lr", "--resume", "--save-every", "--save-every-steps"};
  CHECK(cifar10::nearest("--epoch", options) == "--epochs");
  CHECK(cifar10::nearest("--epcohs", options) == "--epochs");
  CHECK(cifar10::nearest("-Epochs=3", options) == "--epochs");
  CHECK(cifar10::nearest("--bacth", options) == "--batch");
  CHECK(cifar10::nearest("--batch-size", options) == "--batch");
  CHECK(cifar10::nearest("--save", options) == "--save-every");
  CHECK(cifar10::nearest("--rl", options) == "--lr");
  CHECK(cifar10::nearest("--verbose", options) == "");
  CHECK(cifar10::nearest("", options) == "");
  CHECK(cifar10::nearest("--", options) == "");
  CHECK(cifar10::did_you_mean("compat", cifar10::architecture_names()) == ": did you mean compact?");
}

TEST_CASE("a command line that is nearly right is told what was meant, on standard error, with status 2", "[program]") {
  for (const auto& [arguments, expected] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"trian"}, "there is no command 'trian': did you mean train?"},
           {{"train", "--epoch", "3"}, "there is no option --epoch: did you mean --epochs?"},
           {{"train", "--quite"}, "there is no option --quite: did you mean --quiet?"},
           {{"train", "--arch", "compat"},
            "expected transition, dilated, residual, bottleneck, compact, got 'compat': did you mean compact?"},
           {{"train", "--norm", "bach"}, "did you mean batch?"},
           {{"train", "--device", "gpu"}, "did you mean cuda?"},
           {{"train", "--epochs", "many"}, "--epochs"},
           {{"train", "--epochs", "0"}, "--epochs"},
           {{"train", "compact"}, "expected options, got 'compact'"},
           {{"study", "--archs", "compact"}, "did you mean --arch?"},
           {{"summary", "--bacth", "1"}, "did you mean --batch?"},
           {{"evaluate"}, "RUN is required"},
           {{"evaluate", ".", "--model", "."}, "RUN excludes --model"},
           {{"evaluate", "--modle", "x"}, "there is no option --modle: did you mean --model?"},
           {{"compare", ".", "--tilte", "x"}, "there is no option --tilte: did you mean --title?"},
           {{}, "subcommand is required"}}) {
    INFO((arguments.empty() ? "" : arguments.back()));
    const Said said = run(arguments);
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.out.empty());
    CHECK(has(said.err, expected));
    CHECK(has(said.err, "--help'"));
  }
}

TEST_CASE("help goes to standard output and shows examples, for every command", "[program]") {
  const Said all = run({"--help"});
  CHECK(all.status == 0);
  CHECK(all.err.empty());
  for (const char* part : {"Exit status: 0", "--quiet", "--json", "--resume", "evaluate"}) CHECK(has(all.out, part));
  for (const char* command : {"train", "study", "summary", "evaluate", "compare"}) {
    INFO(command);
    const Said said = run({command, "--help"});
    CHECK(said.status == 0);
    CHECK(said.err.empty());
    CHECK(has(said.out, "Examples:\n  " CIFAR10_PROGRAM " " + std::string(command)));
  }
}

TEST_CASE("errors go to standard error, with status 1", "[program]") {
  const Said said = run({"compare", "/"});
  CHECK(said.status == 1);
  CHECK(said.out.empty());
  CHECK(said.err == "cifar10: [compare] expected a run's folder with metrics.csv, got /\n");
}

TEST_CASE("with --json standard output is one object a line, for every command", "[program]") {
  test::Folder folder;
  auto arguments = tiny_training(folder / "run");
  arguments.push_back("--json");
  const Said said = run(arguments);
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  std::istringstream lines(said.out);
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  REQUIRE(events.size() == 4);
  CHECK(events[0]["event"] == "begin");
  CHECK(events[0]["config"]["arch"] == "compact");
  CHECK(events[1]["event"] == "epoch");
  CHECK(events[2]["epoch"] == 2);
  CHECK(events[2]["test_accuracy"].is_number());
  CHECK(events[3]["event"] == "end");
  CHECK(events[3]["test_accuracy"] == events[2]["test_accuracy"]);
  CHECK(events[3]["folder"] == (folder / "run").string());

  const Said compared = run({"--json", "compare", (folder / "run").string(), "--out", (folder / "out").string()});
  REQUIRE(compared.status == 0);
  const auto comparison = nlohmann::json::parse(compared.out);
  CHECK(comparison["event"] == "comparison");
  CHECK(comparison["runs"][0]["epochs"] == 2);
  CHECK(comparison["runs"][0]["test_accuracy"].get<double>() == Approx(events[3]["test_accuracy"].get<double>()).margin(1e-3));
  const auto summary = nlohmann::json::parse(run({"summary", "--arch", "compact", "--json"}).out);
  CHECK(summary["event"] == "summary");
  CHECK(summary["parameters"] == 37098);
  CHECK(summary["layers"].size() > 10);
}

TEST_CASE("--quiet leaves the result, and a file sees no bar", "[program]") {
  test::Folder folder;
  const Said loud = run(tiny_training(folder / "loud"));
  CHECK(has(loud.out, "Device: "));
  CHECK(has(loud.out, "epoch 2/2"));
  CHECK(!has(loud.out, "\r"));
  CHECK(!has(loud.out, "\033"));
  CHECK(loud.err.empty());
  auto arguments = tiny_training(folder / "quiet");
  arguments.insert(arguments.begin(), "--quiet");
  const Said quiet = run(arguments);
  CHECK(quiet.status == 0);
  CHECK(quiet.out.rfind("Test accuracy ", 0) == 0);
  CHECK(!has(quiet.out, "epoch 2/2"));
  CHECK(quiet.err.empty());
}
