// Elementwise arithmetic on the GPU as its definition reads, and what one element of it is: for elementwise_cuda.cu.
//
// a, b by the strides of the shape, y dense: a thread an element, the operation chosen in the kernel, 64-bit arithmetic.
#pragma once

#include "kernels/elementwise/element_ops.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

// One element: of two, of one, of one with a number, y[i] += s * x[i].

template <auto op>
struct OfTwo {
  template <class T>
  HD_DEVICE T operator()(T a, T b) const {
    return apply<op>(a, b);
  }
};

template <Unary op, class T>
HD_DEVICE T unary_value(T x) {
  if constexpr (op != Unary::exp && op != Unary::log)
    return apply<op>(x);
  else if constexpr (std::is_integral_v<T>)
    return convert<T>(unary_value<op>(static_cast<double>(x)));
  else
    return op == Unary::exp ? std::exp(x) : std::log(x);
}
template <Unary op>
struct OfOne {
  template <class T>
  HD_DEVICE T operator()(T x, T) const {
    return unary_value<op>(x);
  }
};
template <Scalar op, class T>
struct WithNumber {
  T s;
  HD_DEVICE T operator()(T x, T) const { return apply<op>(x, s); }
};
template <class T>
struct AddScaled {
  T s;
  HD_DEVICE T operator()(T x, T y) const { return apply<Binary::add>(y, apply<Binary::mul>(s, x)); }
};

// Naive: f(a, b) for the element of every thread

template <class T>
struct AnyBinary {
  Binary op;
  HD_DEVICE T operator()(T a, T b) const {
    switch (op) {
      case Binary::add:
        return apply<Binary::add>(a, b);
      case Binary::sub:
        return apply<Binary::sub>(a, b);
      case Binary::mul:
        return apply<Binary::mul>(a, b);
      case Binary::div:
        return apply<Binary::div>(a, b);
      case Binary::maximum:
        return apply<Binary::maximum>(a, b);
      case Binary::minimum:
        return apply<Binary::minimum>(a, b);
      default:
        return apply<Binary::pow>(a, b);
    }
  }
};
template <class T>
struct AnyCompare {
  Compare op;
  HD_DEVICE T operator()(T a, T b) const {
    switch (op) {
      case Compare::eq:
        return apply<Compare::eq>(a, b);
      case Compare::ne:
        return apply<Compare::ne>(a, b);
      case Compare::lt:
        return apply<Compare::lt>(a, b);
      case Compare::le:
        return apply<Compare::le>(a, b);
      case Compare::gt:
        return apply<Compare::gt>(a, b);
      default:
        return apply<Compare::ge>(a, b);
    }
  }
};
template <class T>
struct AnyUnary {
  Unary op;
  HD_DEVICE T operator()(T x, T) const {
    switch (op) {
      case Unary::neg:
        return unary_value<Unary::neg>(x);
      case Unary::exp:
        return unary_value<Unary::exp>(x);
      case Unary::log:
        return unary_value<Unary::log>(x);
      case Unary::sqrt:
        return unary_value<Unary::sqrt>(x);
      case Unary::rsqrt:
        return unary_value<Unary::rsqrt>(x);
      case Unary::abs:
        return unary_value<Unary::abs>(x);
      case Unary::square:
        return unary_value<Unary::square>(x);
      case Unary::reciprocal:
        return unary_value<Unary::reciprocal>(x);
      case Unary::sign:
        return unary_value<Unary::sign>(x);
      case Unary::sin:
        return unary_value<Unary::sin>(x);
      default:
        return unary_value<Unary::cos>(x);
    }
  }
};
template <class T>
struct AnyScalar {
  Scalar op;
  T s;
  HD_DEVICE T operator()(T x, T) const {
    switch (op) {
      case Scalar::add:
        return apply<Scalar::add>(x, s);
      case Scalar::mul:
        return apply<Scalar::mul>(x, s);
      case Scalar::pow:
        return apply<Scalar::pow>(x, s);
      case Scalar::maximum:
        return apply<Scalar::maximum>(x, s);
      case Scalar::minimum:
        return apply<Scalar::minimum>(x, s);
      case Scalar::rdiv:
        return apply<Scalar::rdiv>(x, s);
      default:
        return apply<Scalar::rsub>(x, s);
    }
  }
};

template <class T, class F>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    elementwise_naive_kernel(ElementShape shape, std::int64_t count, F f, const T* a, const T* b, T* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  std::int64_t rest = i, at_a = 0, at_b = 0;
  for (int d = shape.dims - 1; d >= 0; rest /= shape.size[d--]) {
    at_a += rest % shape.size[d] * shape.stride_a[d];
    at_b += rest % shape.size[d] * shape.stride_b[d];
  }
  y[i] = f(a[at_a], b[at_b]);
}

template <class F, class T>
void naive(Stream stream, F f, const ElementShape& s, const T* a, const T* b, T* y) {
  simt::launch<elementwise_naive_kernel<T, F>>(simt::blocks_for(s.count(), threads), threads, 0, stream, s, s.count(), f, a, b,
                                               y);
}
ElementShape dense(std::int64_t count) {
  return {1, {count}, {1}, {1}};
}

template <class T>
void binary_naive(Stream stream, Binary op, const ElementShape& shape, const T* a, const T* b, T* y) {
  naive(stream, AnyBinary<T>{op}, shape, a, b, y);
}
template <class T>
void compare_naive(Stream stream, Compare op, const ElementShape& shape, const T* a, const T* b, T* y) {
  naive(stream, AnyCompare<T>{op}, shape, a, b, y);
}
template <class T>
void unary_naive(Stream stream, Unary op, std::int64_t count, const T* x, T* y) {
  naive(stream, AnyUnary<T>{op}, dense(count), x, x, y);
}
template <class T>
void scalar_naive(Stream stream, Scalar op, std::int64_t count, const T* x, T s, T* y) {
  naive(stream, AnyScalar<T>{op, s}, dense(count), x, x, y);
}
template <class T>
void add_scaled_naive(Stream stream, std::int64_t count, const T* x, T s, T* y) {
  naive(stream, AddScaled<T>{s}, dense(count), x, y, y);
}

template <class T>
constexpr ElementwiseKernels<T> naive_table{binary_naive<T>, compare_naive<T>, unary_naive<T>, scalar_naive<T>,
                                            add_scaled_naive<T>};

}  // namespace
}  // namespace heddle::kernels
