#define FMT_HEADER_ONLY
#include <fmt/format.h>

#include "heddle/base/format.hpp"

namespace heddle::strings {

std::string detail::format_erased(fmt::string_view text, fmt::format_args values) { return fmt::vformat(text, values); }

}  // namespace heddle::strings
