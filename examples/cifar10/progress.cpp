#include "progress.hpp"


#include <algorithm>
#include <cstdio>

#include "console.hpp"

namespace cifar10 {

using heddle::train::EpochResult;
using heddle::train::Progress;

std::string clock_time(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  const long hours = whole / 3600, minutes = whole / 60 % 60;
  return hours ? strings::format("{}:{:02}:{:02}", hours, minutes, whole % 60) : strings::format("{}:{:02}", minutes, whole % 60);
}

double seconds_left(const Progress& p, double test_seconds) {
  const double a_step = p.seconds / static_cast<double>(std::max<std::int64_t>(p.step, 1));
  const auto steps = static_cast<double>(p.steps - p.step + (p.epochs - p.epoch) * p.steps);
  return a_step * steps + test_seconds * (p.epochs - p.epoch + 1);
}

ProgressPrinter::ProgressPrinter(int epochs) : epochs_(epochs), bar_(is_terminal(stderr) && !is_quiet()) {}

void ProgressPrinter::step(const Progress& p) {
  if (!bar_) return;
  const auto now = last_step_ = Clock::now();
  // Reading the meter waits for the device, so the bar is drawn ten times a second at most.
  if (p.step != p.steps && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  constexpr int width = 24;
  const double done = static_cast<double>(p.step) / static_cast<double>(std::max<std::int64_t>(p.steps, 1));
  const auto filled = static_cast<std::size_t>(done * width);
  const auto metrics = p.meter->read();
  std::fflush(stdout);
  strings::print(stderr, "\repoch {}/{} [{}{}] {:3.0f}%  loss {:.4f}  train {:.2f}%  {:.0f} images/s  {} left\033[K", p.epoch,
             p.epochs, colored(stderr, Color::green, std::string(filled, '=')), std::string(width - filled, ' '), 100 * done,
             metrics.loss, metrics.accuracy, static_cast<double>(p.images) / p.seconds,
             clock_time(seconds_left(p, test_seconds_)));
  std::fflush(stderr);
}

void ProgressPrinter::clear_line() {
  if (!drawn_) return;
  strings::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

void ProgressPrinter::epoch(const EpochResult& r) {
  clear_line();
  if (bar_) test_seconds_ = std::chrono::duration<double>(Clock::now() - last_step_).count();
  say("epoch {}/{}  lr {:.4g}  loss {:.4f}  train {:.2f}%  test loss {:.4f}  test {:.2f}%  {:.1f} s  {:.0f} images/s\n",
      r.epoch, epochs_, r.lr, r.train.loss, r.train.accuracy, r.test.loss, r.test.accuracy, r.seconds, r.images_per_second);
  std::fflush(stdout);
}

}  // namespace cifar10
