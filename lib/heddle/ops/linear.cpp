#include "heddle/ops/linear.hpp"

#include "heddle/ops/common.hpp"
#include "heddle/ops/gemm.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle {

using namespace detail;

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  constexpr auto where = "linear";
  if (x.dtype() == bfloat16) return linear(x.to(float32), weight, bias).to(bfloat16);
  check(weight.dim() == 2, where, "expected a weight [out, in], got {}", weight.shape());
  check(x.dim() >= 1 && x.shape().back() == weight.size(1), where, "expected an input [..., {}] (weight is {}), got {}",
        weight.size(1), weight.shape(), x.shape());
  check_same_kind(where, "weight", weight, x);
  const std::int64_t out = weight.size(0), in = weight.size(1), rows = product(x.shape(), 0, x.dim() - 1);
  check_operand(where, "bias", bias, {out}, x);

  const Tensor x_dense = dense(x), weight_dense = dense(weight);
  Shape shape = x.shape();
  shape[shape.rank() - 1] = out;
  Tensor y = empty(shape, x.options());
  const kernels::Precision precision = matmul_precision();
  gemm(where, {.m = rows, .n = out, .k = in, .transpose_b = true, .precision = precision}, x_dense, weight_dense,
       dense_or_none(bias), y);
  if (!needs_grad({x, weight, bias})) return y;

  const Saved kept_x(needs_grad({weight}) ? x_dense : Tensor{});
  const Saved kept_weight(needs_grad({x}) ? weight_dense : Tensor{});
  return record(where, {x, weight, bias}, y, [=, x_shape = x.shape()](const Tensor& dy, const Needs& needs) -> Grads {
    Tensor dx, dweight, dbias;
    if (needs[0]) {
      dx = empty(x_shape, dy.options());
      gemm(where, {.m = rows, .n = in, .k = out, .precision = precision}, dy, kept_weight.get(where), {}, dx);
    }
    if (needs[1]) {
      dweight = empty({out, in}, dy.options());
      gemm(where, {.m = out, .n = in, .k = rows, .transpose_a = true, .precision = precision}, dy, kept_x.get(where), {},
           dweight);
    }
    if (needs[2]) dbias = sum(dy.reshape({rows, out}), {0});
    return {dx, dweight, dbias};
  });
}

}  // namespace heddle
