// Small hands that write files in CIFAR's binary layout: record r of a file has label r % classes, and pixel byte k of it is
// (7 * file + 3 * r + k) % 256.
#pragma once

#include <filesystem>
#include <string>

#include "tests/support/temp_folder.hpp"

namespace heddle::test {

inline int expected_pixel(int file, std::int64_t record, std::int64_t k) {
  return static_cast<int>((7 * file + 3 * record + k) % 256);
}

inline std::string cifar_bytes(int file, std::int64_t records, int label_bytes, int classes) {
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(records * (label_bytes + 3072)));
  for (std::int64_t r = 0; r < records; ++r) {
    for (int b = 1; b < label_bytes; ++b) bytes += '\x13';
    bytes += static_cast<char>(r % classes);
    for (std::int64_t k = 0; k < 3072; ++k) bytes += static_cast<char>(expected_pixel(file, r, k));
  }
  return bytes;
}

/// The six files and the names, in folder/cifar-10-batches-bin.
inline void write_cifar10(const std::filesystem::path& folder) {
  const auto place = folder / "cifar-10-batches-bin";
  for (int file = 1; file <= 5; ++file)
    write_file(place / ("data_batch_" + std::to_string(file) + ".bin"), cifar_bytes(file, 10000, 1, 10));
  write_file(place / "test_batch.bin", cifar_bytes(6, 10000, 1, 10));
  write_file(place / "batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
}

}  // namespace heddle::test
