#include "heddle/base/threads.hpp"

#include <new>
#include <system_error>

#include "heddle/base/check.hpp"

namespace heddle::detail {

std::vector<std::thread> start_threads(std::string_view where, int count, const std::function<void(int)>& body,
                                       const std::function<void()>& stop) {
  std::vector<std::thread> threads;
  const auto refuse = [&](const char* why) {
    fail(where,
         strings::format("expected to start {} thread{}, got {}: {}", count, count == 1 ? "" : "s", threads.size(), why));
  };
  try {
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  } catch (...) {
    stop();
    for (auto& thread : threads) thread.join();
    try {
      throw;
    } catch (const std::system_error& error) {
      refuse(error.what());
    } catch (const std::bad_alloc&) {
      refuse("no memory");
    }
    throw;
  }
  return threads;
}

}  // namespace heddle::detail
