#include "run_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "console.hpp"
#include "heddle/base/json.hpp"

namespace cifar10 {
namespace {

using namespace heddle;
namespace fs = std::filesystem;

// What a run leaves. config.json is the last one to be moved: by it the others are known as a run's.
bool is_result(const std::string& name) {
  static const char* const names[] = {"metrics.csv",       "model.safetensors", "report.html", "curves.png",
                                      "misclassified.png", "confusion.png",     "samples.png", "checkpoints",
                                      "profile.txt",       "trace.json",        "config.json"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names) || name.rfind("events.out.tfevents.", 0) == 0;
}

// Files beside these that commands write into such a folder.
bool is_written(const std::string& name) {
  static const char* const names[] = {"lr_find.csv", "lr_find.png", "lr_find.html", "compare.html",
                                      "compare.png", "compare.txt", "gradcam.png"};
  return is_result(name) || std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_run(const fs::path& folder) {
  try {
    const auto config = parse_json(read_file(folder / "config.json"), "train", "config.json");
    return config.is_object() && config.contains("options") && config.contains("labels_checksum");
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

RunFolder::RunFolder(const fs::path& named, const fs::path& base) : path_(named) {
  std::error_code error;
  if (!named.empty()) {
    made_ = fs::create_directories(named, error);
  } else {
    // Made, not looked for: of two that begin at the same time each has its own.
    if (base.has_parent_path()) fs::create_directories(base.parent_path(), error);
    path_ = base;
    for (int n = 2; !(made_ = fs::create_directory(path_, error)) && !error; ++n)
      path_ = base.string() + "-" + std::to_string(n);
  }
  if (!fs::is_directory(path_))
    fail("folder",
         strings::format("expected a folder {}, got: {}", path_.string(), error ? error.message() : "a file of that name"));
  lock_.emplace(path_);
  if (!lock_->holds())
    print_error(strings::format("{} is on a file system without locks: nothing keeps a second run out of it", path_.string()));
  remove_abandoned(path_, is_written);
}

RunFolder::~RunFolder() {
  lock_.reset();
  if (made_) ::rmdir(path_.c_str());  // where it is empty
}

void RunFolder::make_room() const {
  std::vector<fs::path> earlier;
  for (const auto& entry : fs::directory_iterator(path_))
    if (is_result(entry.path().filename().string())) earlier.push_back(entry.path());
  if (earlier.empty()) return;
  std::sort(earlier.begin(), earlier.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.filename() == "config.json", a) < std::pair(b.filename() == "config.json", b);
  });
  if (!is_run(path_))
    fail("train",
         strings::format("expected a folder for a run, got {} with {}, and no config.json of a run beside it: name another "
                         "folder with --out",
                         path_.string(), earlier.front().filename().string()));
  int n = 1;
  while (fs::exists(path_ / ("previous-" + std::to_string(n)))) ++n;
  const fs::path shelf = path_ / ("previous-" + std::to_string(n));
  fs::create_directories(shelf);
  for (const auto& path : earlier) fs::rename(path, shelf / path.filename());
  say("Moved the earlier run's files to {}\n", shelf.string());
}

}  // namespace cifar10
