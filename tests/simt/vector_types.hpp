// CUDA's built-in vector types, with its names, sizes and alignments.
#pragma once

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define HD_VECTOR_TYPES(T, name, a2, a4)                                                          \
  struct alignas(a2) name##2 { T x, y; };                                                         \
  struct name##3 { T x, y, z; };                                                                  \
  struct alignas(a4) name##4 { T x, y, z, w; };                                                   \
  constexpr name##2 make_##name##2(T x, T y) { return {x, y}; }                                   \
  constexpr name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                           \
  constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

HD_VECTOR_TYPES(unsigned char, uchar, 2, 4)
HD_VECTOR_TYPES(int, int, 8, 16)
HD_VECTOR_TYPES(unsigned, uint, 8, 16)
HD_VECTOR_TYPES(float, float, 8, 16)
HD_VECTOR_TYPES(double, double, 16, 16)
#undef HD_VECTOR_TYPES
