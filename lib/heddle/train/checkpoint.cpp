#include "heddle/train/checkpoint.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/folder.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/train/checkpoint_files.hpp"

namespace heddle::train {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view where = "checkpoint";
constexpr const char* model_ending = ".model.safetensors";
constexpr const char* state_ending = ".state.safetensors";

// Two files under a name that no checkpoint has yet. They go again unless a sidecar was written for them.
class NewFiles {
 public:
  NewFiles(const fs::path& folder, std::int64_t step) {
    const std::string base = strings::format("step-{:08}", step);
    std::string stem = base;
    for (int n = 2; fs::exists(folder / (stem + model_ending)) || fs::exists(folder / (stem + state_ending)); ++n)
      stem = strings::format("{}-{}", base, n);
    model = folder / (stem + model_ending);
    state = folder / (stem + state_ending);
  }
  ~NewFiles() {
    std::error_code ignored;
    if (!keep)
      for (const fs::path* path : {&model, &state}) fs::remove(*path, ignored);  // a copy would take memory
  }
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;

  fs::path model, state;
  bool keep = false;
};

bool has_ending(std::string_view name) {
  return name.ends_with(model_ending) || name.ends_with(state_ending);
}

// Tensors of some step: files that only this class writes.
bool is_tensors(std::string_view name) {
  return name.starts_with("step-") && has_ending(name);
}

// What a killed writer had under a temporary name. A long name may have lost its end.
bool is_ours(std::string_view name) {
  return name.starts_with("step-") || name.ends_with(".json");
}

// Every regular *.json of a folder, by its name without the ending. What cannot be looked at is passed over.
std::vector<fs::path> sidecars_in(const fs::path& folder, int& error) {
  std::vector<fs::path> found;
  for (const auto& name : heddle::detail::names_in(folder, error)) {
    std::error_code unknown;
    const fs::path path = folder / name;
    if (path.extension() == ".json" && fs::is_regular_file(path, unknown)) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The names of tensor files that a text speaks of, be it whole, damaged or of a later format: those are kept. False: of none.
bool add_mentioned(const std::string& text, std::set<std::string>& names) {
  bool some = false;
  for (std::size_t at = text.find("step-"); at != std::string::npos; at = text.find("step-", at + 1)) {
    const std::string name = text.substr(at, text.find('"', at) - at);
    if (has_ending(name)) names.insert(name), some = true;
  }
  return some;
}

}  // namespace

Checkpoint make_checkpoint(nn::Module& net, const optim::Optimizer& optimizer, const optim::LRScheduler* schedule,
                           const TrainerState& state, const Config& config) try {
  Checkpoint checkpoint{.model = net.state_dict(),
                        .optimizer = optimizer.state_dict(),
                        .trainer = state,
                        .random = default_generator().get_state(),
                        .config = config};
  if (schedule) checkpoint.schedule = schedule->state_dict();
  return checkpoint;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("make_checkpoint");
}

void restore(const Checkpoint& checkpoint, nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule,
             TrainerState& state) try {
  check(checkpoint.schedule.has_value() == (schedule != nullptr), where,
        "expected a training {} a schedule, as it was saved, got one {}", checkpoint.schedule ? "with" : "without",
        schedule ? "with" : "without");
  net.load_state_dict(checkpoint.model);
  optimizer.load_state_dict(checkpoint.optimizer);
  if (schedule) schedule->load_state_dict(*checkpoint.schedule);
  state = checkpoint.trainer;
  default_generator().set_state(checkpoint.random);
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("restore");
}

void check_same(const Config& saved, const Config& now, const std::set<std::string>& free) {
  std::vector<std::string> differences;
  const auto value_of = [](const Config& config, const std::string& name) {
    const auto found = config.find(name);
    return found == config.end() ? std::string("nothing") : found->second;
  };
  std::set<std::string> names;
  for (const auto* config : {&saved, &now})
    for (const auto& [name, value] : *config) names.insert(name);
  for (const auto& name : names)
    if (!free.contains(name) && value_of(saved, name) != value_of(now, name))
      differences.push_back(strings::format("{} ({} there, {} here)", name, value_of(saved, name), value_of(now, name)));
  check(differences.empty(), where, "expected the configuration that the run was saved with, got another {}",
        strings::join(differences, ", "));
}

Checkpoint load_checkpoint(const fs::path& sidecar) try {
  Checkpoint checkpoint;
  const fs::path folder = sidecar.has_parent_path() ? sidecar.parent_path() : fs::path(".");
  const auto [model, state] = detail::read_sidecar(read_file(sidecar), sidecar, checkpoint);
  for (const auto& companion : {model, state}) detail::check_companion(folder, companion);
  checkpoint.model = load_safetensors(folder / model.file).tensors;
  detail::take_state_tensors(load_safetensors(folder / state.file), folder / state.file, checkpoint);
  return checkpoint;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("load_checkpoint", sidecar.native());
}

CheckpointFolder::CheckpointFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  check(fs::is_directory(folder_), where, "expected a folder {}, got: {}", folder_.string(),
        error ? error.message() : "a file");
  lock_.emplace(folder_);
  sweep();
}

void CheckpointFolder::save(const Checkpoint& checkpoint, const std::vector<std::string>& names) try {
  NewFiles files(folder_, checkpoint.trainer.step);
  std::map<std::string, std::string> metadata = checkpoint.config;
  metadata["format"] = "pt";
  save_safetensors(files.model, {.tensors = checkpoint.model, .metadata = metadata});
  save_safetensors(files.state, detail::state_tensors(checkpoint));
  const std::string text = detail::sidecar_text(
      checkpoint, {.model = detail::companion_of(files.model), .state = detail::companion_of(files.state)});
  for (const auto& name : names) {
    write_file(folder_ / (name + ".json"), text);
    files.keep = true;
  }
  sweep();
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("checkpoint", folder_.native());
}

bool CheckpointFolder::contains(const std::string& name) const {
  return fs::exists(folder_ / (name + ".json"));
}

Checkpoint CheckpointFolder::load(const std::string& name) const {
  return load_checkpoint(folder_ / (name + ".json"));
}

std::optional<FoundCheckpoint> CheckpointFolder::load_newest() const try {
  struct Candidate {
    std::string name;
    std::int64_t step;
  };
  std::vector<Candidate> candidates;
  std::vector<std::string> damaged;
  int unseen = 0;
  const auto sidecars = sidecars_in(folder_, unseen);
  check(unseen == 0 || unseen == ENOENT, where, "expected to look into {}, got: {}", folder_.string(), std::strerror(unseen));
  for (const auto& path : sidecars) {
    const std::string text = read_file(path);
    if (!detail::is_sidecar(text)) continue;
    try {
      Checkpoint read;
      detail::read_sidecar(text, path, read);
      candidates.push_back({path.stem().string(), read.trainer.step});
    } catch (const Error& error) {
      damaged.push_back(error.what());
    }
  }
  // Of the same step `last` is the first: it is what a run goes on with.
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.step != b.step ? a.step > b.step : (a.name == "last") > (b.name == "last");
  });
  for (const auto& candidate : candidates) {
    try {
      return FoundCheckpoint{candidate.name, load(candidate.name), std::move(damaged)};
    } catch (const Error& error) {
      damaged.push_back(error.what());
    }
  }
  check(damaged.empty(), where, "expected one whole checkpoint in {}, got:\n{}", folder_.string(),
        strings::join(damaged, "\n"));
  return {};
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("checkpoint", folder_.native());
}

// Removes tensors that no sidecar belongs with. Other files that end in .json neither keep anything nor stop this; a damaged
// sidecar keeps what it still names. Only a `last` or `best` of which nothing is left stops it, until it is saved again.
void CheckpointFolder::sweep() const {
  std::set<std::string> needed;
  int unseen = 0;
  const auto sidecars = sidecars_in(folder_, unseen);
  if (unseen) return;  // one that was not seen may need its tensors
  for (const auto& path : sidecars) {
    const std::string name = path.stem().string();
    bool names_some = false;
    try {
      names_some = add_mentioned(read_file(path), needed);
    } catch (const Error&) {
      return;  // for now: which tensors it belongs with cannot be seen
    }
    if (!names_some && (name == "last" || name == "best")) return;
  }
  std::error_code ignored;
  for (const auto& name : heddle::detail::names_in(folder_, unseen))
    if (is_tensors(name) && !needed.contains(name) && !fs::is_directory(folder_ / name, ignored))
      fs::remove(folder_ / name, ignored);
  remove_abandoned(folder_, is_ours);
}

}  // namespace heddle::train
