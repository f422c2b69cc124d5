// A checkpoint as text and tensors: what a sidecar says, and back. Internal: checkpoint.cpp writes and reads the files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "heddle/core/safetensors.hpp"
#include "heddle/train/checkpoint.hpp"

namespace heddle::train::detail {

inline constexpr std::string_view sidecar_format = "heddle checkpoint, version 2";

/// A file that a sidecar belongs with.
struct Companion {
  std::string file;  ///< in the sidecar's folder
  std::uint64_t bytes = 0;
  std::string crc64;
};
Companion companion_of(const std::filesystem::path& path);
/// Error unless the file is there with this size and sum.
void check_companion(const std::filesystem::path& folder, const Companion& companion);

struct Sidecar {
  Companion model, state;
};

/// The sidecar's text: JSON that ends in a sum over the bytes before it.
std::string sidecar_text(const Checkpoint& checkpoint, const Sidecar& sidecar);
/// JSON with the sum as its last member; `object` is a JSON object without it.
std::string seal(std::string_view object);
/// Whether a text is a sidecar of this or another version, be it whole or not.
bool is_sidecar(std::string_view text);
/// Fills everything but the tensors. The sum is compared before anything is parsed. Error that names `path` for text that is
/// damaged or of another format.
Sidecar read_sidecar(const std::string& text, const std::filesystem::path& path, Checkpoint& checkpoint);

/// The optimizer's buffers and the meter's sums by name.
Safetensors state_tensors(const Checkpoint& checkpoint);
void take_state_tensors(const Safetensors& content, const std::filesystem::path& path, Checkpoint& checkpoint);

}  // namespace heddle::train::detail
