// What the program says, and to whom. People get text; --quiet leaves them the results alone; --json gives programs one JSON
// object a line on standard output, and no text. Errors, and the bar while something runs, go to standard error. Text from
// files, the command line and the environment is shown with its control characters written out (heddle/base/printable.hpp).
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "heddle/base/format.hpp"
#include "heddle/base/printable.hpp"

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

/// The program as the user started it (argv[0], quoted for a shell), for usage, examples and hints; "cifar10" until it is set.
const std::string& program_command();
void set_program_command(const char* started_as);
/// A footer of examples, with what the user typed in place of each "cifar10 " that begins a command.
std::string in_user_words(std::string text);

/// Where standard input, output or error were closed by the starter, their numbers are taken, so that no file is opened under
/// them and gets what is printed; what is written there then fails.
void hold_standard_streams();

/// Text on standard output. What cannot be written is noted for finish_output().
void put(std::string_view text);
void flush_output();
/// Writes what is left of standard output. The program's exit status: `status`, or 1 where that is 0 and something could not
/// be written, which is then reported on standard error (a pipe whose reader is gone: without a word).
int finish_output(int status);

/// Text with the codes of a colour around it, which are to reach the terminal as they are.
struct Painted {
  std::string text;
  std::string str() const { return text; }
};

namespace detail {
template <class T>
inline constexpr bool is_text = std::is_convertible_v<const T&, std::string_view>;
template <class T>
struct Shown : std::conditional<is_text<T>, std::string, T> {};

template <class T>
decltype(auto) shown(const T& value) {
  if constexpr (is_text<T>)
    return strings::printable_lines(value);
  else
    return (value);
}
}  // namespace detail

/// A text for values of these types.
template <class... Args>
using Format = strings::Format<typename detail::Shown<Args>::type...>;

/// What came out, for people.
template <class... Args>
void tell(Format<Args...> format, const Args&... args) {
  if (tells_results()) put(strings::format<typename detail::Shown<Args>::type...>(format, detail::shown(args)...));
}
/// What is going on, for people.
template <class... Args>
void say(Format<Args...> format, const Args&... args) {
  if (tells_progress()) put(strings::format<typename detail::Shown<Args>::type...>(format, detail::shown(args)...));
}
/// For programs: {"event": event, ...} on a line of its own, at once. Nothing without --json.
void record(const char* event, const nlohmann::ordered_json& fields);
/// JSON as text, also where a string in it is no UTF-8: such bytes become U+FFFD.
std::string text_of(const nlohmann::ordered_json& json, int indent = -1);

/// Whether colours and cursor movements do something there: a terminal, and NO_COLOR (https://no-color.org), which
/// is about colours alone, is not set.
bool is_terminal(std::FILE* stream);
bool has_colors(std::FILE* stream);
/// How wide the stream's terminal is now: asked of it, or COLUMNS where it does not know, or 80.
int terminal_columns(std::FILE* stream);

enum class Color { red = 31, green = 32, yellow = 33, dim = 2, bold = 1 };
/// The text in a colour, where the stream has them.
Painted colored(std::FILE* stream, Color color, std::string_view text);

/// "cifar10: message" on standard error.
void print_error(std::string_view message);

}  // namespace cifar10
