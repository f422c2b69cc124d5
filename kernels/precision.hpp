// In what kernels compute, where that is not the type that their tensors are stored in.
#pragma once

#include "heddle/base/bfloat16.hpp"

namespace heddle::kernels {

/// What the factors of each product are rounded to before they are multiplied; tensors are stored, and sums are kept, in
/// their own type all the same. tf32 has float32's range and 10 bits of mantissa, bf16 has 7 of them. These two are the
/// tensor cores' formats: only the fast CUDA kernels for float heed them, every other kernel computes as with float32.
enum class Precision { float32, tf32, bf16 };

namespace detail {
template <class T>
struct WideOf {
  using type = T;
};
template <>
struct WideOf<BFloat16> {
  using type = float;
};
}  // namespace detail

/// What goes with activations of T: the type of parameters, their gradients and statistics, and of all arithmetic. It is T
/// itself, but float where activations are BFloat16. Tables for BFloat16 exist for the GPU alone, in one variant, whichever
/// is asked for; their convolutions multiply on tensor cores, factors rounded to bf16, whatever the precision asked for.
template <class T>
using Wide = typename detail::WideOf<T>::type;

}  // namespace heddle::kernels
