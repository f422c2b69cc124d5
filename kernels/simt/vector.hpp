// Several neighbouring elements in one memory access: four floats or eight bf16 are one 16-byte load.
#pragma once

#include <cstdint>

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

/// Whether N elements can be accessed at once at p.
template <int N, class T> HD_HOST_DEVICE inline bool is_aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % (sizeof(T) * N) == 0;
}

}  // namespace heddle::simt
