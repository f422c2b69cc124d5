// Two operands: arithmetic and comparisons. The gradient of an operand that was broadcast is summed over what it was
// repeated along.
#include "heddle/ops/elementwise.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/core/layout.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {

using namespace detail;
using kernels::Binary;
using kernels::Compare;
using kernels::ElementwiseKernels;
using kernels::Scalar;

namespace {

// Runs a table's function of two tensors over the shape they take together, whatever their layouts; `bf16`: one that tables
// for bfloat16 have.
template <bool bf16, class Select>
Tensor combine(std::string_view where, const Tensor& a, const Tensor& b, Select&& select) {
  check_same_kind(where, "right operand", b, a);
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), where);
  Tensor y = empty(shape, a.options());
  if (y.numel() == 0) return y;
  const auto space =
      element_shape(shape, expanded_strides(a.shape(), a.strides(), shape), expanded_strides(b.shape(), b.strides(), shape));
  const auto run = [&]<class T>(TypeTag<T>) {
    select(kernels_for<ElementwiseKernels<T>>(a.device()), space, a.data<T>(), b.data<T>(), y.data<T>());
  };
  if constexpr (bf16) {
    if (a.dtype() == bfloat16) {
      visit_activation(a, where, run);
      return y;
    }
  }
  visit_number(a.dtype(), where, run);
  return y;
}

Tensor binary(std::string_view where, Binary op, const Tensor& a, const Tensor& b) {
  if (lacks_kernels(a) && lacks_kernels(b)) return binary(where, op, widened(a), widened(b)).to(bfloat16);
  return combine<true>(where, a, b, [&](const auto& table, const auto& space, auto* pa, auto* pb, auto* y) {
    table.binary(stream_of(a), op, space, pa, pb, y);
  });
}

Tensor compare(std::string_view where, Compare op, const Tensor& a, const Tensor& b) {
  if (a.dtype() == bfloat16 && b.dtype() == bfloat16) return compare(where, op, widened(a), widened(b)).to(bfloat16);
  return combine<false>(where, a, b, [&](const auto& table, const auto& space, auto* pa, auto* pb, auto* y) {
    table.compare(stream_of(a), op, space, pa, pb, y);
  });
}

Tensor scalar(std::string_view where, Scalar op, const Tensor& x, double s) {
  check_number(where, x, s);
  if (x.dtype() == bfloat16) return scalar(where, op, widened(x), s).to(bfloat16);
  const Tensor x_dense = dense(x);
  Tensor y = empty_like(x_dense);
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<ElementwiseKernels<T>>(x.device())
        .scalar(stream_of(x), op, x.numel(), x_dense.data<T>(), static_cast<T>(s), y.data<T>());
  });
  return y;
}

// A number as an operand that broadcasts to anything.
Tensor number(std::string_view where, double s, const Tensor& like) {
  check_number(where, like, s);
  return full({}, s, like.options());
}

// What a trace says where one operand is a number: which one, and whether it stands on the left.
autograd::Attributes scalar_attributes(double s, bool on_the_left = false) {
  return {{"number", s}, {"number_on_the_left", on_the_left}};
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return record("add", {a, b}, binary("add", Binary::add, a, b),
                [sa = a.shape(), sb = b.shape()](const Tensor& dy, const Needs& needs) -> Grads {
                  return {needs[0] ? sum_to(dy, sa) : Tensor{}, needs[1] ? sum_to(dy, sb) : Tensor{}};
                });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record("sub", {a, b}, binary("sub", Binary::sub, a, b),
                [sa = a.shape(), sb = b.shape()](const Tensor& dy, const Needs& needs) -> Grads {
                  return {needs[0] ? sum_to(dy, sa) : Tensor{}, needs[1] ? neg(sum_to(dy, sb)) : Tensor{}};
                });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = binary("mul", Binary::mul, a, b);
  if (!needs_grad({a, b})) return y;
  const Saved kept_a(needs_grad({b}) ? a : Tensor{}), kept_b(needs_grad({a}) ? b : Tensor{});
  return record("mul", {a, b}, y, [=, sa = a.shape(), sb = b.shape()](const Tensor& dy, const Needs& needs) -> Grads {
    return {needs[0] ? sum_to(mul(dy, kept_b.get("mul")), sa) : Tensor{},
            needs[1] ? sum_to(mul(dy, kept_a.get("mul")), sb) : Tensor{}};
  });
}

Tensor div(const Tensor& a, const Tensor& b) {
  check_floating("div", a);
  Tensor y = binary("div", Binary::div, a, b);
  if (!needs_grad({a, b})) return y;
  const Saved kept_b(b), kept_y(needs_grad({b}) ? y : Tensor{});
  return record("div", {a, b}, y, [=, sa = a.shape(), sb = b.shape()](const Tensor& dy, const Needs& needs) -> Grads {
    const Tensor da = div(dy, kept_b.get("div"));
    return {needs[0] ? sum_to(da, sa) : Tensor{}, needs[1] ? neg(sum_to(mul(da, kept_y.get("div")), sb)) : Tensor{}};
  });
}

// d/da = b a^(b-1), and 0 where b is 0, even at a = 0; d/db = y log a, and 0 at a = 0. Adding the 1 of a comparison keeps
// powers and logarithms finite there.
Tensor pow(const Tensor& a, const Tensor& b) {
  check_floating("pow", a);
  Tensor y = binary("pow", Binary::pow, a, b);
  if (!needs_grad({a, b})) return y;
  return record("pow", {a, b}, y,
                [a = Saved(a), b = Saved(b), y = Saved(y), sa = a.shape(), sb = b.shape()](const Tensor& dy,
                                                                                           const Needs& needs) -> Grads {
                  const Tensor &base = a.get("pow"), &exponent = b.get("pow");
                  Tensor da, db;
                  if (needs[0]) da = sum_to(dy * exponent * pow(base, exponent - 1.0 + eq(exponent, 0.0)), sa);
                  if (needs[1]) db = sum_to(dy * y.get("pow") * log(base + eq(base, 0.0)), sb);
                  return {da, db};
                });
}

namespace {

// The winner takes the gradient, equals take half each.
Tensor extreme(const char* where, Binary op, Compare wins, const Tensor& a, const Tensor& b) {
  Tensor y = binary(where, op, a, b);
  if (!needs_grad({a, b})) return y;
  return record(where, {a, b}, y, [=, a = Saved(a), b = Saved(b)](const Tensor& dy, const Needs& needs) -> Grads {
    const Tensor &left = a.get(where), &right = b.get(where);
    const Tensor share = compare(where, wins, left, right) + eq(left, right) * 0.5;
    const Tensor da = dy * share;
    return {needs[0] ? sum_to(da, left.shape()) : Tensor{}, needs[1] ? sum_to(dy - da, right.shape()) : Tensor{}};
  });
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  return extreme("maximum", Binary::maximum, Compare::gt, a, b);
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return extreme("minimum", Binary::minimum, Compare::lt, a, b);
}

Tensor add(const Tensor& a, double b) {
  return record(
      "add", {a}, scalar("add", Scalar::add, a, b), [](const Tensor& dy, const Needs&) -> Grads { return {dy}; },
      [b] { return scalar_attributes(b); });
}
Tensor sub(const Tensor& a, double b) {
  return add(a, -b);
}
Tensor sub(double a, const Tensor& b) {
  return record(
      "sub", {b}, scalar("sub", Scalar::rsub, b, a), [](const Tensor& dy, const Needs&) -> Grads { return {neg(dy)}; },
      [a] { return scalar_attributes(a, true); });
}
Tensor mul(const Tensor& a, double b) {
  return record(
      "mul", {a}, scalar("mul", Scalar::mul, a, b), [b](const Tensor& dy, const Needs&) -> Grads { return {mul(dy, b)}; },
      [b] { return scalar_attributes(b); });
}
// A true division, not a product with the reciprocal, which rounds differently.
Tensor div(const Tensor& a, double b) {
  check_floating("div", a);
  return record(
      "div", {a}, binary("div", Binary::div, a, number("div", b, a)),
      [b](const Tensor& dy, const Needs&) -> Grads { return {div(dy, b)}; }, [b] { return scalar_attributes(b); });
}
Tensor div(double a, const Tensor& b) {
  check_floating("div", b);
  Tensor y = scalar("div", Scalar::rdiv, b, a);
  return record(
      "div", {b}, y,
      [b = Saved(b), y = Saved(y)](const Tensor& dy, const Needs&) -> Grads {
        return {neg(div(mul(dy, y.get("div")), b.get("div")))};
      },
      [a] { return scalar_attributes(a, true); });
}
Tensor pow(const Tensor& a, double b) {
  check_floating("pow", a);
  return record("pow", {a}, scalar("pow", Scalar::pow, a, b), [b, a = Saved(a)](const Tensor& dy, const Needs&) -> Grads {
    if (b == 0) return {zeros_like(dy)};
    return {dy * (pow(a.get("pow"), b - 1) * b)};
  });
}

Tensor clamp(const Tensor& x, double low, double high) {
  check(low <= high, "clamp", "expected bounds in order, got [{:.6g}, {:.6g}]", low, high);
  // A bound beyond all integers bounds none of them.
  const bool whole = !is_floating_point(x.dtype());
  Tensor y = whole && low < -0x1p63 ? x.detach() : scalar("clamp", Scalar::maximum, x, low);
  y = whole && high >= 0x1p63 ? y.clone() : scalar("clamp", Scalar::minimum, y, high);
  if (!needs_grad({x})) return y;
  return record("clamp", {x}, y, [low, high, x = Saved(x)](const Tensor& dy, const Needs&) -> Grads {
    return {dy * ge(x.get("clamp"), low) * le(x.get("clamp"), high)};
  });
}

Tensor eq(const Tensor& a, const Tensor& b) {
  return compare("eq", Compare::eq, a, b);
}
Tensor ne(const Tensor& a, const Tensor& b) {
  return compare("ne", Compare::ne, a, b);
}
Tensor lt(const Tensor& a, const Tensor& b) {
  return compare("lt", Compare::lt, a, b);
}
Tensor le(const Tensor& a, const Tensor& b) {
  return compare("le", Compare::le, a, b);
}
Tensor gt(const Tensor& a, const Tensor& b) {
  return compare("gt", Compare::gt, a, b);
}
Tensor ge(const Tensor& a, const Tensor& b) {
  return compare("ge", Compare::ge, a, b);
}
Tensor eq(const Tensor& a, double b) {
  return eq(a, number("eq", b, a));
}
Tensor ne(const Tensor& a, double b) {
  return ne(a, number("ne", b, a));
}
Tensor lt(const Tensor& a, double b) {
  return lt(a, number("lt", b, a));
}
Tensor le(const Tensor& a, double b) {
  return le(a, number("le", b, a));
}
Tensor gt(const Tensor& a, double b) {
  return gt(a, number("gt", b, a));
}
Tensor ge(const Tensor& a, double b) {
  return ge(a, number("ge", b, a));
}

}  // namespace heddle
