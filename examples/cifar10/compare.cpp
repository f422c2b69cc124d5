// cifar10 compare: several runs' curves over each other.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "console.hpp"
#include "heddle/heddle.hpp"
#include "options.hpp"
#include "run.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// "runs/a/" and "runs/a" are both called "a".
std::string name_of_folder(const fs::path& folder) {
  const fs::path plain = (folder / "").parent_path();
  return plain.has_filename() && plain.filename() != "."
             ? plain.filename().string()
             : fs::absolute(plain).lexically_normal().parent_path().filename().string();
}

nlohmann::json read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!fs::exists(path)) return nlohmann::json::object();
  auto config = nlohmann::json::parse(read_file(path), nullptr, false);
  if (!config.is_object()) fail("compare", strings::format("expected {} to hold a JSON object, got something else", path.string()));
  return config;
}

}  // namespace

void compare(const CompareOptions& options) {
  std::vector<nlohmann::json> configs;
  std::set<std::string> archs, names;
  for (const auto& run : options.runs) {
    if (!fs::exists(run / "metrics.csv"))
      fail("compare", strings::format("expected a run's folder with metrics.csv, got {}", run.string()));
    configs.push_back(read_config(run));
    archs.insert(configs.back().value("arch", ""));
  }
  // A run is called what tells it from the others: its norm, else architecture and norm, else its folder as well.
  const bool one_arch = archs.size() == 1 && !archs.begin()->empty();
  const auto short_name = [&](std::size_t i) {
    const std::string arch = configs[i].value("arch", ""), norm = configs[i].value("norm", "");
    if (arch.empty() || norm.empty()) return name_of_folder(options.runs[i]);
    return (one_arch ? "" : arch + ", ") + norm + " norm";
  };
  for (std::size_t i = 0; i < configs.size(); ++i) names.insert(short_name(i));
  const bool telling = names.size() == configs.size();

  report::Comparison comparison;
  comparison.title = !options.title.empty() ? options.title
                     : one_arch             ? *archs.begin() + ": " + std::to_string(configs.size()) + " runs"
                                            : "Comparison";
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (configs[i].value("synthetic", false))
      comparison.warning = "Trained and tested on drawn images, a stand-in: these accuracies say nothing about CIFAR-10.";
    const std::string folder = name_of_folder(options.runs[i]);
    comparison.runs.push_back({.name = telling || short_name(i) == folder ? short_name(i) : short_name(i) + " (" + folder + ")",
                               .epochs = report::read_metrics_csv(options.runs[i] / "metrics.csv"),
                               .parameters = configs[i].value("parameters", std::int64_t{0}),
                               .command = configs[i].value("command", "")});
  }
  const fs::path out = options.out.empty() ? new_folder(fs::path("runs") / "compare") : options.out;
  const std::string table = report::comparison_table(comparison);
  fs::create_directories(out);
  report::write_comparison(out, comparison);
  tell("{}Comparison: {} (compare.png, compare.txt)\n", table, (out / "compare.html").string());
  auto runs = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < comparison.runs.size(); ++i) {
    const auto& run = comparison.runs[i];
    nlohmann::ordered_json row = {{"name", run.name}, {"folder", options.runs[i].string()}, {"epochs", run.epochs.size()}};
    const auto best = std::max_element(run.epochs.begin(), run.epochs.end(),
                                       [](const auto& a, const auto& b) { return a.test_accuracy < b.test_accuracy; });
    if (best != run.epochs.end())
      row.update({{"test_accuracy", run.epochs.back().test_accuracy},
                  {"best_test_accuracy", best->test_accuracy},
                  {"best_epoch", best->epoch}});
    runs.push_back(std::move(row));
  }
  record("comparison", {{"folder", out.string()}, {"title", comparison.title}, {"runs", runs}});
}

void add_compare(CLI::App& app) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app.add_subcommand("compare", "Lay the curves of several runs over each other, with a table");
  command->add_option("RUN", options->runs, "Folders of runs, each with metrics.csv; a run that still trains will do")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--out", options->out,
                      "Folder for compare.html, compare.png and compare.txt; default: a new one under runs/");
  command->add_option("--title", options->title, "For the page and the picture");
  command->footer(in_user_words(
      "Examples:\n"
      "  cifar10 compare runs/compact-batch runs/compact-group runs/compact-layer\n"
      "  cifar10 compare runs/* --out runs/all --title 'All of them'"));
  command->callback([options] { compare(*options); });
}

}  // namespace cifar10
