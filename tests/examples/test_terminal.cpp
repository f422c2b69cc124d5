// What a person sees on a terminal: a line that fits whatever its width is, and no bytes of files that would command it.
#include <sys/ioctl.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "console.hpp"
#include "heddle/heddle.hpp"
#include "predict.hpp"
#include "program.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "status_line.hpp"

using namespace heddle;
using namespace heddle::test;
using namespace std::string_literals;

namespace {

// Columns of the widest piece between the codes that begin a line anew; codes take none.
std::size_t widest_drawn(const std::string& text) {
  std::size_t widest = 0, columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && !std::isalpha(static_cast<unsigned char>(text[i]))) ++i;
    } else if (text[i] == '\r' || text[i] == '\n') {
      columns = 0;
    } else {
      widest = std::max(widest, ++columns);
    }
  }
  return widest;
}

// The bar's line and nothing else that is said: epochs' lines may wrap, since they are not written over.
std::string drawn(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; (at = text.find('\r', at)) != std::string::npos;) {
    const std::size_t end = text.find("\033[K", at);
    if (end == std::string::npos) break;
    // A terminal's newline is "\r\n".
    if (text.find('\n', at) < end) {
      ++at;
      continue;
    }
    lines += text.substr(at, end - at);
    at = end;
  }
  return lines;
}

}  // namespace

// The line was 95 columns wide whatever the terminal: on 80 every refresh was a new line.
TEST_CASE("the line with the bar fits every width, and leaves out the least important first") {
  for (const bool colors : {false, true})
    for (const auto& [epoch, epochs, loss, speed, left] :
         {std::tuple{1, 2, 2.3, 900.0, 65.0}, {1000000, 1000000, 12345678.9, 1e7, 1e12}, {7, 20, NAN, INFINITY, INFINITY}})
      for (std::size_t columns = 1; columns <= 200; ++columns) {
        const cifar10::ProgressNow now{.epoch = epoch,
                                       .epochs = epochs,
                                       .done = 0.45,
                                       .loss = loss,
                                       .accuracy = 45.67,
                                       .images_per_second = speed,
                                       .seconds_left = left};
        const std::string line = cifar10::progress_line(now, columns, colors);
        INFO(columns << ": " << line);
        REQUIRE(widest_drawn(line) <= columns);
        REQUIRE(line.starts_with("epoch "s.substr(0, columns)));
      }
  const auto at = [](std::size_t columns) {
    return cifar10::progress_line({.epoch = 3,
                                   .epochs = 20,
                                   .done = 0.45,
                                   .loss = 1.5,
                                   .accuracy = 45.67,
                                   .images_per_second = 1234,
                                   .seconds_left = 3723},
                                  columns, false);
  };
  CHECK(at(120) == "epoch 3/20 [==========              ]  45%  loss 1.5000  train 45.67%  1234 images/s  1:02:03 left");
  CHECK(at(79) == "epoch 3/20 [=========           ]  45%  loss 1.5000  train 45.67%  1:02:03 left");
  CHECK(at(59) == "epoch 3/20   45%  loss 1.5000  train 45.67%  1:02:03 left");
  CHECK(at(39) == "epoch 3/20   45%  1:02:03 left");
  CHECK(at(19) == "epoch 3/20   45%");
  CHECK(at(4) == "epoc");
}

TEST_CASE("a terminal gets a bar with the time left, in colours unless NO_COLOR is set", "[program]") {
  Folder folder;
  const std::string plain = run_on({}, tiny_training(folder / "plain"));
  CHECK(has(plain, " left"));
  CHECK(has(plain, "\r\033[K"));
  CHECK(!has(plain, "\033[3"));
  CHECK(!has(plain, "\033[1m"));
  CHECK(widest_drawn(drawn(plain)) < 80);
  const std::string colours = run_on({.no_color = false}, tiny_training(folder / "colours"));
  CHECK(has(colours, "\033[32m="));
  CHECK(has(colours, "\033[1m"));
  auto arguments = tiny_training(folder / "quiet");
  arguments.push_back("--quiet");
  CHECK(!has(run_on({}, arguments), " left"));
}

TEST_CASE("lines that are written over are narrower than the terminal, asked of it or of COLUMNS", "[program]") {
  Folder folder;
  for (const unsigned short columns : {20, 40, 200}) {
    INFO(columns);
    const std::string text =
        run_on({.columns = columns, .no_color = false, .COLUMNS = "500"}, tiny_training(folder / std::to_string(columns)));
    const std::string lines = drawn(text);
    CHECK(has(lines, "epoch 1/2"));
    CHECK(widest_drawn(lines) < columns);
  }
  const std::string told = drawn(run_on({.COLUMNS = "30"}, tiny_training(folder / "told")));
  CHECK(has(told, "epoch 1/2"));
  CHECK(widest_drawn(told) < 30);
  const std::string sweep =
      drawn(run_on({.columns = 20}, words("lr-find --arch compact --data synthetic --limit 64 --batch 16 --steps 12 "
                                          "--device cpu --out " +
                                          (folder / "sweep").string())));
  CHECK(has(sweep, "step 12/12"));
  CHECK(widest_drawn(sweep) < 20);
}

TEST_CASE("the bar follows a terminal that becomes narrower", "[program]") {
  Folder folder;
  auto arguments =
      words("train --arch compact --data synthetic --limit 2000 --test-limit 32 --batch 16 --epochs 50 --device cpu --out " +
            (folder / "run").string());
  arguments.insert(arguments.begin(), CIFAR10_PROGRAM);
  const auto argv = argv_of(arguments);
  winsize size{24, 120, 0, 0};
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) {
    ::setenv("TERM", "xterm", 1);
    ::execv(CIFAR10_PROGRAM, argv.data());
    ::_exit(127);
  }
  const auto read_until = [&](std::string text, const std::function<bool(const std::string&)>& enough) {
    char buffer[4096];
    for (ssize_t got; !enough(text) && (got = ::read(master, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(got));
    return text;
  };
  const std::string wide = read_until("", [](const std::string& text) { return has(text, " left\033[K"); });
  CHECK(widest_drawn(drawn(wide)) > 60);
  size.ws_col = 30;
  REQUIRE(::ioctl(master, TIOCSWINSZ, &size) == 0);
  // One line may have been under way when the size changed.
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\r'); };
  read_until("", [&](const std::string& text) { return lines(text) >= 2; });
  const std::string narrow = read_until("", [&](const std::string& text) { return lines(text) >= 6; });
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(master);
  CHECK(has(narrow, "epoch "));
  CHECK(widest_drawn(drawn(narrow)) < 30);
}

TEST_CASE("the time left counts the steps to come and the tests") {
  const train::Progress p{.epoch = 2, .epochs = 3, .step = 10, .steps = 40, .images = 0, .seconds = 5};
  CHECK(cifar10::seconds_left(p, 2) == Approx(0.5 * 70 + 2 * 2));
  CHECK(cifar10::clock_time(65) == "1:05");
  CHECK(cifar10::clock_time(7424) == "2:03:44");
}

// A safetensors file with "\x1b]0;owned\x07" for an architecture set the terminal's title.
TEST_CASE("names in files do not command the terminal", "[program]") {
  Folder folder;
  const std::string evil =
      "\033]0;owned\007\xc2\x9b"
      "31m\xff";
  save_safetensors(folder / "arch.safetensors", {.tensors = {{"x", zeros({1})}}, .metadata = {{"arch", "\033]0;owned\007"}}});
  const auto unharmed = [](const std::string& text) {
    for (const char c : text)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) return false;
    return !has(text, "\xc2\x9b") && !has(text, "\xff");
  };
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"evaluate", (folder / "arch.safetensors").string()},
                                                                     {"evaluate", (folder / evil).string()},
                                                                     {"predict", (folder / "arch.safetensors").string(), evil},
                                                                     {"train", "--" + evil},
                                                                     {"train", "--arch", evil},
                                                                     {"train", "--resume", (folder / evil).string()},
                                                                     {evil}}) {
    const Said said = run(arguments);
    INFO(said.err);
    CHECK(said.status != 0);
    CHECK(!said.err.empty());
    CHECK(unharmed(said.err));
    CHECK(unharmed(said.out));
  }
  // A run's folder and title are told, and stay what they are in the shell's eyes.
  std::filesystem::create_directories(folder / evil);
  report::MetricsCsv(folder / evil / "metrics.csv").add({1, 0.1, 2, 30, 2, 31, 1, 100});
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json"}}) {
    std::vector<std::string> arguments = {"compare", (folder / evil).string(), "--title", evil,
                                          "--out",   (folder / "out").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Said said = run(arguments);
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(unharmed(said.out));
    CHECK(unharmed(said.err));
  }
  CHECK(cifar10::quoted("a\033b'\\") == "$'a\\x1bb\\'\\\\'");
  const cifar10::Prediction p{.image = evil, .width = 1, .height = 1, .guesses = {{"c\033[2J", 1.0}}};
  CHECK(unharmed(cifar10::prediction_text(p, 80)));
}
