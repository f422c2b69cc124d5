// Elementwise arithmetic on the CPU: memory-bound, one pass.
//
// The index space is collapsed (collapse.hpp) until its innermost dimension is as long as can be; rows along it run through
// one of four vectorised loops, by whether each input advances by one element or stays (a broadcast), or through a strided
// loop. Work is cut into ranges of `grain` output elements, whatever the shape. Bytes: 2 or 3 times count * sizeof(T).
#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/elementwise/collapse.hpp"
#include "kernels/elementwise/element_ops.hpp"
#include "kernels/elementwise/element_visit.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;

// y may be one of the inputs, so the loops promise the compiler nothing but that elements do not depend on one another.
template <class T, class F>
void row(std::int64_t n, const T* a, std::int64_t stride_a, const T* b, std::int64_t stride_b, T* y, F f) {
  if (stride_a == 1 && stride_b == 1) {
    HD_IVDEP
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (stride_a == 1 && stride_b == 0) {
    const T s = *b;
    HD_IVDEP
    for (std::int64_t i = 0; i < n; ++i) y[i] = f(a[i], s);
  } else if (stride_a == 0 && stride_b == 1) {
    const T s = *a;
    HD_IVDEP
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
    HD_IVDEP
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
  visit(op, [&]<Binary o>(OpTag<o>) { binary_op<o>(shape, a, b, y); });
}

template <Compare op, class T>
void compare_op(const ElementShape& shape, const T* a, const T* b, T* y) {
  walk(
      shape, a, b, y, [](T u, T v) __attribute__((always_inline)) { return apply<op>(u, v); });
}
template <class T>
void compare(Stream, Compare op, const ElementShape& shape, const T* a, const T* b, T* y) {
  visit(op, [&]<Compare o>(OpTag<o>) { compare_op<o>(shape, a, b, y); });
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
  visit(op, [&]<Unary o>(OpTag<o>) { unary_op<o>(count, x, y); });
}

template <Scalar op, class T>
void scalar_op(std::int64_t count, const T* x, T s, T* y) {
  map(
      count, x, y, [s](T v) __attribute__((always_inline)) { return apply<op>(v, s); });
}
template <class T>
void scalar(Stream stream, Scalar op, std::int64_t count, const T* x, T s, T* y) {
  if (const auto plainer = as_unary(op, s)) return unary(stream, *plainer, count, x, y);
  visit(op, [&]<Scalar o>(OpTag<o>) { scalar_op<o>(count, x, s, y); });
}

template <class T>
void add_scaled(Stream, std::int64_t count, const T* x, T s, T* y) {
  parallel_for(count, grain, [=](std::int64_t begin, std::int64_t end) {
    HD_IVDEP
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
