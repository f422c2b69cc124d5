// The one exception type of the library, and the shape of its messages.
//
// Every error names the place that noticed it, what that place expected and what came instead:
//     [conv2d] expected an input of 3 channels (weight is [16, 3, 3, 3]), got [8, 4, 32, 32]
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// What every failed check of this library throws.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error with the message "[where] message", in which control characters and the like, as file names and files may
/// bring them, are written out (see printable.hpp).
[[noreturn]] void fail(std::string_view where, std::string_view message);

}  // namespace heddle
HD_API_END
