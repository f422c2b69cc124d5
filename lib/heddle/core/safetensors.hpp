// Named tensors in files that PyTorch, and everything else, can read: https://github.com/huggingface/safetensors
//
// Eight bytes (little-endian) give the length of a JSON header; it maps each name to dtype, shape and the bytes' offsets
// behind the header; then come the tensors' bytes, row-major.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

struct Safetensors {
  std::vector<std::pair<std::string, Tensor>> tensors;  ///< in the order of the file
  std::map<std::string, std::string> metadata;
};

/// Writes the file atomically. Error for a name that comes twice, or names that are no UTF-8.
void save_safetensors(const std::filesystem::path& path, const Safetensors& content);
/// Reads tensors of types F32, F64, I64, U8 and BF16, of at most eight dimensions, to the CPU. A file that is cut short, says
/// something twice, overlaps, leaves gaps, or names other types is an Error that says which, and where.
Safetensors load_safetensors(const std::filesystem::path& path);
/// The same of bytes in memory, which messages call `name`.
Safetensors read_safetensors(std::string_view bytes, const std::string& name);

}  // namespace heddle
HD_API_END
