// What a person sees while a network trains: a bar on a terminal, one line an epoch anywhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "heddle/train/trainer.hpp"
#include "status_line.hpp"

namespace cifar10 {

/// What the line with the bar says.
struct ProgressNow {
  int epoch = 0, epochs = 0;
  double done = 0;  ///< of the epoch, 0 to 1
  double loss = 0, accuracy = 0, images_per_second = 0;
  double seconds_left = 0;  ///< of the training
};
/// The line in at most `columns` columns, colours not counted. Where there is not room for all of it the speed is left out
/// first, then the bar, accuracy, loss, time left and per cent; the epoch stays.
std::string progress_line(const ProgressNow& now, std::size_t columns, bool colors);

class ProgressPrinter {
 public:
  /// The bar appears only where standard error is a terminal, and not with --quiet.
  explicit ProgressPrinter(int epochs);

  void step(const heddle::train::Progress& progress);
  void epoch(const heddle::train::EpochResult& result);
  /// Takes the bar away, for what else is to be said.
  void clear_line() { line_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;

  int epochs_;
  StatusLine line_;
  Clock::time_point last_{}, last_step_{};
  double test_seconds_ = 0;  // from an epoch's last step to its end
};

/// "1:05" or "2:03:40"
std::string clock_time(double seconds);
/// What is left of a training: the steps to come at this epoch's pace, and the tests.
double seconds_left(const heddle::train::Progress& progress, double test_seconds);

}  // namespace cifar10
