// Functions of one tensor, element by element, of elementwise.hpp. Each gradient is written in what the backward pass can
// get at most cheaply: the output where that is enough, else the input.
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {

using namespace detail;
using kernels::Unary;

namespace {

enum class Keep { nothing, input, output };

// d(kept, dy) is the gradient of the input.
template <class Gradient>
Tensor unary(const char* where, Unary op, const Tensor& x, Keep keep, Gradient d) {
  const bool exact_in_integers = op == Unary::neg || op == Unary::abs || op == Unary::sign || op == Unary::square;
  check(is_floating_point(x.dtype()) || exact_in_integers, where, "expected float32 or float64, got {}",
        heddle::name_of(x.dtype()));
  if (x.dtype() == bfloat16) return unary(where, op, x.to(float32), keep, d).to(bfloat16);
  const Tensor x_dense = dense(x);
  Tensor y = empty_like(x_dense);
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<kernels::ElementwiseKernels<T>>(x.device()).unary(stream_of(x), op, x.numel(), x_dense.data<T>(), y.data<T>());
  });
  if (!needs_grad({x})) return y;
  const Saved kept(keep == Keep::input ? x_dense : keep == Keep::output ? y : Tensor{});
  return record(where, {x}, y, [=](const Tensor& dy, const Needs&) -> Grads { return {d(kept.get(where), dy)}; });
}

}  // namespace

Tensor neg(const Tensor& x) {
  return unary("neg", Unary::neg, x, Keep::nothing, [](const Tensor&, const Tensor& dy) { return neg(dy); });
}
Tensor exp(const Tensor& x) {
  return unary("exp", Unary::exp, x, Keep::output, [](const Tensor& y, const Tensor& dy) { return dy * y; });
}
Tensor log(const Tensor& x) {
  return unary("log", Unary::log, x, Keep::input, [](const Tensor& in, const Tensor& dy) { return dy / in; });
}
Tensor sqrt(const Tensor& x) {
  return unary("sqrt", Unary::sqrt, x, Keep::output, [](const Tensor& y, const Tensor& dy) { return dy / (y * 2.0); });
}
Tensor rsqrt(const Tensor& x) {
  return unary("rsqrt", Unary::rsqrt, x, Keep::output,
               [](const Tensor& y, const Tensor& dy) { return dy * (y * square(y) * -0.5); });
}
Tensor abs(const Tensor& x) {
  return unary("abs", Unary::abs, x, Keep::input, [](const Tensor& in, const Tensor& dy) { return dy * sign(in); });
}
Tensor sign(const Tensor& x) {
  return unary("sign", Unary::sign, x, Keep::nothing, [](const Tensor&, const Tensor& dy) { return zeros_like(dy); });
}
Tensor square(const Tensor& x) {
  return unary("square", Unary::square, x, Keep::input, [](const Tensor& in, const Tensor& dy) { return dy * (in * 2.0); });
}
Tensor reciprocal(const Tensor& x) {
  return unary("reciprocal", Unary::reciprocal, x, Keep::output,
               [](const Tensor& y, const Tensor& dy) { return neg(dy * square(y)); });
}
Tensor sin(const Tensor& x) {
  return unary("sin", Unary::sin, x, Keep::input, [](const Tensor& in, const Tensor& dy) { return dy * cos(in); });
}
Tensor cos(const Tensor& x) {
  return unary("cos", Unary::cos, x, Keep::input, [](const Tensor& in, const Tensor& dy) { return neg(dy * sin(in)); });
}

}  // namespace heddle
