// Training or evaluation mode for a while.
#pragma once

#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

/// Puts a module and all its parts into one mode; when it goes away, each has its own mode again.
class ModeGuard {
 public:
  ModeGuard(Module& module, bool training) {
    for (const auto& [path, part] : module.named_modules()) before_.emplace_back(part, part->training());
    module.train(training);
  }
  ~ModeGuard() {
    // Parents come first, so that each part has the last word on itself.
    for (const auto& [part, training] : before_) part->train(training);
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> before_;
};

}  // namespace heddle::nn
HD_API_END
