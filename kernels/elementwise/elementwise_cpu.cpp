// Elementwise arithmetic on the CPU: memory-bound, one pass.
//
// The index space is collapsed (collapse.hpp) until its innermost dimension is as long as can be; rows along it run through
// one of four vectorised loops, by whether each input advances by one element or stays (a broadcast), or through a strided
// loop. Work is cut into ranges of `grain` output elements, whatever the shape. Bytes: 2 or 3 times count * sizeof(T).
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/elementwise/collapse.hpp"
#include "kernels/elementwise/element_ops.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;

// y may be one of the inputs, so the loops promise the compiler nothing but that elements do not depend on one another.
template <class T, class F>
void row(std::int64_t n, const T* a, std::int64_t stride_a, const T* b, std::int64_t stride_b, T* y, F f) {
  if (stride_a == 1 && stride_b == 1) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (stride_a == 1 && stride_b == 0) {
    const T s = *b;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], s);
  } else if (stride_a == 0 && stride_b == 1) {
    const T s = *a;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(s, b[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i * stride_a], b[i * stride_b]);
  }
}

template <class T, class F>
void walk(const ElementShape& whole, const T* a, const T* b, T* y, F f) {
  const std::int64_t count = whole.count();
  if (count == 0) return;
  const ElementShape shape = collapse(whole);
  const int inner = shape.dims - 1;
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    RowWalk at(shape, begin);
    while (begin < end) {
      const std::int64_t left = shape.size[inner] - at.column, n = left < end - begin ? left : end - begin;
      row(n, a + at.offset_a + at.column * shape.stride_a[inner], shape.stride_a[inner],
          b + at.offset_b + at.column * shape.stride_b[inner], shape.stride_b[inner], y + begin, f);
      begin += n;
      at.next_row(shape);
    }
  });
}

template <class T, class F>
void map(std::int64_t count, const T* x, T* y, F f) {
  parallel_for(count, grain, [=](std::int64_t begin, std::int64_t end) {
#pragma GCC ivdep
    for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

template <Binary op, class T>
void binary_op(const ElementShape& shape, const T* a, const T* b, T* y) {
  walk(
      shape, a, b, y, [](T u, T v) __attribute__((always_inline)) { return apply<op>(u, v); });
}
template <class T>
void binary(Stream, Binary op, const ElementShape& shape, const T* a, const T* b, T* y) {
  switch (op) {
    case Binary::add:
      return binary_op<Binary::add>(shape, a, b, y);
    case Binary::sub:
      return binary_op<Binary::sub>(shape, a, b, y);
    case Binary::mul:
      return binary_op<Binary::mul>(shape, a, b, y);
    case Binary::div:
      return binary_op<Binary::div>(shape, a, b, y);
    case Binary::maximum:
      return binary_op<Binary::maximum>(shape, a, b, y);
    case Binary::minimum:
      return binary_op<Binary::minimum>(shape, a, b, y);
    case Binary::pow:
      return binary_op<Binary::pow>(shape, a, b, y);
  }
}

template <Compare op, class T>
void compare_op(const ElementShape& shape, const T* a, const T* b, T* y) {
  walk(
      shape, a, b, y, [](T u, T v) __attribute__((always_inline)) { return apply<op>(u, v); });
}
template <class T>
void compare(Stream, Compare op, const ElementShape& shape, const T* a, const T* b, T* y) {
  switch (op) {
    case Compare::eq:
      return compare_op<Compare::eq>(shape, a, b, y);
    case Compare::ne:
      return compare_op<Compare::ne>(shape, a, b, y);
    case Compare::lt:
      return compare_op<Compare::lt>(shape, a, b, y);
    case Compare::le:
      return compare_op<Compare::le>(shape, a, b, y);
    case Compare::gt:
      return compare_op<Compare::gt>(shape, a, b, y);
    case Compare::ge:
      return compare_op<Compare::ge>(shape, a, b, y);
  }
}

template <Unary op, class T>
HD_INLINE T unary_value(T x) {
  if constexpr (op != Unary::exp && op != Unary::log) {
    return apply<op>(x);
  } else if constexpr (std::is_integral_v<T>) {
    return convert<T>(unary_value<op>(static_cast<double>(x)));
  } else {
    return op == Unary::exp ? vector_exp(x) : vector_log(x);
  }
}
template <Unary op, class T>
void unary_op(std::int64_t count, const T* x, T* y) {
  map(
      count, x, y, [](T v) __attribute__((always_inline)) { return unary_value<op>(v); });
}
template <class T>
void unary(Stream, Unary op, std::int64_t count, const T* x, T* y) {
  switch (op) {
    case Unary::neg:
      return unary_op<Unary::neg>(count, x, y);
    case Unary::exp:
      return unary_op<Unary::exp>(count, x, y);
    case Unary::log:
      return unary_op<Unary::log>(count, x, y);
    case Unary::sqrt:
      return unary_op<Unary::sqrt>(count, x, y);
    case Unary::rsqrt:
      return unary_op<Unary::rsqrt>(count, x, y);
    case Unary::abs:
      return unary_op<Unary::abs>(count, x, y);
    case Unary::square:
      return unary_op<Unary::square>(count, x, y);
    case Unary::reciprocal:
      return unary_op<Unary::reciprocal>(count, x, y);
    case Unary::sign:
      return unary_op<Unary::sign>(count, x, y);
    case Unary::sin:
      return unary_op<Unary::sin>(count, x, y);
    case Unary::cos:
      return unary_op<Unary::cos>(count, x, y);
  }
}

template <Scalar op, class T>
void scalar_op(std::int64_t count, const T* x, T s, T* y) {
  map(
      count, x, y, [s](T v) __attribute__((always_inline)) { return apply<op>(v, s); });
}
template <class T>
void scalar(Stream, Scalar op, std::int64_t count, const T* x, T s, T* y) {
  switch (op) {
    case Scalar::add:
      return scalar_op<Scalar::add>(count, x, s, y);
    case Scalar::mul:
      return scalar_op<Scalar::mul>(count, x, s, y);
    case Scalar::pow:
      if (s == 2) return unary_op<Unary::square>(count, x, y);
      if constexpr (std::is_floating_point_v<T>) {
        if (s == T(0.5)) return unary_op<Unary::sqrt>(count, x, y);
        if (s == -1) return unary_op<Unary::reciprocal>(count, x, y);
      }
      return scalar_op<Scalar::pow>(count, x, s, y);
    case Scalar::maximum:
      return scalar_op<Scalar::maximum>(count, x, s, y);
    case Scalar::minimum:
      return scalar_op<Scalar::minimum>(count, x, s, y);
    case Scalar::rdiv:
      return scalar_op<Scalar::rdiv>(count, x, s, y);
    case Scalar::rsub:
      return scalar_op<Scalar::rsub>(count, x, s, y);
  }
}

template <class T>
void add_scaled(Stream, std::int64_t count, const T* x, T s, T* y) {
  parallel_for(count, grain, [=](std::int64_t begin, std::int64_t end) {
#pragma GCC ivdep
    for (std::int64_t i = begin; i < end; ++i) y[i] = apply<Binary::add>(y[i], apply<Binary::mul>(s, x[i]));
  });
}

template <class T>
constexpr ElementwiseKernels<T> table{binary<T>, compare<T>, unary<T>, scalar<T>, add_scaled<T>};

}  // namespace

template <>
const ElementwiseKernels<float>& CpuTable<this_isa, ElementwiseKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const ElementwiseKernels<double>& CpuTable<this_isa, ElementwiseKernels<double>>::get(Variant) {
  return table<double>;
}
template <>
const ElementwiseKernels<std::int64_t>& CpuTable<this_isa, ElementwiseKernels<std::int64_t>>::get(Variant) {
  return table<std::int64_t>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const ElementwiseKernels<float>& ElementwiseKernels<float>::cpu() {
  return cpu_table<ElementwiseKernels<float>>(Variant::fast);
}
template <>
const ElementwiseKernels<double>& ElementwiseKernels<double>::cpu() {
  return cpu_table<ElementwiseKernels<double>>(Variant::fast);
}
template <>
const ElementwiseKernels<std::int64_t>& ElementwiseKernels<std::int64_t>::cpu() {
  return cpu_table<ElementwiseKernels<std::int64_t>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
