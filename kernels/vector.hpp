// More on the vectors of simd.hpp: parts of vectors, loops over vectors, shuffles and sums. As vectors of GCC and Clang they
// have plain operators; a > b gives a mask of integers, mask ? a : b selects.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A lambda that is part of the loop around it.
#define HD_INLINE_LAMBDA __attribute__((always_inline))

namespace heddle::kernels {
namespace {

/// 0, 1, 2, ... in the lanes.
template <class T> HD_INLINE Vec<T> iota() {
  Vec<T> v{};
  for (int i = 0; i < lanes<T>; ++i) v[i] = static_cast<T>(i);
  return v;
}

/// The first `count` lanes (fewer than all) from p, the others zero; nothing beyond p[count - 1] is touched.
template <class T> HD_INLINE Vec<T> load_part(const T* p, int count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && std::is_floating_point_v<T>) return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
  if constexpr (sizeof(T) == 8 && std::is_floating_point_v<T>) return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
#endif
  Vec<T> v{};
  for (int i = 0; i < lanes<T>; ++i)
    if (i < count) v[i] = p[i];
  return v;
}
template <class T> HD_INLINE void store_part(T* p, Vec<T> v, int count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && std::is_floating_point_v<T>) return _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
  if constexpr (sizeof(T) == 8 && std::is_floating_point_v<T>) return _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), v);
#endif
  for (int i = 0; i < lanes<T>; ++i)
    if (i < count) p[i] = v[i];
}

/// A whole vector, where a number of lanes is asked for.
struct AllLanes {};
template <class T> HD_INLINE Vec<T> load_part(const T* p, AllLanes) { return load(p); }
template <class T> HD_INLINE void store_part(T* p, Vec<T> v, AllLanes) { store(p, v); }
template <class T> HD_INLINE Vec<T> keep_part(Vec<T> v, AllLanes) { return v; }
/// The first `count` lanes of v, the others zero.
template <class T> HD_INLINE Vec<T> keep_part(Vec<T> v, int count) {
  return iota<T>() < broadcast(static_cast<T>(count)) ? v : Vec<T>{};
}

template <int unroll> HD_INLINE void unrolled(auto&& f) {
  [&]<int... u>(std::integer_sequence<int, u...>) HD_INLINE_LAMBDA { (f(std::integral_constant<int, u>{}), ...); }
  (std::make_integer_sequence<int, unroll>{});
}

/// Calls f(i, part, u) for the vectors at i = 0, lanes, ... that cover `count` elements: part is AllLanes, or for the last
/// one the number of lanes that are left. u in [0, unroll) is a compile-time number that goes round, for sums of several
/// accumulators.
template <class T, int unroll = 1> HD_INLINE void each_vector(int count, auto&& f) {
  constexpr int width = lanes<T>;
  int i = 0;
  for (; i + unroll * width <= count; i += unroll * width)
    unrolled<unroll>([&](auto u) HD_INLINE_LAMBDA { f(i + u * width, AllLanes{}, u); });
  if constexpr (unroll > 1)
    for (; i + width <= count; i += width) f(i, AllLanes{}, std::integral_constant<int, 0>{});
  if (i < count) f(i, count - i, std::integral_constant<int, 0>{});
}

/// The larger of two, lane by lane; a NaN in `v` stays.
template <class V> HD_INLINE V at_least(V v, V low) { return v < low ? low : v; }
template <class V> HD_INLINE V at_most(V v, V high) { return v > high ? high : v; }

/// a0 b0 a1 b1 ... in two vectors.
template <class T> HD_INLINE void interleave(Vec<T> a, Vec<T> b, Vec<T>& low, Vec<T>& high) {
  [&]<int... i>(std::integer_sequence<int, i...>) HD_INLINE_LAMBDA {
    low = __builtin_shufflevector(a, b, (i % 2 * lanes<T> + i / 2)...);
    high = __builtin_shufflevector(a, b, (i % 2 * lanes<T> + (i + lanes<T>) / 2)...);
  }
  (std::make_integer_sequence<int, lanes<T>>{});
}
/// Lanes 0, 2, 4, ... of the two vectors low, high, and lanes 1, 3, 5, ...
template <class T> HD_INLINE void deinterleave(Vec<T> low, Vec<T> high, Vec<T>& even, Vec<T>& odd) {
  [&]<int... i>(std::integer_sequence<int, i...>) HD_INLINE_LAMBDA {
    even = __builtin_shufflevector(low, high, (2 * i)...);
    odd = __builtin_shufflevector(low, high, (2 * i + 1)...);
  }
  (std::make_integer_sequence<int, lanes<T>>{});
}

/// The sum of all lanes, in one fixed order: halves are added to each other until one is left.
template <class V> HD_INLINE auto sum_of_halves(V v) {
  constexpr int half = static_cast<int>(sizeof(V) / sizeof(v[0])) / 2;
  if constexpr (half == 1) {
    return v[0] + v[1];
  } else {
    return [&]<int... i>(std::integer_sequence<int, i...>) HD_INLINE_LAMBDA {
      return sum_of_halves(__builtin_shufflevector(v, v, i...) + __builtin_shufflevector(v, v, (i + half)...));
    }
    (std::make_integer_sequence<int, half>{});
  }
}
template <class T> HD_INLINE T sum(Vec<T> v) { return sum_of_halves(v); }

}  // namespace
}  // namespace heddle::kernels
