#include "heddle/train/checkpoint.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
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

// Files that only this class writes: tensors of some step, and what a killed writer had under a temporary name.
bool is_ours(const std::string& name) {
  const bool tensors = name.starts_with("step-") && (name.ends_with(model_ending) || name.ends_with(state_ending));
  return tensors || name.find(".json.part") != std::string::npos || name.find(".safetensors.part") != std::string::npos;
}

}  // namespace

Checkpoint make_checkpoint(nn::Module& net, const optim::Optimizer& optimizer, const optim::LRScheduler* schedule,
                           const TrainerState& state, const Config& config) {
  Checkpoint checkpoint{.model = net.state_dict(),
                        .optimizer = optimizer.state_dict(),
                        .trainer = state,
                        .random = default_generator().get_state(),
                        .config = config};
  if (schedule) checkpoint.schedule = schedule->state_dict();
  return checkpoint;
}

void restore(const Checkpoint& checkpoint, nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule,
             TrainerState& state) {
  check(checkpoint.schedule.has_value() == (schedule != nullptr), where,
        "expected a training {} a schedule, as it was saved, got one {}", checkpoint.schedule ? "with" : "without",
        schedule ? "with" : "without");
  net.load_state_dict(checkpoint.model);
  optimizer.load_state_dict(checkpoint.optimizer);
  if (schedule) schedule->load_state_dict(*checkpoint.schedule);
  state = checkpoint.trainer;
  default_generator().set_state(checkpoint.random);
}

void check_same(const Config& saved, const Config& now) {
  std::vector<std::string> differences;
  const auto value_of = [](const Config& config, const std::string& name) {
    const auto found = config.find(name);
    return found == config.end() ? std::string("nothing") : found->second;
  };
  std::set<std::string> names;
  for (const auto* config : {&saved, &now})
    for (const auto& [name, value] : *config) names.insert(name);
  for (const auto& name : names)
    if (value_of(saved, name) != value_of(now, name))
      differences.push_back(strings::format("{} ({} there, {} here)", name, value_of(saved, name), value_of(now, name)));
  check(differences.empty(), where, "expected the configuration that the run was saved with, got another {}",
        strings::join(differences, ", "));
}

Checkpoint load_checkpoint(const fs::path& sidecar) {
  Checkpoint checkpoint;
  const fs::path folder = sidecar.has_parent_path() ? sidecar.parent_path() : fs::path(".");
  const auto [model, state] = detail::read_sidecar(read_file(sidecar), sidecar, checkpoint);
  for (const auto& companion : {model, state}) detail::check_companion(folder, companion);
  checkpoint.model = load_safetensors(folder / model.file).tensors;
  detail::take_state_tensors(load_safetensors(folder / state.file), folder / state.file, checkpoint);
  return checkpoint;
}

CheckpointFolder::CheckpointFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  check(lock_ >= 0, where, "expected a folder {}, got: {}", folder_.string(), error ? error.message() : std::strerror(errno));
  // The system lets go of the lock when a process ends, however it ends. File systems without locks have none.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    fail(where, strings::format("expected {} for this process alone, got one that another process saves to", folder_.string()));
  }
  sweep();
}

CheckpointFolder::~CheckpointFolder() {
  ::close(lock_);
}

void CheckpointFolder::save(const Checkpoint& checkpoint, const std::vector<std::string>& names) {
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
}

bool CheckpointFolder::contains(const std::string& name) const {
  return fs::exists(folder_ / (name + ".json"));
}

Checkpoint CheckpointFolder::load(const std::string& name) const {
  return load_checkpoint(folder_ / (name + ".json"));
}

// Removes tensors that no sidecar belongs with. Where a sidecar cannot be read, nobody knows which these are.
void CheckpointFolder::sweep() const {
  std::set<std::string> needed;
  std::vector<fs::path> ours;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (is_ours(name)) ours.push_back(entry.path());
    if (!name.ends_with(".json")) continue;
    try {
      Checkpoint unused;
      const auto sidecar = detail::read_sidecar(read_file(entry.path()), entry.path(), unused);
      needed.insert({sidecar.model.file, sidecar.state.file});
    } catch (const Error&) {
      return;
    }
  }
  std::error_code ignored;
  for (const auto& path : ours)
    if (!needed.contains(path.filename().string())) fs::remove(path, ignored);
}

}  // namespace heddle::train
