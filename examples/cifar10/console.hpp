// What the program says, and to whom. People get text; --quiet leaves them the results alone; --json gives programs one JSON
// object a line on standard output, and no text. Errors, and the bar while something runs, go to standard error.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "heddle/base/format.hpp"

namespace CLI {
class App;
}

namespace cifar10 {

namespace strings = heddle::strings;

/// Adds --quiet and --json, for every subcommand.
void add_console_options(CLI::App& app);

/// Whether people want to hear what is going on, and what came out.
bool tells_progress();
bool tells_results();
bool is_quiet();
/// Set them by hand, as the options do.
void set_console(bool quiet, bool json);

/// What is going on, for people.
template <class... Args>
void say(strings::Format<std::type_identity_t<Args>...> format, const Args&... args) {
  if (tells_progress()) strings::print(stdout, format, args...);
}
/// What came out, for people.
template <class... Args>
void tell(strings::Format<std::type_identity_t<Args>...> format, const Args&... args) {
  if (tells_results()) strings::print(stdout, format, args...);
}
/// For programs: {"event": event, ...} on a line of its own, at once. Nothing without --json.
void record(const char* event, const nlohmann::ordered_json& fields);

/// Whether colours and cursor movements do something there: a terminal, and nobody set NO_COLOR (https://no-color.org), which
/// is about colours alone.
bool is_terminal(std::FILE* stream);
bool has_colors(std::FILE* stream);

enum class Color { red = 31, green = 32, yellow = 33, dim = 2, bold = 1 };
/// The text in a colour, where the stream has them.
std::string colored(std::FILE* stream, Color color, std::string_view text);

/// "cifar10: message" on standard error.
void print_error(std::string_view message);

}  // namespace cifar10
