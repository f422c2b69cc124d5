// What calls of the norms' kernels share. Internal.
#pragma once

#include "heddle/autograd/trace.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/norm.hpp"
#include "kernels/norm/norm.hpp"

namespace heddle::detail {

/// The kernels' description of the neighbours of a norm of x, `plane` being the elements of what they take for one plane.
/// Draws the dropouts' keys.
kernels::NormFusion fusion_of(const NormNeighbours& neighbours, std::string_view where, const Tensor& x, std::int64_t plane);

/// Room for what dropout keeps, for the backward pass: a bit an element costs less than its random number, drawn again. Only
/// where NormFusion says that it is used.
inline Tensor keep_bits(kernels::NormFusion& fusion, const Tensor& x, std::int64_t plane, bool recorded) {
  if (!recorded || !x.device().is_cpu() || x.dtype() != float32 || plane <= 1 || !fusion.drops_elements()) return {};
  Tensor bits = empty({kernels::kept_bytes(x.numel() / plane, plane)}, {uint8, x.device()});
  fusion.kept = bits.data<std::uint8_t>();
  return bits;
}

/// Memory for a norm's result: x's own where that may be consumed, so that a tensor that is in cache stays alone there. On the
/// CPU, where kernels allow it.
inline Tensor result_of(const Tensor& x, bool recorded, const NormNeighbours& neighbours) {
  return neighbours.consume_input && !recorded && x.is_contiguous() && sole_on_cpu(x) ? x : empty_like(x);
}

/// A norm of x without elements, of x's shape; the gradients of the parameters are zeros.
Tensor norm_of_nothing(std::string_view where, const Tensor& x, const Tensor& weight, const Tensor& bias);

/// What a trace says of any norm.
inline autograd::Attributes attributes_of(const kernels::NormFusion& fusion, double eps) {
  return {{"eps", eps},
          {"relu_before", fusion.relu_before},
          {"relu_after", fusion.relu_after},
          {"dropout", fusion.before.p > 0 || fusion.after.p > 0}};
}

/// weight and bias as the kernels take them: both or none. The one that is missing becomes ones, or zeros.
struct Scales {
  Tensor gamma, beta;
};
inline Scales scales_of(const Tensor& weight, const Tensor& bias) {
  if (!weight.defined() && !bias.defined()) return {};
  return {weight.defined() ? dense(weight) : ones_like(bias), bias.defined() ? dense(bias) : zeros_like(weight)};
}

}  // namespace heddle::detail
