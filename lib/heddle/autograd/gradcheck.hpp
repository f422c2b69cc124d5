// Checking gradients against finite differences: for everyone who writes an op.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::autograd {

struct GradcheckOptions {
  double eps = 1e-6;   ///< step of the central difference
  double atol = 1e-6;  ///< allowed: atol + rtol * |numerical|
  double rtol = 1e-4;
  std::uint64_t seed = 1;  ///< of the random weights that make one number of the output
};

struct GradcheckResult {
  bool passed = true;
  double worst = 0;     ///< largest difference beyond what is allowed
  std::string message;  ///< which input and element differ most, and by how much
};

/// Compares the gradient of sum(weights * f(inputs)), with fixed random weights, by each element of each input that
/// requires grad, to (f(x + eps) - f(x - eps)) / (2 eps). Inputs are float64, dense, on any device; f must be a pure
/// function of them (one that draws random numbers must draw the same ones each time). Error for other types.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

}  // namespace heddle::autograd
HD_API_END
