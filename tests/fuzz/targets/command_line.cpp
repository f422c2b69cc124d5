// A command line: words in lines, up to the point where the program would run. Nothing is run.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "console.hpp"
#include "heddle/base/device.hpp"
#include "options.hpp"
#include "suggest.hpp"
#include "tests/fuzz/target.hpp"

namespace {

struct Parsed {};

void parse(std::vector<std::string> words) {
  CLI::App app("Small networks for CIFAR-10, trained by heddle.", "cifar10");
  app.set_version_flag("--version", "0", "Print the version and exit");
  app.require_subcommand(1);
  app.fallthrough();
  cifar10::add_console_options(app);
  for (const auto add :
       {cifar10::add_train, cifar10::add_summary, cifar10::add_evaluate, cifar10::add_compare, cifar10::add_study,
        cifar10::add_predict, cifar10::add_gradcam, cifar10::add_lr_find, cifar10::add_interop})
    add(app);
  // Before the subcommand's own callback, which would run it and owns what its options are read into.
  app.parse_complete_callback([] { throw Parsed{}; });
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const Parsed&) {
  } catch (const CLI::ParseError& error) {
    const int status = cifar10::explain(app, error);
    heddle::fuzz::require(status == 0 || status == 2, "a mistake on the command line ends with status 2");
  }
}

// What is explained to people is written nowhere.
class Silence {
 public:
  Silence() : out_(::dup(STDOUT_FILENO)), error_(::dup(STDERR_FILENO)) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  ~Silence() {
    std::cout.flush();
    std::fflush(stdout);
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(error_, STDERR_FILENO);
    ::close(out_);
    ::close(error_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int out_, error_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < size; ++i)
    if (data[i] == '\n')
      words.emplace_back();
    else if (data[i] != 0)
      words.back() += static_cast<char>(data[i]);
  const heddle::fuzz::Input input(data, size, 8 << 20);
  if (!words[0].empty()) heddle::fuzz::accepts([&] { (void)heddle::Device::parse(words[0]); });
  const Silence silence;
  parse(words);
  return 0;
}
