#include "console.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "report.hpp"

namespace cifar10 {
namespace {

bool quiet = false, json = false;
int output_error = 0;  // the first errno of standard output
std::string command = "cifar10";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

void note_output_error() {
  if (output_error == 0) output_error = errno ? errno : EIO;
}

}  // namespace

void add_console_options(CLI::App& app) {
  app.add_flag("--quiet", quiet, "Say only what came out");
  app.add_flag("--json", json, "Results as one JSON object a line on standard output, instead of text");
}

void set_console(bool be_quiet, bool use_json) {
  quiet = be_quiet;
  json = use_json;
}

bool tells_progress() {
  return !quiet && !json;
}
bool is_quiet() {
  return quiet;
}
bool tells_results() {
  return !json;
}

const std::string& program_command() {
  return command;
}
void set_program_command(const char* started_as) {
  command = started_as && *started_as ? quoted(started_as) : "cifar10";
}

std::string in_user_words(std::string text) {
  constexpr std::string_view name = "cifar10 ";
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
    const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == '\'';
    if (begins) text.replace(at, name.size() - 1, command);
    at += begins ? command.size() + 1 : name.size();
  }
  return text;
}

void hold_standard_streams() {
  // The lowest free number is the one that open() gives. Reading from the first and writing to the others fails.
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) == -1) ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void put(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_output_error();
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0) note_output_error();
}

int finish_output(int status) {
  flush_output();
  // Some file systems report only then that there was no room. The stream itself stays open for what runs at exit.
  if (::close(STDOUT_FILENO) != 0 && errno != EBADF) note_output_error();
  if (output_error == 0) return status;
  if (output_error != EPIPE)
    print_error(strings::format("[output] expected standard output to take all of it, got: {}", std::strerror(output_error)));
  return status == 0 ? 1 : status;
}

std::string text_of(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void record(const char* event, const nlohmann::ordered_json& fields) {
  if (!json) return;
  nlohmann::ordered_json line = {{"event", event}};
  line.update(fields);
  // Characters beyond ASCII as \uNNNN: some of them would change how a terminal shows the rest.
  put(line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  flush_output();
}

bool is_terminal(std::FILE* stream) {
  const char* kind = std::getenv("TERM");
  return isatty(fileno(stream)) && !(kind && std::string_view(kind) == "dumb");
}

bool has_colors(std::FILE* stream) {
  return is_terminal(stream) && !is_set("NO_COLOR");
}

int terminal_columns(std::FILE* stream) {
  winsize size{};
  if (::ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  if (const char* text = std::getenv("COLUMNS")) {
    int columns = 0;
    const char* const end = text + std::strlen(text);
    if (const auto [rest, error] = std::from_chars(text, end, columns); error == std::errc() && rest == end && columns > 0)
      return columns;
  }
  return 80;
}

Painted colored(std::FILE* stream, Color color, std::string_view text) {
  std::string shown = strings::printable_lines(text);
  if (!has_colors(stream)) return {std::move(shown)};
  return {strings::format("\033[{}m{}\033[0m", static_cast<int>(color), shown)};
}

void print_error(std::string_view message) {
  flush_output();
  strings::print(stderr, "{} {}\n", colored(stderr, Color::red, "cifar10:"), strings::printable_lines(message));
}

}  // namespace cifar10
