// The way from a run-time operation to a compile-time one, for the host side of every backend's kernels.
#pragma once

#include <optional>
#include <type_traits>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/simt/qualifiers.hpp"

namespace heddle::kernels {

template <auto op>
struct OpTag {};

/// Calls f(OpTag<op>{}).
template <class F>
HD_FORCE_INLINE void visit(Binary op, F&& f) {
  switch (op) {
    case Binary::add:
      return f(OpTag<Binary::add>{});
    case Binary::sub:
      return f(OpTag<Binary::sub>{});
    case Binary::mul:
      return f(OpTag<Binary::mul>{});
    case Binary::div:
      return f(OpTag<Binary::div>{});
    case Binary::maximum:
      return f(OpTag<Binary::maximum>{});
    case Binary::minimum:
      return f(OpTag<Binary::minimum>{});
    case Binary::pow:
      return f(OpTag<Binary::pow>{});
  }
}
template <class F>
HD_FORCE_INLINE void visit(Compare op, F&& f) {
  switch (op) {
    case Compare::eq:
      return f(OpTag<Compare::eq>{});
    case Compare::ne:
      return f(OpTag<Compare::ne>{});
    case Compare::lt:
      return f(OpTag<Compare::lt>{});
    case Compare::le:
      return f(OpTag<Compare::le>{});
    case Compare::gt:
      return f(OpTag<Compare::gt>{});
    case Compare::ge:
      return f(OpTag<Compare::ge>{});
  }
}
template <class F>
HD_FORCE_INLINE void visit(Unary op, F&& f) {
  switch (op) {
    case Unary::neg:
      return f(OpTag<Unary::neg>{});
    case Unary::exp:
      return f(OpTag<Unary::exp>{});
    case Unary::log:
      return f(OpTag<Unary::log>{});
    case Unary::sqrt:
      return f(OpTag<Unary::sqrt>{});
    case Unary::rsqrt:
      return f(OpTag<Unary::rsqrt>{});
    case Unary::abs:
      return f(OpTag<Unary::abs>{});
    case Unary::square:
      return f(OpTag<Unary::square>{});
    case Unary::reciprocal:
      return f(OpTag<Unary::reciprocal>{});
    case Unary::sign:
      return f(OpTag<Unary::sign>{});
    case Unary::sin:
      return f(OpTag<Unary::sin>{});
    case Unary::cos:
      return f(OpTag<Unary::cos>{});
  }
}
template <class F>
HD_FORCE_INLINE void visit(Scalar op, F&& f) {
  switch (op) {
    case Scalar::add:
      return f(OpTag<Scalar::add>{});
    case Scalar::mul:
      return f(OpTag<Scalar::mul>{});
    case Scalar::pow:
      return f(OpTag<Scalar::pow>{});
    case Scalar::maximum:
      return f(OpTag<Scalar::maximum>{});
    case Scalar::minimum:
      return f(OpTag<Scalar::minimum>{});
    case Scalar::rdiv:
      return f(OpTag<Scalar::rdiv>{});
    case Scalar::rsub:
      return f(OpTag<Scalar::rsub>{});
  }
}

/// The operation that a power with this exponent is in plainer terms, where there is one.
template <class T>
HD_FORCE_INLINE std::optional<Unary> as_unary(Scalar op, T s) {
  if (op != Scalar::pow) return {};
  if (s == 2) return Unary::square;
  if constexpr (std::is_floating_point_v<T>) {
    if (s == T(0.5)) return Unary::sqrt;
    if (s == -1) return Unary::reciprocal;
  }
  return {};
}

}  // namespace heddle::kernels
