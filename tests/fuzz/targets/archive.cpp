// A stranger's archive, unpacked: what lies in the folder afterwards is a bounded number of regular files, or nothing.
#include "heddle/download/unpack.hpp"
#include "tests/fuzz/memory_folder.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFolder folder;
  const auto unpacked = folder.path() / "unpacked";
  folder.write("archive", {reinterpret_cast<const char*>(data), size});
  // Decompressors have windows of up to tens of megabytes, whatever the file's size; what lands on the disk has a limit.
  const fuzz::Input input(data, size, 160 << 20);
  constexpr std::uint64_t most_bytes = 1 << 20;
  constexpr std::size_t most_members = 20;
  const bool whole = fuzz::accepts(
      [&] { download::unpack(folder.path() / "archive", unpacked, {.max_bytes = most_bytes, .max_members = most_members}); });
  std::error_code none;
  fuzz::require(std::filesystem::exists(unpacked, none) == whole, "an archive is unpacked whole or not at all");
  if (whole) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(unpacked)) {
      fuzz::require(!entry.is_symlink() && (entry.is_regular_file() || entry.is_directory()),
                    "only files and folders are unpacked");
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    fuzz::require(bytes <= most_bytes, "files have no more bytes than the limit");
    std::filesystem::remove_all(unpacked);
  }
  std::size_t others = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++others;
  fuzz::require(others == 1, "nothing is left behind, nor written beside the folder");
  return 0;
}
