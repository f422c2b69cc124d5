// What the header of a safetensors file says, read strictly. Internal: safetensors.cpp takes the tensors' bytes from it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/dtype.hpp"
#include "heddle/core/shape.hpp"

namespace heddle::detail {

struct SafetensorsEntry {
  std::string name;
  DType dtype = float32;
  Shape shape;
  std::size_t begin = 0, end = 0;  ///< bytes behind the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the order of the header
  std::map<std::string, std::string> metadata;
};

/// As the format's own reader demands it: one object that begins at the first byte; sizes and offsets are whole numbers from 0;
/// no name, field or key of the metadata comes twice; the tensors' bytes fill `available` without holes and without overlap.
/// Fields beside dtype, shape and data_offsets are passed over. Error that names `file` and the entry.
SafetensorsHeader parse_safetensors_header(std::string_view text, std::size_t available, const std::string& file);

/// "F32" and the like.
const char* safetensors_name_of(DType type);

}  // namespace heddle::detail
