// What a person sees while a network trains: a bar on a terminal, one line an epoch anywhere.
#pragma once

#include <chrono>

#include "heddle/train/trainer.hpp"

namespace cifar10 {

class ProgressPrinter {
 public:
  /// The bar appears only where standard output is a terminal.
  explicit ProgressPrinter(int epochs);
  void step(const heddle::train::Progress& progress);
  void epoch(const heddle::train::EpochResult& result);

 private:
  void clear_line();

  int epochs_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// "1:05" or "2:03:40"
std::string clock_time(double seconds);

}  // namespace cifar10
