#include "numbers.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "console.hpp"
#include "suggest.hpp"

namespace cifar10 {

std::string WholeRange::str() const {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  if (low == 0 && high == largest) return "a whole number from 0 to 2^64 - 1";
  return high == largest ? strings::format("a whole number of {} or more", low)
                         : strings::format("a whole number from {} to {}", low, high);
}

std::string RealRange::str() const {
  const bool bounded = high != std::numeric_limits<double>::max();
  if (above_low) return strings::format("a number above {}", low) + (bounded ? strings::format(" and at most {}", high) : "");
  return bounded ? strings::format("a number from {} to {}", low, high) : strings::format("a number of {} or more", low);
}

std::optional<std::uint64_t> read_whole(std::string_view text, const WholeRange& range) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || !range.contains(value)) return std::nullopt;
  return value;
}

std::optional<double> read_real(std::string_view text, const RealRange& range) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value) || !range.contains(value)) return std::nullopt;
  return value;
}

namespace detail {

CLI::Option* add_text(CLI::App& command, const std::string& name, const std::string& description, const char* type,
                      std::function<void(const std::string&)> take) {
  return command.add_option_function<std::string>(name, std::move(take), description)->type_name(type);
}

void show_default(CLI::Option* option, const std::string& text) {
  option->default_str(text);
}

void refuse(const std::string& name, const std::string& expected, const std::string& text) {
  throw CLI::ValidationError(name, strings::format("expected {}, got '{}'", expected, shortened(text)));
}

}  // namespace detail

CLI::Option* add_real_or(CLI::App& command, const std::string& name, double& target, const RealRange& range,
                         const std::string& description) {
  CLI::Option* const option = add_real(command, name, target, range, description);
  detail::show_default(option, strings::format("{}", target));
  return option;
}

}  // namespace cifar10
