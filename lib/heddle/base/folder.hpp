// What a folder holds. Internal: exported for the components.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle::detail {

/// The names in a folder without "." and "..", in no order; `error` becomes 0, or errno of what went wrong, and then names may
/// be missing. In place of std::filesystem's iterators: those of libstdc++ end the program where memory runs out in them.
std::vector<std::string> names_in(const std::filesystem::path& folder, int& error);

}  // namespace heddle::detail
HD_API_END
