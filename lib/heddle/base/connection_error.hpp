// The error of whoever wants something from the network: there is none, or none that leads there.
#pragma once

#include "heddle/base/error.hpp"
#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// No server can be reached. A server that answers, with whatever, is no ConnectionError.
class ConnectionError : public Error {
 public:
  using Error::Error;
};

}  // namespace heddle
HD_API_END
