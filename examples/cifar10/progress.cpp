#include "progress.hpp"

#include <algorithm>
#include <cmath>

#include "console.hpp"

namespace cifar10 {

using heddle::train::EpochResult;
using heddle::train::Progress;

std::string clock_time(double seconds) {
  constexpr double most = 1e9;  // thirty years
  const auto whole = static_cast<long>(std::isfinite(seconds) ? std::clamp(seconds, 0.0, most) + 0.5 : most);
  const long hours = whole / 3600, minutes = whole / 60 % 60;
  return hours ? strings::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
               : strings::format("{}:{:02}", minutes, whole % 60);
}

double seconds_left(const Progress& p, double test_seconds) {
  const double a_step = p.seconds / static_cast<double>(std::max<std::int64_t>(p.step, 1));
  const auto steps = static_cast<double>(p.steps - p.step + (p.epochs - p.epoch) * p.steps);
  return a_step * steps + test_seconds * (p.epochs - p.epoch + 1);
}

std::string progress_line(const ProgressNow& now, std::size_t columns, bool colors) {
  constexpr std::size_t longest = 24, shortest = 8, frame = 2;  // of the bar; " [" and "] " stand where two spaces were
  const int per_cent = static_cast<int>(100 * now.done);
  std::vector<StatusPart> parts = {{strings::format("epoch {}/{}", now.epoch, now.epochs), 9},
                                   {strings::format("{:3}%", per_cent), 8},
                                   {strings::format("loss {:.4f}", now.loss), 6},
                                   {strings::format("train {:.2f}%", now.accuracy), 5},
                                   {strings::format("{:.0f} images/s", now.images_per_second), 3},
                                   {clock_time(now.seconds_left) + " left", 7}};
  // The bar is worth more than the speed, and less than all else.
  const auto without_speed = [](std::vector<StatusPart> some) {
    std::erase_if(some, [](const auto& part) { return part.importance == 3; });
    return some;
  };
  const auto width = [](const std::vector<StatusPart>& some) { return join_parts(some).size(); };
  if (width(parts) + shortest + frame > columns) parts = without_speed(parts);
  if (width(parts) + shortest + frame > columns) return join_parts(fit_parts(parts, columns));
  const std::size_t length = std::min(longest, columns - width(parts) - frame);
  const auto filled = static_cast<std::size_t>(std::clamp(now.done, 0.0, 1.0) * static_cast<double>(length));
  const std::string bar(filled, '='), rest(length - filled, ' ');
  const std::string painted = colors ? strings::format("\033[{}m{}\033[0m", static_cast<int>(Color::green), bar) : bar;
  const std::string epoch = parts[0].text;
  parts.erase(parts.begin());
  return strings::format("{} [{}{}] {}", epoch, painted, rest, join_parts(parts));
}

ProgressPrinter::ProgressPrinter(int epochs) : epochs_(epochs), line_(is_terminal(stderr) && !is_quiet()) {}

void ProgressPrinter::step(const Progress& p) {
  if (!line_.shown()) return;
  const auto now = last_step_ = Clock::now();
  // Reading the meter waits for the device, so the bar is drawn ten times a second at most.
  if (p.step != p.steps && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const auto metrics = p.meter->read();
  line_.draw(progress_line({.epoch = p.epoch,
                            .epochs = p.epochs,
                            .done = static_cast<double>(p.step) / static_cast<double>(std::max<std::int64_t>(p.steps, 1)),
                            .loss = metrics.loss,
                            .accuracy = metrics.accuracy,
                            .images_per_second = static_cast<double>(p.images) / p.seconds,
                            .seconds_left = seconds_left(p, test_seconds_)},
                           StatusLine::columns(), has_colors(stderr)));
}

void ProgressPrinter::epoch(const EpochResult& r) {
  clear_line();
  if (line_.shown()) test_seconds_ = std::chrono::duration<double>(Clock::now() - last_step_).count();
  say("epoch {}/{}  lr {:.4g}  loss {:.4f}  train {:.2f}%  test loss {:.4f}  test {:.2f}%  {:.1f} s  {:.0f} images/s\n",
      r.epoch, epochs_, r.lr, r.train.loss, r.train.accuracy, r.test.loss, r.test.accuracy, r.seconds, r.images_per_second);
  flush_output();
}

}  // namespace cifar10
