// What a person sees while a network trains: a bar on a terminal, one line an epoch anywhere.
#pragma once

#include <chrono>
#include <string>

#include "heddle/train/trainer.hpp"

namespace cifar10 {

class ProgressPrinter {
 public:
  /// The bar appears only where standard error is a terminal, and not with --quiet.
  explicit ProgressPrinter(int epochs);
  ~ProgressPrinter() { clear_line(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void step(const heddle::train::Progress& progress);
  void epoch(const heddle::train::EpochResult& result);
  /// Takes the bar away, for what else is to be said.
  void clear_line();

 private:
  using Clock = std::chrono::steady_clock;

  int epochs_;
  bool bar_;
  bool drawn_ = false;
  Clock::time_point last_{}, last_step_{};
  double test_seconds_ = 0;  // from an epoch's last step to its end
};

/// "1:05" or "2:03:40"
std::string clock_time(double seconds);
/// What is left of a training: the steps to come at this epoch's pace, and the tests.
double seconds_left(const heddle::train::Progress& progress, double test_seconds);

}  // namespace cifar10
