// Several neighbouring elements in one memory access: four floats or eight bf16 are one 16-byte load. What is stored as bf16
// is calculated with in float: load_wide and store_narrow convert on the way, and are plain accesses for every other type.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/precision.hpp"
#include "kernels/simt/bf16.hpp"
#include "kernels/simt/qualifiers.hpp"

namespace heddle::simt {

template <class T, int N> struct alignas(sizeof(T) * N) Vec {
  T v[N];
  HD_HOST_DEVICE T& operator[](int i) { return v[i]; }
  HD_HOST_DEVICE const T& operator[](int i) const { return v[i]; }
};

/// Elements of T in 16 bytes.
template <class T> inline constexpr int vec_width = 16 / static_cast<int>(sizeof(T));

/// p must be aligned to N elements.
template <int N, class T> HD_HOST_DEVICE inline Vec<T, N> load_vec(const T* p) { return *reinterpret_cast<const Vec<T, N>*>(p); }
template <int N, class T> HD_HOST_DEVICE inline void store_vec(T* p, const Vec<T, N>& x) { *reinterpret_cast<Vec<T, N>*>(p) = x; }

/// Elements as what they are calculated with.
template <class T, int N>
HD_HOST_DEVICE inline Vec<kernels::Wide<T>, N> widen(const Vec<T, N>& v) {
  if constexpr (!std::is_same_v<T, bf16>) {
    return v;
  } else if constexpr (N == 1) {
    return {static_cast<float>(v[0])};
  } else {
    using Pairs = Vec<std::uint32_t, N / 2>;
    const auto pairs = __builtin_bit_cast(Pairs, v);
    Vec<float, N> x;
    HD_UNROLL for (int i = 0; i < N / 2; ++i) x[2 * i] = low_bf16(pairs[i]), x[2 * i + 1] = high_bf16(pairs[i]);
    return x;
  }
}

/// The way back, rounded to nearest where T is narrower.
template <class T, int N>
HD_HOST_DEVICE inline Vec<T, N> narrow(const Vec<kernels::Wide<T>, N>& x) {
  if constexpr (!std::is_same_v<T, bf16>) {
    return x;
  } else if constexpr (N == 1) {
    return {bf16(x[0])};
  } else {
    Vec<std::uint32_t, N / 2> pairs;
    HD_UNROLL for (int i = 0; i < N / 2; ++i) pairs[i] = pack_bf16(x[2 * i], x[2 * i + 1]);
    using Narrow = Vec<T, N>;
    return __builtin_bit_cast(Narrow, pairs);
  }
}

/// Both ways with the access; p as for load_vec.
template <int N, class T>
HD_HOST_DEVICE inline Vec<kernels::Wide<T>, N> load_wide(const T* p) {
  return widen(load_vec<N>(p));
}
template <int N, class T>
HD_HOST_DEVICE inline void store_narrow(T* p, const Vec<kernels::Wide<T>, N>& x) {
  store_vec(p, narrow<T, N>(x));
}

/// Whether N elements can be accessed at once at p.
template <int N, class T> HD_HOST_DEVICE inline bool is_aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % (sizeof(T) * N) == 0;
}

}  // namespace heddle::simt
