#include "heddle/base/out_of_memory.hpp"

#include <string>

#include "heddle/base/error.hpp"

namespace heddle::detail {
namespace {
const Error& spare = *new Error("[memory] expected memory, got none, nor any to name the place");  // copies take no memory
}

void out_of_memory(std::string_view where, std::string_view what) {
  try {
    fail(where, "expected memory" + (what.empty() ? std::string() : " for " + std::string(what)) + ", got none");
  } catch (const std::bad_alloc&) {
    throw spare;
  }
}

}  // namespace heddle::detail
