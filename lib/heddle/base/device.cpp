#include "heddle/base/device.hpp"

#include <charconv>

#include "heddle/base/check.hpp"

namespace heddle {

std::string Device::str() const { return is_cpu() ? "cpu" : strings::format("cuda:{}", index); }

Device Device::parse(std::string_view text) {
  if (text == "cpu") return cpu;
  if (text == "cuda") return cuda;
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    int index = -1;
    const char* end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data() + prefix.size(), end, index);
    if (error == std::errc{} && rest == end && index >= 0) return {DeviceType::cuda, index};
  }
  fail("device", strings::format("expected cpu, cuda or cuda:N, got '{}'", text));
}

}  // namespace heddle
