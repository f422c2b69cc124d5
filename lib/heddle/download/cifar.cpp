#include "heddle/download/cifar.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/base/folder.hpp"
#include "heddle/data/cifar.hpp"
#include "heddle/download/descriptor.hpp"
#include "heddle/download/fetch.hpp"
#include "heddle/download/unpack.hpp"

namespace heddle::download {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view where = "download";
constexpr const char* standard_folder = "cifar-10-batches-bin";
constexpr const char* unpacking = ".cifar-10-unpacking";

std::vector<std::string> members() {
  std::vector<std::string> all;
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
                           "test_batch.bin", "batches.meta.txt", "readme.html"})
    all.push_back(std::string(standard_folder) + "/" + name);
  return all;
}

// A second program waits here for the first. Where the file system cannot lock a folder both work, each on a copy of its own,
// and the second copy is thrown away.
class Lock {
 public:
  explicit Lock(const fs::path& folder) : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    check(folder_.valid(), where, "expected to open the folder '{}', got: {}", folder.string(), std::strerror(errno));
    int result = 0;
    do result = ::flock(folder_.value(), LOCK_EX);
    while (result != 0 && errno == EINTR);
    held_ = result == 0;
  }
  bool held() const { return held_; }

 private:
  detail::Descriptor folder_;
  bool held_ = false;
};

void take_away(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  check(!error, where, "expected to remove '{}', got: {}", path.string(), error.message());
}

// What a program left that was killed while it unpacked.
void remove_leftovers(const fs::path& folder) {
  int error = 0;
  const auto names = heddle::detail::names_in(folder, error);
  check(error == 0, where, "expected to look into '{}', got: {}", folder.string(), std::strerror(error));
  for (const auto& name : names)
    if (name.starts_with(unpacking)) take_away(folder / name);
}

}  // namespace

void cifar10(const fs::path& folder, const Cifar10Options& options) {
  if (data::has_cifar10(folder)) return;
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, where, "expected to make the folder '{}', got: {}", folder.string(), error.message());
  const Lock lock(folder);
  if (data::has_cifar10(folder)) return;  // another program brought it while we waited
  if (lock.held()) remove_leftovers(folder);

  const fs::path archive = folder / "cifar-10-binary.tar.gz";
  const fs::path unpacked = folder / strings::format("{}-{}", unpacking, ::getpid());
  fetch(options.url, archive,
        {.md5 = options.md5,
         .max_bytes = 1 << 30,
         .connect_timeout_seconds = options.connect_timeout_seconds,
         .stall_timeout_seconds = options.stall_timeout_seconds,
         .tries = options.tries,
         .progress = options.progress});
  unpack(archive, unpacked, {.members = members(), .max_bytes = 1 << 30, .max_members = 100});
  check(data::has_cifar10(unpacked), where, "expected {} in '{}', found none", standard_folder, archive.string());
  fs::rename(unpacked / standard_folder, folder / standard_folder, error);
  take_away(unpacked);
  check(!error || data::has_cifar10(folder), where, "expected to make '{}', got: {}", (folder / standard_folder).string(),
        error.message());
  take_away(archive);
}

}  // namespace heddle::download
