// Which heddle this is.
#pragma once

#include <string>

namespace cifar10 {

/// "0.1.0"
std::string version();
/// The revision that was checked out when the program was built, with "-dirty" where files had been changed; "" where it was
/// not built from a checkout.
std::string revision();
/// "cifar10 0.1.0 (revision 1a2b3c4)"
std::string version_text();
/// Now as "2026-11-30T12:34:56Z".
std::string time_now();

}  // namespace cifar10
