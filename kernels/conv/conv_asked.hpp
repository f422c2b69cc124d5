// Asking for one of the CPU's algorithms in the program, beside HEDDLE_CONV in the environment.
#pragma once

#include "kernels/conv/conv_algorithms.hpp"

namespace heddle::kernels {

/// While one lives, conv_choice() on its thread is this, so that kernels called there take it. A workspace is asked for in the
/// scope that it is used in.
class ConvChoiceScope {
 public:
  explicit ConvChoiceScope(ConvChoice);
  ~ConvChoiceScope();
  ConvChoiceScope(const ConvChoiceScope&) = delete;
  ConvChoiceScope& operator=(const ConvChoiceScope&) = delete;

 private:
  const ConvChoice* outer_;
  ConvChoice choice_;
};

}  // namespace heddle::kernels
