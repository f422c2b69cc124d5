// What ops share: checks on their operands, dense copies, and the pieces of autograd they record themselves with. Internal.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/record.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/core/tensor_impl.hpp"

namespace heddle::detail {

using autograd::Grads;
using autograd::Needs;
using autograd::needs_grad;
using autograd::record;
using autograd::Saved;

/// The tensor's values in row-major order, without history: its own memory where that is dense, else a copy.
inline Tensor dense(const Tensor& t) {
  if (t.is_contiguous()) return t;
  NoGradGuard guard;
  return t.contiguous();
}
/// The same for an operand that may be undefined.
inline Tensor dense_or_none(const Tensor& t) {
  return t.defined() ? dense(t) : t;
}

/// Whether t is the only handle to its memory, and that the CPU's.
inline bool sole_on_cpu(const Tensor& t) {
  return t.device().is_cpu() && t.impl().use_count() == 1 && t.impl()->storage.use_count() == 1;
}

/// Memory for a gradient of dy's shape that is computed element by element from dy: on the CPU dy's own, where nobody else
/// holds it, so that no line is read only to be overwritten.
inline Tensor in_place_of(const Tensor& dy) {
  return sole_on_cpu(dy) ? dy : empty_like(dy);
}

/// Elements of a dense tensor; null for an undefined one.
template <class T>
T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

/// What parameters and statistics beside activations of the type are kept in.
constexpr DType wide(DType type) {
  return type == bfloat16 ? float32 : type;
}
inline TensorOptions wide_options(const Tensor& x) {
  return {wide(x.dtype()), x.device()};
}

/// The tensor in float32, without history.
inline Tensor widened(const Tensor& t) {
  NoGradGuard guard;
  return t.to(float32);
}
/// Whether an op that a GPU has bfloat16 kernels of must go through float32: op(x.to(float32)).to(bfloat16), which rounds
/// where the kernels round.
inline bool lacks_kernels(const Tensor& x) {
  return x.dtype() == bfloat16 && x.device().is_cpu();
}

/// Error unless `operand` has this type and x's device; `name` is what the message calls it.
inline void check_kind(std::string_view where, std::string_view name, const Tensor& operand, DType type, const Tensor& x) {
  check(operand.dtype() == type && operand.device() == x.device(), where, "expected a {} of {} on {}, got {} on {}", name,
        heddle::name_of(type), x.device(), heddle::name_of(operand.dtype()), operand.device());
}
/// The same of what is to have x's own type.
inline void check_same_kind(std::string_view where, std::string_view name, const Tensor& operand, const Tensor& x) {
  check_kind(where, name, operand, x.dtype(), x);
}
/// The same of a parameter or statistic beside x.
inline void check_parameter(std::string_view where, std::string_view name, const Tensor& operand, const Tensor& x) {
  check_kind(where, name, operand, wide(x.dtype()), x);
}

/// Error unless the parameter is undefined, or has this shape, x's device and what goes with its type.
inline void check_operand(std::string_view where, std::string_view name, const Tensor& operand, const Shape& shape,
                          const Tensor& x) {
  if (!operand.defined()) return;
  check(operand.shape() == shape, where, "expected a {} of shape {} for an input {}, got {}", name, shape, x.shape(),
        operand.shape());
  check_parameter(where, name, operand, x);
}

inline void check_floating(std::string_view where, const Tensor& x) {
  check(is_floating_point(x.dtype()), where, "expected float32 or float64, got {}", heddle::name_of(x.dtype()));
}
/// Error unless s can stand beside x: a whole number of 64 bits beside integers.
inline void check_number(std::string_view where, const Tensor& x, double s) {
  if (is_floating_point(x.dtype())) return;
  check(s == std::trunc(s), where, "expected a whole number beside a tensor of {}, got {:.6g}", heddle::name_of(x.dtype()), s);
  check(s >= -0x1p63 && s < 0x1p63, where, "expected a number of 64 bits beside a tensor of {}, got {:.6g}",
        heddle::name_of(x.dtype()), s);
}

/// A size as the kernels' shapes hold it; Error where it does not fit.
inline int to_int(std::int64_t size, std::string_view where) {
  check(size >= 0 && size <= std::numeric_limits<int>::max(), where, "expected a size below 2^31, got {}", size);
  return static_cast<int>(size);
}

/// Product of the sizes of dimensions [begin, end).
inline std::int64_t product(const Shape& shape, int begin, int end) {
  std::int64_t result = 1;
  for (int d = begin; d < end; ++d) result *= shape[d];
  return result;
}

/// float32, float64 or int64: what arithmetic and reductions have kernels for.
template <class F>
decltype(auto) visit_number(DType type, std::string_view where, F&& f) {
  if (type == DType::int64) return f(TypeTag<std::int64_t>{});
  check(type != DType::uint8, where, "expected float32, float64 or int64, got {}", heddle::name_of(type));
  return visit_floating(type, where, std::forward<F>(f));
}

}  // namespace heddle::detail
