// Reductions that are made of others: norms and logsumexp.
#include <cmath>
#include <limits>

#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/select.hpp"

namespace heddle {

using namespace detail;

namespace {

// The shape of a reduction's result with the dimensions that it went over kept, as sizes of 1.
Shape kept_shape(const Tensor& x, const Shape& dims) {
  Shape shape = x.shape();
  for (int d = 0; d < x.dim(); ++d)
    if (dims.empty()) shape[d] = 1;
  for (const std::int64_t d : dims)
    if (x.dim()) shape[static_cast<int>(d < 0 ? d + x.dim() : d)] = 1;
  return shape;
}

}  // namespace

Tensor norm(const Tensor& x, const Shape& dims, bool keepdim) {
  check_floating("norm", x);
  Tensor y = no_grad([&] { return sqrt(sum(square(x), dims, keepdim)); });
  if (!needs_grad({x})) return y;
  return record("norm", {x}, y,
                [kept = kept_shape(x, dims), x = Saved(x), y = Saved(y)](const Tensor& dy, const Needs&) -> Grads {
                  const Tensor& length = y.get("norm");
                  return {x.get("norm") * (dy / (length + eq(length, 0.0))).reshape(kept)};
                });
}

Tensor vector_norm(const Tensor& x, double ord, const Dims& dims, bool keepdim) {
  constexpr auto name = "vector_norm";
  check_floating(name, x);
  check(!std::isnan(ord), name, "expected an order, got NaN");
  check(ord >= 0 || x.numel() > 0, name, "expected elements for the negative order {:.6g}, got shape {}", ord, x.shape());
  if (ord == 2) return norm(x, dims, keepdim);
  if (x.dtype() == bfloat16) return vector_norm(x.to(float32), ord, dims, keepdim).to(bfloat16);
  if (ord == 0) {
    const Tensor count = no_grad([&] { return sum(ne(x, 0.0), dims, keepdim); });
    return record(name, {x}, count,
                  [shape = x.shape()](const Tensor& dy, const Needs&) -> Grads { return {zeros(shape, dy.options())}; });
  }
  if (ord == 1) return sum(abs(x), dims, keepdim);
  if (std::isinf(ord)) return ord > 0 ? amax(abs(x), dims, keepdim) : amin(abs(x), dims, keepdim);
  const Tensor y = no_grad([&] { return pow(sum(pow(abs(x), ord), dims, keepdim), 1 / ord); });
  if (!needs_grad({x})) return y;
  return record(name, {x}, y,
                [ord, kept = kept_shape(x, dims), x = Saved(x), y = Saved(y)](const Tensor& dy, const Needs&) -> Grads {
                  const Tensor &in = x.get(name), length = y.get(name).reshape(kept);
                  // sign(x) (|x| / length)^(ord - 1), and 0 at 0.
                  const Tensor share = sign(in) * pow(abs(in) / length, ord - 1);
                  return {where(eq(in, 0.0), 0.0, share) * dy.reshape(kept)};
                });
}

Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim) {
  constexpr auto name = "logsumexp";
  constexpr double infinity = std::numeric_limits<double>::infinity();
  check_floating(name, x);
  if (x.dtype() == bfloat16) return logsumexp(x.to(float32), dims, keepdim).to(bfloat16);
  const Tensor y = no_grad([&] {
    if (x.numel() == 0) return log(sum(x, dims, keepdim) * 0.0);  // of nothing, -inf
    // An infinite greatest number is left in place: exp gives 0 or inf, as it should.
    const Tensor most = amax(x, dims, true), shift = where(isinf(most), 0.0, most);
    const Tensor total = log(sum(exp(x - shift), dims, true)) + shift;
    return sum(total, dims, keepdim);  // over sizes of 1: their dimensions go, or stay
  });
  if (!needs_grad({x})) return y;
  return record(name, {x}, y,
                [kept = kept_shape(x, dims), x = Saved(x), y = Saved(y)](const Tensor& dy, const Needs&) -> Grads {
                  const Tensor result = y.get(name).reshape(kept);
                  // Where all are -inf, each share is 0 over 0: none.
                  const Tensor share = exp(x.get(name) - where(eq(result, -infinity), 0.0, result));
                  return {share * dy.reshape(kept)};
                });
}

}  // namespace heddle
