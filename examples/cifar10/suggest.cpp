#include "suggest.hpp"


#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <sstream>

#include "console.hpp"
#include "model.hpp"

namespace cifar10 {
namespace {

// Damerau and Levenshtein's distance, neighbours swapped counting as one ("optimal string alignment").
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

// Without its dashes, in lower case, up to '='.
std::string bare(const std::string& option) {
  const std::size_t begin = std::min(option.find_first_not_of('-'), option.size());
  std::string name = option.substr(begin, option.find('=') - begin);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level; level = level->get_parent())
    for (const CLI::Option* option : level->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The subcommand that the line names, or the program itself.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : *chosen.front();
}

// " train": what follows the program's name.
std::string path_of(const CLI::App& app) {
  return app.get_parent() ? path_of(*app.get_parent()) + " " + app.get_name() : "";
}

// An option that takes one value and was given several times; "" where there is none.
std::string repeated_option(const CLI::App& command) {
  for (const CLI::App* level = &command; level; level = level->get_parent())
    for (const CLI::Option* option : level->get_options())
      if (option->get_type_size() == 1 && option->get_expected_max() == 1 && option->count() > 1)
        return strings::format("expected {} once, got it {} times", option->get_name(), option->count());
  return "";
}

// What nobody asked for, with what was meant; "" where there is no such word.
std::string stray_word(const CLI::App& app, const CLI::App& command) {
  for (const CLI::App* level : {&command, &app}) {
    for (const auto& word : level->remaining()) {
      if (word == "--") continue;
      const auto names = option_names(command);
      // An option that there is was not taken for one: it stands behind "--".
      if (std::find(names.begin(), names.end(), word) != names.end())
        return strings::format("expected options in front of '--', got '{}' behind it", word);
      if (word.starts_with('-'))
        return strings::format("there is no option {}{}", shortened(word), did_you_mean(word, names));
      if (&command != &app) return strings::format("expected options, got '{}'", shortened(word));
      std::vector<std::string> commands;
      for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) commands.push_back(one->get_name());
      return strings::format("there is no command '{}'{}", shortened(word), did_you_mean(word, commands));
    }
  }
  return "";
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string wanted = bare(word);
  std::string best;
  std::size_t least = 1 + std::max<std::size_t>(1, wanted.size() / 3);
  for (const auto& candidate : candidates) {
    const std::string name = bare(candidate);
    // A beginning, or an end, of three letters or more is as good as one wrong letter.
    const bool part = wanted.size() >= 3 && (name.starts_with(wanted) || name.ends_with(wanted) || wanted.starts_with(name));
    const std::size_t far = part ? std::min<std::size_t>(1, distance(wanted, name)) : distance(wanted, name);
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string best = nearest(word, candidates);
  return best.empty() ? "" : strings::format(": did you mean {}?", best);
}

std::string shortened(const std::string& text) {
  constexpr std::size_t most = 60;
  if (text.size() <= most) return text;
  return strings::format("{}... ({} characters)", text.substr(0, most), text.size());
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  return CLI::Validator(
      [words](std::string& word) {
        if (std::find(words.begin(), words.end(), word) != words.end()) return std::string();
        return strings::format("expected {}, got '{}'{}", strings::join(words, ", "), shortened(word), did_you_mean(word, words));
      },
      "", "one of");
}

CLI::Validator device_name() {
  return CLI::Validator(
      [](std::string& word) {
        const std::vector<std::string> words = {"auto", "cpu", "cuda"};
        const bool numbered =
            word.starts_with("cuda:") && word.size() > 5 && word.find_first_not_of("0123456789", 5) == std::string::npos;
        if (numbered || std::find(words.begin(), words.end(), word) != words.end()) return std::string();
        return strings::format("expected auto, cpu, cuda or cuda:N, got '{}'{}", shortened(word),
                           bare(word) == "gpu" ? ": did you mean cuda?" : did_you_mean(word, words));
      },
      "", "device");
}

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const auto& architecture : architectures()) names.push_back(architecture.name);
  return names;
}

int explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {  // --help and --version
    std::ostringstream text;
    const int status = app.exit(error, text, text);
    put(text.str());
    return status;
  }
  const CLI::App& command = innermost(app);
  const std::string stray = stray_word(app, command);
  const std::string repeated = repeated_option(command);
  std::string problem = !stray.empty() ? stray : !repeated.empty() ? repeated : error.what();
  while (!problem.empty() && problem.back() == '\n') problem.pop_back();
  flush_output();
  const std::string path = path_of(command);
  strings::print(stderr, "{} {}\nSee '{}{} --help'.\n", colored(stderr, Color::red, "cifar10" + path + ":"),
                 strings::printable_lines(problem), program_command(), path);
  return 2;
}

}  // namespace cifar10
