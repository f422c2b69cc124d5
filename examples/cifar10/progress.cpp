#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace cifar10 {

using heddle::train::EpochResult;
using heddle::train::Progress;

std::string clock_time(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  const long hours = whole / 3600, minutes = whole / 60 % 60;
  return hours ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60) : fmt::format("{}:{:02}", minutes, whole % 60);
}

ProgressPrinter::ProgressPrinter(int epochs) : epochs_(epochs), terminal_(isatty(STDOUT_FILENO)) {}

void ProgressPrinter::step(const Progress& p) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  // Reading the meter waits for the device, so the bar is drawn ten times a second at most.
  if (p.step != p.steps && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  constexpr int width = 24;
  const double done = static_cast<double>(p.step) / static_cast<double>(std::max<std::int64_t>(p.steps, 1));
  const int filled = static_cast<int>(done * width);
  const auto metrics = p.meter->read();
  fmt::print("\repoch {}/{} [{}{}] {:3.0f}%  loss {:.4f}  train {:.2f}%  {:.0f} images/s  {} left\033[K", p.epoch, p.epochs,
             std::string(static_cast<std::size_t>(filled), '='), std::string(static_cast<std::size_t>(width - filled), ' '), 100 * done,
             metrics.loss, metrics.accuracy, static_cast<double>(p.images) / p.seconds, clock_time(p.seconds / done - p.seconds));
  std::fflush(stdout);
}

void ProgressPrinter::clear_line() {
  if (drawn_) fmt::print("\r\033[K");
  drawn_ = false;
}

void ProgressPrinter::epoch(const EpochResult& r) {
  clear_line();
  fmt::print("epoch {}/{}  lr {:.4g}  loss {:.4f}  train {:.2f}%  test loss {:.4f}  test {:.2f}%  {:.1f} s  {:.0f} images/s\n", r.epoch,
             epochs_, r.lr, r.train.loss, r.train.accuracy, r.test.loss, r.test.accuracy, r.seconds, r.images_per_second);
  std::fflush(stdout);
}

}  // namespace cifar10
