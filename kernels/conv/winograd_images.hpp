// Winograd's tiles of small images: a vector holds the same element of the same tile of `width` images.
//
// Planes of `width` images are transposed once, to staged [y][x][image], with zeros around them. A tile's elements are then
// vectors wherever they lie: no size, padding or dilation d is special, and no shuffles follow. A dilated convolution is d * d
// plain ones, of every d-th row and column; each has tiles of its own (a phase's), whose elements lie d apart.
// Width 7 fills two tiles as well as one and three quarters can; 9 x 9 with dilation 2 makes four whole tiles.
#pragma once

#include "kernels/conv/image_lanes.hpp"
#include "kernels/conv/winograd_transform.hpp"

namespace heddle::kernels {
namespace {

/// One side of the convolution: planes of h x w pixels, and the tiles that cover them. Row i of tile row t of phase a is row
/// (4 * t + i) * dilation_h + a - pad_h of the plane.
struct ImageTiles {
  int h, w, pad_h, pad_w, dilation_h, dilation_w;
  int rows, columns;  // tiles of a phase
  int reach;          // rows that tiles overlap: 2, or 0 for outputs

  int area() const { return h * w; }
  int tiles() const { return rows * columns * dilation_h * dilation_w; }
  int staged_h() const { return dilation_h * (4 * rows + reach); }
  int staged_w() const { return dilation_w * (4 * columns + reach); }
  std::int64_t staged_size() const { return std::int64_t{staged_h()} * staged_w() * width; }
  std::int64_t row_step() const { return std::int64_t{dilation_h} * staged_w() * width; }
  std::int64_t column_step() const { return std::int64_t{dilation_w} * width; }
  /// Where a tile begins in staged.
  std::int64_t start(int tile) const {
    const int phase = tile / (rows * columns), row = tile / columns % rows, column = tile % columns;
    const int y = 4 * row * dilation_h + phase / dilation_w, x = 4 * column * dilation_w + phase % dilation_w;
    return (std::int64_t{y} * staged_w() + x) * width;
  }
  /// Where each pixel of the plane is in staged.
  void list_pixels(int* places) const { list_places(h, w, pad_h, pad_w, staged_w(), places); }
};

/// A tile's points: the vector of point i goes to out[i * point_stride]. in == 6: inputs; in == 4: gradients of outputs, and
/// `sum` [width] has the sums of pixels added to it.
template <int in>
__attribute__((noinline)) void transform_tile(const float* tile, std::int64_t row_step, std::int64_t column_step, float* out,
                                              std::int64_t point_stride, [[maybe_unused]] float* sum) {
  const auto transform = [](const auto& d, auto& r) __attribute__((always_inline)) {
    if constexpr (in == 6)
      transform_input(d, r);
    else
      transform_gradient(d, r);
  };
  Floats half[6][in];
  [[maybe_unused]] Floats total{};
  unroll<in>([&](auto j) __attribute__((always_inline)) {
    Floats d[in], r[6];
    unroll<in>([&](auto i) __attribute__((always_inline)) {
      d[i] = load(tile + i * row_step + j * column_step);
      if constexpr (in == 4) total += d[i];
    });
    transform(d, r);
    unroll<6>([&](auto i) __attribute__((always_inline)) { half[i][j] = r[i]; });
  });
  if constexpr (in == 4) store<float>(sum, load(sum) + total);
  unroll<6>([&](auto i) __attribute__((always_inline)) {
    Floats r[6];
    transform(half[i], r);
    unroll<6>([&](auto j) __attribute__((always_inline)) { store<float>(out + (6 * i + j) * point_stride, r[j]); });
  });
}

/// The way back for outputs: vectors of points m[i * point_stride] to a tile of staged, plus bias.
__attribute__((noinline)) inline void finish_tile(const float* m, std::int64_t point_stride, float bias, float* tile,
                                                  std::int64_t row_step, std::int64_t column_step) {
  Floats half[4][6];
  output_columns(m, point_stride, half);
  unroll<4>([&](auto i) __attribute__((always_inline)) {
    Floats r[4];
    transform_output(half[i], r);
    unroll<4>([&](auto j) __attribute__((always_inline)) { store<float>(tile + i * row_step + j * column_step, r[j] + bias); });
  });
}

/// The sides of a pass over images of shape s: x's tiles and y's, or for the gradient of x dy's and dx's.
struct ImagePass {
  ImageTiles in, out;

  ImagePass(const ConvShape& s, ConvPass pass) {
    const bool back = pass == ConvPass::grad_input;
    const int dh = s.dilation_h, dw = s.dilation_w, out_h = back ? s.h : s.out_h(), out_w = back ? s.w : s.out_w();
    // Of each phase the first has most rows.
    const int rows = ((out_h + dh - 1) / dh + 3) / 4, columns = ((out_w + dw - 1) / dw + 3) / 4;
    in = back ? ImageTiles{s.out_h(), s.out_w(), 2 * dh - s.pad_h, 2 * dw - s.pad_w, dh, dw, rows, columns, 2}
              : ImageTiles{s.h, s.w, s.pad_h, s.pad_w, dh, dw, rows, columns, 2};
    out = {out_h, out_w, 0, 0, dh, dw, rows, columns, 0};
  }
};

/// Whether a 3 x 3 convolution's images are small enough: a vector of pixels at least, and planes that are staged in the
/// first-level cache. Points of `channels` channels of a vector of images may take somewhat more than the second-level one.
inline bool fits_images(const ConvShape& s, ConvPass pass, int channels) {
  if (s.kh != 3 || s.kw != 3 || s.stride_h != 1 || s.stride_w != 1 || s.groups != 1) return false;
  if (s.pad_h > 2 * s.dilation_h || s.pad_w > 2 * s.dilation_w) return false;
  const ImagePass p(s, pass);
  constexpr std::int64_t budget = 3 << 20, tile = points * width * sizeof(float);
  return p.in.area() >= width && p.out.area() >= width && p.in.area() <= 400 && p.out.area() <= 400 &&
         p.in.tiles() * tile * channels <= budget;
}

}  // namespace
}  // namespace heddle::kernels
