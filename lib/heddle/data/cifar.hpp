// CIFAR-10 and CIFAR-100 in their binary layout (Krizhevsky, "Learning multiple layers of features from tiny images", 2009):
// records of a label byte (CIFAR-100: coarse, then fine) and 3072 pixel bytes, the red plane first, each row by row.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "heddle/base/export.hpp"
#include "heddle/data/dataset.hpp"

HD_API_BEGIN
namespace heddle::data {

/// The training set's mean and deviation by channel, in units of 1.
inline constexpr std::array<float, 3> cifar10_mean = {0.4914f, 0.4822f, 0.4465f};
inline constexpr std::array<float, 3> cifar10_std = {0.2471f, 0.2435f, 0.2616f};
inline constexpr std::array<float, 3> cifar100_mean = {0.5071f, 0.4865f, 0.4409f};
inline constexpr std::array<float, 3> cifar100_std = {0.2673f, 0.2564f, 0.2762f};

enum class Split { train, test };

/// Reads cifar-10-batches-bin (data_batch_1.bin ... data_batch_5.bin, or test_batch.bin; class names from
/// batches.meta.txt where it is there). `folder` is that folder or the one it lies in. Error that names the file when one
/// is missing, has another size than 10,000 records, or holds a label above 9 (with its record).
ImageDataset read_cifar10(const std::filesystem::path& folder, Split split);

/// Reads cifar-100-binary (train.bin or test.bin, fine labels; class names from fine_label_names.txt where it is there).
ImageDataset read_cifar100(const std::filesystem::path& folder, Split split);

/// The same for the bytes of one file with any number of records. `names` is the text of batches.meta.txt or
/// fine_label_names.txt (classes get numbers where it has not one line for each), `file_name` what errors call the bytes.
ImageDataset decode_cifar10(std::string_view bytes, std::string_view names, std::string_view file_name);
ImageDataset decode_cifar100(std::string_view bytes, std::string_view names, std::string_view file_name);

/// Whether the folder, or cifar-10-batches-bin in it, has the first file that read_cifar10 would open.
bool has_cifar10(const std::filesystem::path& folder);

}  // namespace heddle::data
HD_API_END
