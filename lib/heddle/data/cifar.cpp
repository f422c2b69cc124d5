#include "heddle/data/cifar.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "heddle/base/check.hpp"
#include "heddle/base/printable.hpp"

namespace heddle::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t pixels = 3 * 32 * 32;

// One of the two layouts: records of `label_bytes` label bytes, of which the last counts, and the pixels.
struct Layout {
  const char* where;
  const char* folder;
  int label_bytes;
  int classes;
  std::int64_t records_per_file;
  const char* names_file;
};

constexpr Layout cifar10{"read_cifar10", "cifar-10-batches-bin", 1, 10, 10000, "batches.meta.txt"};
constexpr Layout cifar100_train{"read_cifar100", "cifar-100-binary", 2, 100, 50000, "fine_label_names.txt"};
constexpr Layout cifar100_test{"read_cifar100", "cifar-100-binary", 2, 100, 10000, "fine_label_names.txt"};

// The folder with the files: the one that was named, or the standard one in it.
fs::path find_folder(const Layout& layout, const fs::path& folder, const std::string& first_file) {
  std::error_code ignored;
  for (const fs::path& candidate : {folder, folder / layout.folder})
    if (fs::exists(candidate / first_file, ignored)) return candidate;
  fail(layout.where, strings::format("expected '{}' in '{}' or '{}', found it in neither", first_file, folder.string(),
                                 (folder / layout.folder).string()));
}

void read_file(const Layout& layout, const fs::path& path, std::uint8_t* images, std::int64_t* labels) {
  const std::int64_t record = layout.label_bytes + pixels, expected = record * layout.records_per_file;
  std::error_code error;
  const auto actual = fs::file_size(path, error);
  check(!error, layout.where, "expected the file '{}', got: {}", path.string(), error.message());
  check(static_cast<std::int64_t>(actual) == expected, layout.where, "expected {} bytes ({} records of {}) in '{}', got {}",
        expected, layout.records_per_file, record, path.string(), actual);

  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(expected));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), expected);
  check(file.gcount() == expected, layout.where, "expected {} bytes from '{}', could read {}", expected, path.string(),
        file.gcount());
  for (std::int64_t i = 0; i < layout.records_per_file; ++i) {
    const std::uint8_t* p = bytes.data() + i * record;
    labels[i] = p[layout.label_bytes - 1];
    check(labels[i] < layout.classes, layout.where, "expected labels from 0 to {} in '{}', got {} in record {}",
          layout.classes - 1, path.string(), labels[i], i);
    std::memcpy(images + i * pixels, p + layout.label_bytes, pixels);
  }
}

// One name a line; numbers where the file is missing or says something else.
std::vector<std::string> class_names(const Layout& layout, const fs::path& folder) {
  std::vector<std::string> names;
  std::ifstream file(folder / layout.names_file);
  for (std::string line; std::getline(file, line);) {
    line.erase(std::find(line.begin(), line.end(), '\r'), line.end());
    if (!line.empty()) names.push_back(strings::printable(line));  // they end up in JSON and on terminals
  }
  if (static_cast<int>(names.size()) == layout.classes) return names;
  names.clear();
  for (int i = 0; i < layout.classes; ++i) names.push_back("class " + std::to_string(i));
  return names;
}

ImageDataset read(const Layout& layout, const fs::path& folder, const std::vector<std::string>& files) {
  const fs::path place = find_folder(layout, folder, files.front());
  const auto count = layout.records_per_file * static_cast<std::int64_t>(files.size());
  Tensor images = empty({count, 3, 32, 32}, {.dtype = uint8});
  Tensor labels = empty({count}, {.dtype = int64});
  std::int64_t begin = 0;
  for (const auto& file : files) {
    read_file(layout, place / file, images.data<std::uint8_t>() + begin * pixels, labels.data<std::int64_t>() + begin);
    begin += layout.records_per_file;
  }
  return {images, labels, class_names(layout, place)};
}

std::vector<std::string> cifar10_files(Split split) {
  if (split == Split::test) return {"test_batch.bin"};
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
}

}  // namespace

ImageDataset read_cifar10(const fs::path& folder, Split split) {
  return read(cifar10, folder, cifar10_files(split));
}

ImageDataset read_cifar100(const fs::path& folder, Split split) {
  return split == Split::train ? read(cifar100_train, folder, {"train.bin"}) : read(cifar100_test, folder, {"test.bin"});
}

bool has_cifar10(const fs::path& folder) {
  std::error_code ignored;
  const std::string first = cifar10_files(Split::train).front();
  return fs::exists(folder / first, ignored) || fs::exists(folder / cifar10.folder / first, ignored);
}

}  // namespace heddle::data
