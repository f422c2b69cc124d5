// Elementwise operations and reductions as their definitions read, in double, element by element.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"

namespace heddle::test {

/// The element numbers that output element i reads, by the shape's strides, found by counting through the index space.
struct ElementOffsets {
  std::vector<std::int64_t> a, b;
};
inline ElementOffsets element_offsets(const kernels::ElementShape& s) {
  ElementOffsets offsets;
  std::vector<std::int64_t> index(static_cast<std::size_t>(s.dims), 0);
  for (std::int64_t i = 0; i < s.count(); ++i) {
    std::int64_t a = 0, b = 0;
    for (int d = 0; d < s.dims; ++d) a += index[d] * s.stride_a[d], b += index[d] * s.stride_b[d];
    offsets.a.push_back(a);
    offsets.b.push_back(b);
    for (int d = s.dims - 1; d >= 0 && ++index[d] == s.size[d]; --d) index[d] = 0;
  }
  return offsets;
}

inline double reference(kernels::Binary op, double a, double b) {
  using kernels::Binary;
  switch (op) {
    case Binary::add:
      return a + b;
    case Binary::sub:
      return a - b;
    case Binary::mul:
      return a * b;
    case Binary::div:
      return a / b;
    case Binary::maximum:
      return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    case Binary::minimum:
      return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
    case Binary::pow:
      return std::pow(a, b);
  }
  return NAN;
}
inline double reference(kernels::Compare op, double a, double b) {
  using kernels::Compare;
  switch (op) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return a != b;
    case Compare::lt:
      return a < b;
    case Compare::le:
      return a <= b;
    case Compare::gt:
      return a > b;
    case Compare::ge:
      return a >= b;
  }
  return NAN;
}
inline double reference(kernels::Unary op, double x) {
  using kernels::Unary;
  switch (op) {
    case Unary::neg:
      return -x;
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return 1 / std::sqrt(x);
    case Unary::abs:
      return std::abs(x);
    case Unary::square:
      return x * x;
    case Unary::reciprocal:
      return 1 / x;
    case Unary::sign:
      return std::isnan(x) ? NAN : (x > 0) - (x < 0);
    case Unary::sin:
      return std::sin(x);
    case Unary::cos:
      return std::cos(x);
  }
  return NAN;
}
inline double reference(kernels::Scalar op, double x, double s) {
  using kernels::Scalar;
  switch (op) {
    case Scalar::add:
      return x + s;
    case Scalar::mul:
      return x * s;
    case Scalar::pow:
      return std::pow(x, s);
    case Scalar::maximum:
      return std::isnan(x) || std::isnan(s) ? NAN : std::max(x, s);
    case Scalar::minimum:
      return std::isnan(x) || std::isnan(s) ? NAN : std::min(x, s);
    case Scalar::rdiv:
      return s / x;
    case Scalar::rsub:
      return s - x;
  }
  return NAN;
}

/// [outer, reduced, inner] to [outer, inner]; sums in long double.
template <class T>
std::vector<double> reference_reduce(kernels::Reduce op, const kernels::ReduceShape& s, const std::vector<T>& x) {
  using kernels::Reduce;
  std::vector<double> y;
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t i = 0; i < s.inner; ++i) {
      long double sum = 0;
      double most = -INFINITY, least = INFINITY;
      for (std::int64_t r = 0; r < s.reduced; ++r) {
        const double v = static_cast<double>(x[static_cast<std::size_t>((o * s.reduced + r) * s.inner + i)]);
        sum += v;
        most = std::isnan(v) || std::isnan(most) ? NAN : std::max(most, v);
        least = std::isnan(v) || std::isnan(least) ? NAN : std::min(least, v);
      }
      const double mean = static_cast<double>(sum / static_cast<long double>(s.reduced));
      y.push_back(op == Reduce::sum ? static_cast<double>(sum) : op == Reduce::mean ? mean : op == Reduce::max ? most : least);
    }
  return y;
}

}  // namespace heddle::test
