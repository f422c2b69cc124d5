// Checkpoints: all that it takes to go on with a training to the same bits, in files that a kill at any moment leaves whole.
//
// A folder of checkpoints has two files of tensors for each step that was saved,
//     step-00000390.model.safetensors    the weights under PyTorch's names, which opens anywhere
//     step-00000390.state.safetensors    the optimizer's buffers and the meter's sums
// and for each name (last, best, ...) a sidecar last.json with all the rest, which says by size and checksum which two files it
// belongs with. The tensors are written first, all files under temporary names, flushed and renamed; so a checkpoint comes to
// be in one moment, with its sidecar's rename, and before that moment the one of the same name before it is still there. Files
// that no sidecar belongs with are removed afterwards.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/base/folder_lock.hpp"
#include "heddle/core/random.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/optim/optimizer.hpp"
#include "heddle/optim/schedule.hpp"
#include "heddle/train/trainer.hpp"

HD_API_BEGIN
namespace heddle::train {

/// What a run was configured with, by name: architecture, batch size, seed, ...
using Config = std::map<std::string, std::string>;

struct Checkpoint {
  nn::NamedTensors model;
  optim::StateDict optimizer;
  std::optional<optim::ScheduleState> schedule = {};
  TrainerState trainer = {};
  GeneratorState random = {};  ///< of default_generator()
  Config config = {};
};

/// The training as it stands between two steps. The tensors of the model are the module's own: write them before the next step.
Checkpoint make_checkpoint(nn::Module& net, const optim::Optimizer& optimizer, const optim::LRScheduler* schedule,
                           const TrainerState& state, const Config& config = {});

/// Puts a training back to where the checkpoint was made, also on another device. An Error lists what does not fit; the
/// training is then not to be used.
void restore(const Checkpoint& checkpoint, nn::Module& net, optim::Optimizer& optimizer, optim::LRScheduler* schedule,
             TrainerState& state);

/// Error that lists what differs between the configuration a run was saved with and the one it shall go on with. What `free`
/// names may differ: {"epochs"} for a run that is to become longer, see below.
///
/// A longer training: restore() into one whose options.epochs and schedule are made for more epochs, and fit() goes on. The
/// steps to come have the rates that the longer schedule has there: a step schedule goes on as it was, one that is stretched
/// over a number of steps (OneCycleLR, CosineAnnealingLR) continues at the longer one's place, which for a finished run means
/// higher rates than its last. So the weights are not those of a run that was that long from the beginning.
void check_same(const Config& saved, const Config& now, const std::set<std::string>& free = {});

/// Reads a sidecar and the files it belongs with. Error that names the file that is missing, damaged or of another format.
Checkpoint load_checkpoint(const std::filesystem::path& sidecar);

/// The newest whole checkpoint of a folder.
struct FoundCheckpoint {
  std::string name;  ///< "last", mostly
  Checkpoint checkpoint;
  std::vector<std::string> damaged;  ///< why each newer one was passed over
};

/// A folder of checkpoints that one process at a time writes to (see folder_lock.hpp).
class CheckpointFolder {
 public:
  /// Makes the folder where it is not there, and clears away what a killed writer left; files of others stay, and do not
  /// matter. Error, before anything is touched, when another process has it.
  explicit CheckpointFolder(std::filesystem::path folder);
  CheckpointFolder(const CheckpointFolder&) = delete;
  CheckpointFolder& operator=(const CheckpointFolder&) = delete;

  /// Writes the checkpoint under all of these names, in their order; each replaces the one of that name. After an Error (a full
  /// disk) all names that had a checkpoint before have one still.
  void save(const Checkpoint& checkpoint, const std::vector<std::string>& names = {"last"});
  bool contains(const std::string& name = "last") const;
  Checkpoint load(const std::string& name = "last") const;
  /// The checkpoint of the most steps that is whole: `last`, or where that is damaged or gone, the best of the others. Empty in
  /// a folder without any; Error that says of each why it is refused where all are damaged.
  std::optional<FoundCheckpoint> load_newest() const;
  const std::filesystem::path& path() const { return folder_; }

 private:
  void sweep() const;

  std::filesystem::path folder_;
  std::optional<FolderLock> lock_;
};

}  // namespace heddle::train
HD_API_END
