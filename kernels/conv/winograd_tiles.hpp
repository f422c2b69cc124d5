// Rows of Winograd tiles: from planes of channels to transformed tiles, and back.
//
// Tiles of all images are one sequence of rows of tiles. For one vector of channels and one row of tiles, the pixels that it
// reads are transposed to [row][column][width] in a ring of six rows with zeros around the image, so that neighbouring rows
// of tiles share what they have in common; everything after that is the same for every size and padding.
#pragma once

#include "kernels/conv/winograd_transform.hpp"

namespace heddle::kernels {
namespace {

/// Tiles of one side of the convolution: planes of h x w pixels, read from (row * 4 - pad, column * 4 - pad).
struct TileGrid {
  int h, w, pad_h, pad_w;
  int rows, columns;  // tiles of an image

  std::int64_t area() const { return std::int64_t{h} * w; }
  /// Columns of a staged row: those of all tiles of `in` columns, and at least those of the image.
  std::int64_t staged_columns() const { return larger_of(4 * columns + 2, w + pad_w); }
  /// Scratch elements that transform_rows needs: seven rows of pixels and six of points.
  std::int64_t scratch() const { return 13 * staged_columns() * width; }

 private:
  static std::int64_t larger_of(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
};

/// Transforms rows of tiles [begin, end) of channels [c0, c0 + width) of planes [image][channels][h][w] to `out`
/// [point][tile][width]: as inputs (in == 6: B^T d B) or as gradients of outputs (in == 4: A y A^T; then `sum`, if not
/// null, [width], receives the sum of all pixels added to it).
template <int in>
void transform_rows(const TileGrid& grid, const float* planes, int channels, int c0, std::int64_t begin, std::int64_t end,
                    float* scratch, float* out, std::int64_t point_stride, float* sum = nullptr) {
  const std::int64_t row_size = grid.staged_columns() * width;
  float* const ring = scratch;  // six rows, then one of zeros, then six of points
  float* const zero_row = scratch + 6 * row_size;
  float* const columns = scratch + 7 * row_size;
  const int valid = channels - c0 < width ? channels - c0 : width;
  __builtin_memset(scratch, 0, sizeof(float) * 7 * row_size);
  Floats total = sum ? load(sum) : Floats{};
  std::int64_t staged_image = -1;
  int staged = 0;  // rows of the image that are in the ring, or have been
  for (std::int64_t row = begin; row < end; ++row, out += grid.columns * width) {
    const std::int64_t image = row / grid.rows;
    const int top = static_cast<int>(row % grid.rows) * 4 - grid.pad_h;
    const int from = top < 0 ? 0 : top, to = top + in < grid.h ? top + in : grid.h;
    if (image != staged_image) staged_image = image, staged = 0;
    if (staged < from) staged = from;
    if (staged < to) {
      const float* plane = planes + (image * channels + c0) * grid.area();
      int y = staged, x = 0;
      float* at = ring + (y + grid.pad_h) % 6 * row_size + grid.pad_w * width;
      gather_pixels(
          plane, grid.area(), valid, std::int64_t{staged} * grid.w,
          std::int64_t{to} * grid.w, [&](std::int64_t, Floats v) __attribute__((always_inline)) {
            store<float>(at, v);
            if constexpr (in == 4) total += v;
            at += width;
            if (++x == grid.w) {
              x = 0, ++y;
              at = ring + (y + grid.pad_h) % 6 * row_size + grid.pad_w * width;
            }
          });
      staged = to;
    }
    const float* rows[in];
    for (int i = 0; i < in; ++i)
      rows[i] = top + i < 0 || top + i >= grid.h ? zero_row : ring + (top + i + grid.pad_h) % 6 * row_size;
    if constexpr (in == 6)
      transform_tiles<6>(
          [](const auto& d, auto& r) __attribute__((always_inline)) { transform_input(d, r); }, rows, grid.columns, row_size,
          columns, out, point_stride);
    else
      transform_tiles<4>(
          [](const auto& d, auto& r) __attribute__((always_inline)) { transform_gradient(d, r); }, rows, grid.columns, row_size,
          columns, out, point_stride);
  }
  if (sum) store<float>(sum, total);
}

/// The way back for outputs: sums m [point][tile][width] of rows of tiles [begin, end) to channels [k0, k0 + width) of planes
/// [image][channels][h][w], plus bias [channels] if not null.
inline void finish_rows(const TileGrid& grid, const float* m, std::int64_t point_stride, const float* bias, int channels,
                        int k0, std::int64_t begin, std::int64_t end, float* scratch, float* planes) {
  const std::int64_t row_size = std::int64_t{grid.columns} * 4 * width;
  const int valid = channels - k0 < width ? channels - k0 : width;
  Floats b{};
  if (bias) {
    alignas(64) float copy[width] = {};
    for (int k = 0; k < valid; ++k) copy[k] = bias[k0 + k];
    b = load(copy);
  }
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t image = row / grid.rows;
    const int top = static_cast<int>(row % grid.rows) * 4, bottom = top + 4 < grid.h ? top + 4 : grid.h;
    for (int t = 0; t < grid.columns; ++t, m += width) finish_tile(m, point_stride, b, scratch + t * 4 * width, row_size);
    float* plane = planes + (image * channels + k0) * grid.area();
    if (grid.w == 4 * grid.columns)
      scatter_pixels(
          plane, grid.area(), valid, std::int64_t{top} * grid.w,
          std::int64_t{bottom} * grid.w, [&](std::int64_t pixel) __attribute__((always_inline)) {
            return load(scratch + (pixel - std::int64_t{top} * grid.w) * width);
          });
    else
      scatter_pixels(
          plane, grid.area(), valid, std::int64_t{top} * grid.w,
          std::int64_t{bottom} * grid.w, [&](std::int64_t pixel) __attribute__((always_inline)) {
            const int y = static_cast<int>(pixel) / grid.w - top, x = static_cast<int>(pixel) % grid.w;
            return load(scratch + y * row_size + x * width);
          });
  }
}

}  // namespace
}  // namespace heddle::kernels
