// Numbers on the command line and in config.json: decimal, whole to the last character, within a range that is given in words.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cifar10 {

struct WholeRange {
  std::uint64_t low = 0, high = std::numeric_limits<std::uint64_t>::max();

  bool contains(std::uint64_t value) const { return low <= value && value <= high; }
  /// "a whole number from 1 to 10000"
  std::string str() const;
};

struct RealRange {
  double low = 0, high = std::numeric_limits<double>::max();
  bool above_low = false;  ///< low itself is outside

  bool contains(double value) const { return (above_low ? low < value : low <= value) && value <= high; }
  /// "a number above 0 and at most 1"
  std::string str() const;
};

/// What options may be, wherever they come from.
namespace ranges {
inline constexpr WholeRange epochs{1, 1'000'000}, batch{1, 1'000'000}, images{0, 1'000'000'000}, seed{}, threads{0, 1'000'000},
    save_every{0, 1'000'000'000};
inline constexpr RealRange lr{0, 1'000'000, true}, momentum{0, 1};
}  // namespace ranges

/// The number that the whole text is: decimal digits alone, so "010" is 10 and "0x10", "+1" and "1e3" are none. std::nullopt
/// where it is none, or outside the range.
std::optional<std::uint64_t> read_whole(std::string_view text, const WholeRange& range);
/// The same for decimal fractions with or without an exponent; "inf" and "nan" are none.
std::optional<double> read_real(std::string_view text, const RealRange& range);

namespace detail {
CLI::Option* add_text(CLI::App& command, const std::string& name, const std::string& description, const char* type,
                      std::function<void(const std::string&)> take);
void show_default(CLI::Option* option, const std::string& text);
[[noreturn]] void refuse(const std::string& name, const std::string& expected, const std::string& text);
template <class T>
T& value_of(T& value) {
  return value;
}
template <class T>
T& value_of(std::optional<T>& value) {
  return value ? *value : value.emplace();
}
}  // namespace detail

/// Adds an option that takes a whole number; a mistake is reported with the range in words. Target is an integer, or a
/// std::optional of one, that holds every number of the range.
template <class Target>
CLI::Option* add_whole(CLI::App& command, const std::string& name, Target& target, const WholeRange& range,
                       const std::string& description) {
  return detail::add_text(command, name, description, "N", [&target, name, range](const std::string& text) {
    const auto value = read_whole(text, range);
    if (!value) detail::refuse(name, range.str(), text);
    auto& place = detail::value_of(target);
    place = static_cast<std::remove_reference_t<decltype(place)>>(*value);
  });
}
/// The same for a double, or a std::optional of one.
template <class Target>
CLI::Option* add_real(CLI::App& command, const std::string& name, Target& target, const RealRange& range,
                      const std::string& description) {
  return detail::add_text(command, name, description, "X", [&target, name, range](const std::string& text) {
    const auto value = read_real(text, range);
    if (!value) detail::refuse(name, range.str(), text);
    detail::value_of(target) = *value;
  });
}
/// With the value that it has now as its default in --help.
template <class Target>
CLI::Option* add_whole_or(CLI::App& command, const std::string& name, Target& target, const WholeRange& range,
                          const std::string& description) {
  CLI::Option* const option = add_whole(command, name, target, range, description);
  detail::show_default(option, std::to_string(target));
  return option;
}
CLI::Option* add_real_or(CLI::App& command, const std::string& name, double& target, const RealRange& range,
                         const std::string& description);

}  // namespace cifar10
