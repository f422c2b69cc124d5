// Memory that runs out for something small. Internal.
//
// A tensor that finds no memory is an Error that gives its size (core/allocator.hpp). The lists and texts that a function keeps
// beside tensors throw std::bad_alloc, which names no place. What a user calls turns that into an Error at its outer end:
//
//     Safetensors load_safetensors(const std::filesystem::path& path) try {
//       ...
//     } catch (const std::bad_alloc&) {
//       detail::out_of_memory("safetensors", path.native());
//     }
#pragma once

#include <new>
#include <string_view>

namespace heddle::detail {

/// Throws Error("[where] expected memory for what, got none"); where there is none for these words either, the Error has fewer.
[[noreturn]] void out_of_memory(std::string_view where, std::string_view what = {});

}  // namespace heddle::detail
