// Vectors of the instruction set that this kernel file is being compiled for, by GCC's and Clang's vector extensions:
// plain operators, a > b gives a mask of integers, mask ? a : b selects. Only for *_cpu.cpp files; everything is in an
// unnamed namespace so that the compilations for different instruction sets share no symbol.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A lambda that is part of the loop around it.
#define HD_INLINE_LAMBDA __attribute__((always_inline))

namespace heddle::kernels {
namespace {

template <class T> struct Simd {
  static constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));
  typedef T Vector __attribute__((vector_size(vector_bytes)));
  typedef T Unaligned __attribute__((vector_size(vector_bytes), aligned(1), may_alias));
};

/// A full vector of T; lanes_of<T> of them.
template <class T> using Vec = typename Simd<T>::Vector;
template <class T> inline constexpr int lanes_of = Simd<T>::lanes;

template <class T> HD_INLINE Vec<T> load(const T* p) { return *reinterpret_cast<const typename Simd<T>::Unaligned*>(p); }
template <class T> HD_INLINE void store(T* p, Vec<T> v) { *reinterpret_cast<typename Simd<T>::Unaligned*>(p) = v; }
template <class T> HD_INLINE Vec<T> splat(T value) { return Vec<T>{} + value; }

/// 0, 1, 2, ... in the lanes.
template <class T> HD_INLINE Vec<T> iota() {
  Vec<T> v{};
  for (int i = 0; i < lanes_of<T>; ++i) v[i] = static_cast<T>(i);
  return v;
}

/// The first `count` lanes (fewer than all) from p, the others zero; nothing beyond p[count - 1] is touched.
template <class T> HD_INLINE Vec<T> load_part(const T* p, int count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && std::is_floating_point_v<T>) return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
  if constexpr (sizeof(T) == 8 && std::is_floating_point_v<T>) return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
#endif
  Vec<T> v{};
  for (int i = 0; i < lanes_of<T>; ++i)
    if (i < count) v[i] = p[i];
  return v;
}
template <class T> HD_INLINE void store_part(T* p, Vec<T> v, int count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && std::is_floating_point_v<T>) return _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
  if constexpr (sizeof(T) == 8 && std::is_floating_point_v<T>) return _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), v);
#endif
  for (int i = 0; i < lanes_of<T>; ++i)
    if (i < count) p[i] = v[i];
}

/// A whole vector, where a number of lanes is asked for.
struct AllLanes {};
template <class T> HD_INLINE Vec<T> load_part(const T* p, AllLanes) { return load(p); }
template <class T> HD_INLINE void store_part(T* p, Vec<T> v, AllLanes) { store(p, v); }
template <class T> HD_INLINE Vec<T> keep_part(Vec<T> v, AllLanes) { return v; }
/// The first `count` lanes of v, the others zero.
template <class T> HD_INLINE Vec<T> keep_part(Vec<T> v, int count) {
  return iota<T>() < splat(static_cast<T>(count)) ? v : Vec<T>{};
}

template <int unroll> HD_INLINE void unrolled(auto&& f) {
  [&]<int... u>(std::integer_sequence<int, u...>) HD_INLINE_LAMBDA { (f(std::integral_constant<int, u>{}), ...); }
  (std::make_integer_sequence<int, unroll>{});
}

/// Calls f(i, part, u) for the vectors at i = 0, lanes, ... that cover `count` elements: part is AllLanes, or for the last
/// one the number of lanes that are left. u in [0, unroll) is a compile-time number that goes round, for sums of several
/// accumulators.
template <class T, int unroll = 1> HD_INLINE void each_vector(int count, auto&& f) {
  constexpr int lanes = lanes_of<T>;
  int i = 0;
  for (; i + unroll * lanes <= count; i += unroll * lanes)
    unrolled<unroll>([&](auto u) HD_INLINE_LAMBDA { f(i + u * lanes, AllLanes{}, u); });
  if constexpr (unroll > 1)
    for (; i + lanes <= count; i += lanes) f(i, AllLanes{}, std::integral_constant<int, 0>{});
  if (i < count) f(i, count - i, std::integral_constant<int, 0>{});
}

/// The larger of two, lane by lane; a NaN in `v` stays.
template <class V> HD_INLINE V at_least(V v, V low) { return v < low ? low : v; }
template <class V> HD_INLINE V at_most(V v, V high) { return v > high ? high : v; }

/// a0 b0 a1 b1 ... in two vectors.
template <class T> HD_INLINE void interleave(Vec<T> a, Vec<T> b, Vec<T>& low, Vec<T>& high) {
  [&]<int... i>(std::integer_sequence<int, i...>) HD_INLINE_LAMBDA {
    low = __builtin_shufflevector(a, b, (i % 2 * lanes_of<T> + i / 2)...);
    high = __builtin_shufflevector(a, b, (i % 2 * lanes_of<T> + (i + lanes_of<T>) / 2)...);
  }
  (std::make_integer_sequence<int, lanes_of<T>>{});
}
/// Lanes 0, 2, 4, ... of the two vectors low, high, and lanes 1, 3, 5, ...
template <class T> HD_INLINE void deinterleave(Vec<T> low, Vec<T> high, Vec<T>& even, Vec<T>& odd) {
  [&]<int... i>(std::integer_sequence<int, i...>) HD_INLINE_LAMBDA {
    even = __builtin_shufflevector(low, high, (2 * i)...);
    odd = __builtin_shufflevector(low, high, (2 * i + 1)...);
  }
  (std::make_integer_sequence<int, lanes_of<T>>{});
}

/// The sum of all lanes, in one fixed order: halves are added to each other until one is left.
template <class T> HD_INLINE T sum(Vec<T> v) {
  T a[lanes_of<T>];
  store(a, v);
  for (int width = lanes_of<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a[i] += a[i + width];
  return a[0];
}

}  // namespace
}  // namespace heddle::kernels
