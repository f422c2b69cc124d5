// Starting threads where the system may have no more of them. Internal.
#pragma once

#include <functional>
#include <string_view>
#include <thread>
#include <vector>

namespace heddle::detail {

/// Starts `count` threads that run body(0), body(1), ... Where the system refuses one, calls stop(), which is to make those
/// that run return and must not throw, joins them, and throws Error.
std::vector<std::thread> start_threads(std::string_view where, int count, const std::function<void(int)>& body,
                                       const std::function<void()>& stop);

}  // namespace heddle::detail
