#include "console.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace cifar10 {
namespace {

bool quiet = false, json = false;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
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

void record(const char* event, const nlohmann::ordered_json& fields) {
  if (!json) return;
  nlohmann::ordered_json line = {{"event", event}};
  line.update(fields);
  strings::print(stdout, "{}\n", line.dump());
  std::fflush(stdout);
}

bool is_terminal(std::FILE* stream) {
  const char* kind = std::getenv("TERM");
  return isatty(fileno(stream)) && !(kind && std::string_view(kind) == "dumb");
}

bool has_colors(std::FILE* stream) {
  return is_terminal(stream) && !is_set("NO_COLOR");
}

std::string colored(std::FILE* stream, Color color, std::string_view text) {
  if (!has_colors(stream)) return std::string(text);
  return strings::format("\033[{}m{}\033[0m", static_cast<int>(color), text);
}

void print_error(std::string_view message) {
  std::fflush(stdout);
  strings::print(stderr, "{} {}\n", colored(stderr, Color::red, "cifar10:"), message);
}

}  // namespace cifar10
