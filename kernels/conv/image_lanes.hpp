// Small planes of as many images as a vector has lanes, transposed to [y][x][image]: a vector is the same pixel of all of them.
#pragma once

#include "kernels/conv/transpose.hpp"

namespace heddle::kernels {
namespace {

/// Where each pixel of a plane is in one of `pitch` pixels a row, pad_h rows and pad_w columns further in.
inline void list_places(int h, int w, int pad_h, int pad_w, int pitch, int* places) {
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) places[y * w + x] = ((y + pad_h) * pitch + x + pad_w) * width;
}

/// f(first pixel) for vectors of pixels that cover a plane; the last overlaps the one before. Planes hold one at least.
template <class F>
HD_INLINE void each_pixel_vector(int area, F f) {
  for (int p = 0; p < area; p += width) f(p + width <= area ? p : area - width);
}

/// Planes of `images` images, image_stride elements apart, to staged; what lies `ahead` further is fetched into the cache.
inline void stage_images(const float* plane, std::int64_t image_stride, int images, int area, const int* places, float* staged,
                         std::int64_t ahead) {
  each_pixel_vector(
      area, [&](int p) __attribute__((always_inline)) {
        Floats v[width];
        if (images == width)
          unroll<width>([&](auto i) __attribute__((always_inline)) {
            const float* const from = plane + i * image_stride + p;
            __builtin_prefetch(from + ahead);
            v[i] = load(from);
          });
        else
          unroll<width>([&](auto i) __attribute__((always_inline)) {
            v[i] = i < images ? load(plane + i * image_stride + p) : Floats{};
          });
        transpose(v);
        unroll<width>([&](auto j) __attribute__((always_inline)) { store<float>(staged + places[p + j], v[j]); });
      });
}
/// The way back.
inline void unstage_images(const float* staged, const int* places, int area, int images, float* plane,
                           std::int64_t image_stride) {
  each_pixel_vector(
      area, [&](int p) __attribute__((always_inline)) {
        Floats v[width];
        unroll<width>([&](auto j) __attribute__((always_inline)) { v[j] = load(staged + places[p + j]); });
        transpose(v);
        unroll<width>([&](auto i) __attribute__((always_inline)) {
          if (i < images) store<float>(plane + i * image_stride + p, v[i]);
        });
      });
}

}  // namespace
}  // namespace heddle::kernels
