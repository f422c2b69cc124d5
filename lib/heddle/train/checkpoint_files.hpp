// A checkpoint as text and tensors: what a sidecar says, and back. Internal: checkpoint.cpp writes and reads the files.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "heddle/core/safetensors.hpp"
#include "heddle/train/checkpoint.hpp"

namespace heddle::train::detail {

using Json = nlohmann::ordered_json;

inline constexpr const char* sidecar_format = "heddle checkpoint, version 1";

/// A file that a sidecar belongs with.
struct Companion {
  std::string file;  ///< in the sidecar's folder
  std::uint64_t bytes = 0;
  std::string md5;
};
Companion companion_of(const std::filesystem::path& path);
/// Error unless the file is there with this size and sum.
void check_companion(const std::filesystem::path& folder, const Companion& companion);

struct Sidecar {
  Companion model, state;
};

/// The sidecar's text, ending in a sum over the rest of it.
std::string sidecar_text(const Checkpoint& checkpoint, const Sidecar& sidecar);
/// Fills everything but the tensors. Error that names `path` for text that is damaged or of another format.
Sidecar read_sidecar(const std::string& text, const std::filesystem::path& path, Checkpoint& checkpoint);

/// The optimizer's buffers and the meter's sums by name.
Safetensors state_tensors(const Checkpoint& checkpoint);
void take_state_tensors(const Safetensors& content, const std::filesystem::path& path, Checkpoint& checkpoint);

}  // namespace heddle::train::detail
