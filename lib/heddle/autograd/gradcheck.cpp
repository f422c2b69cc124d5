#include "heddle/autograd/gradcheck.hpp"

#include <cmath>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/random.hpp"

namespace heddle::autograd {

GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  for (const Tensor& input : inputs) {
    if (!input.requires_grad()) continue;
    check(input.dtype() == float64 && input.is_contiguous(), "gradcheck", "expected dense float64 inputs, got {} of shape {}",
          name_of(input.dtype()), input.shape());
  }
  std::vector<Tensor> leaves = inputs;
  for (Tensor& leaf : leaves) {
    const bool wanted = leaf.requires_grad();
    if (!wanted) continue;
    leaf = empty_like(leaf).copy_(leaf.detach());
    leaf.requires_grad_();
  }
  const Tensor y = f(leaves);
  Generator generator(options.seed);
  const Tensor weights = rand(y.shape(), {float64, y.device()}, generator);
  y.backward(weights);
  const auto w = weights.to_vector<double>();

  const auto value = [&] {
    NoGradGuard guard;
    const auto out = f(leaves).to_vector<double>();
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += w[i] * out[i];
    return sum;
  };

  GradcheckResult result;
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    if (!leaves[k].requires_grad()) continue;
    const auto analytical = leaves[k].grad().defined() ? leaves[k].grad().to_vector<double>()
                                                       : std::vector<double>(static_cast<std::size_t>(leaves[k].numel()), 0.0);
    const auto original = leaves[k].to_vector<double>();
    const auto shifted = [&](std::size_t i, double by) {
      auto values = original;
      values[i] += by;
      leaves[k].detach().copy_(tensor(values, leaves[k].shape(), leaves[k].device()));
      return value();
    };
    for (std::size_t i = 0; i < original.size(); ++i) {
      const double numerical = (shifted(i, options.eps) - shifted(i, -options.eps)) / (2 * options.eps);
      const double excess = std::abs(analytical[i] - numerical) - options.atol - options.rtol * std::abs(numerical);
      if (excess <= 0 && std::isfinite(numerical)) continue;
      if (result.passed || excess > result.worst) {
        result.worst = excess;
        result.message = strings::format("input {}, element {}: expected {:.9g} by finite differences, got {:.9g}", k, i, numerical,
                                     analytical[i]);
      }
      result.passed = false;
    }
    leaves[k].detach().copy_(tensor(original, leaves[k].shape(), leaves[k].device()));
  }
  return result;
}

}  // namespace heddle::autograd
