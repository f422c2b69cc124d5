// The part of a tensor [n, channels, h, w] that a tile of outputs of a convolution reads, staged in shared memory as
// [channel][image][row][column], with zeros where the convolution is padded.
#pragma once

#include <cstdint>

#include "kernels/simt/runtime.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

/// The shared memory that a block of the present device may have, at most `wish`.
inline std::size_t shared_limit(std::size_t wish) {
  static const std::size_t most = simt::device_properties(0).shared_bytes_per_block;
  return wish < most ? wish : most;
}

/// Division of small numbers (dividend times divisor below 2^32) by one that is known before the launch.
struct Divisor {
  unsigned divisor = 1;
  std::uint64_t inverse = std::uint64_t{1} << 32;

  Divisor() = default;
  explicit Divisor(int d) : divisor(static_cast<unsigned>(d)), inverse(((std::uint64_t{1} << 32) + divisor - 1) / divisor) {}
  HD_DEVICE HD_FORCE_INLINE void divide(int x, int& quotient, int& rest) const {
    quotient = static_cast<int>((static_cast<unsigned>(x) * inverse) >> 32);
    rest = x - quotient * static_cast<int>(divisor);
  }
};

/// One axis of a correlation: output p, tap r reads element p * step - pad + r * dilation of the input after `up` - 1 zeros
/// were put between neighbours. up is 1 but in the gradient of a strided convolution by its input.
struct Axis {
  int in = 1, out = 1, taps = 1, dilation = 1, step = 1, up = 1, pad = 0;

  // A patch leaves out what a single tap steps over.
  constexpr int spacing() const { return taps == 1 ? step : 1; }
  constexpr int patch_step() const { return taps == 1 ? 1 : step; }
  /// Elements of the patch under `count` outputs.
  constexpr int extent(int count) const { return (count - 1) * patch_step() + (taps - 1) * dilation + 1; }
  /// Where element i of the patch under outputs from `first` on lies in the input; negative or >= in: nowhere.
  HD_DEVICE HD_FORCE_INLINE int source(int first, int i) const {
    const int x = first * step - pad + i * (taps == 1 ? step : 1);
    if (up == 1 || x < 0) return x;
    return x % up == 0 ? x / up : -1;
  }
};

/// A tile of images x rows x columns outputs, and its patch.
struct Patch {
  Axis h, w;
  int images = 1, tile_h = 1, tile_w = 1;
  int rows = 1, pitch = 1;  // of one image's patch
  int area = 1, plane = 1;  // elements of a channel; distance of two channels
  int unit = 1, lead = 0;   // columns staged at a time; columns in front of the first that is needed
  Divisor by_pitch, by_rows;

  void set_tile(int n, int out_h, int out_w, int columns) {
    images = n, tile_h = out_h, tile_w = out_w;
    unit = 1, lead = 0;
    rows = h.extent(out_h);
    by_rows = Divisor(rows);
    set_pitch(w.extent(columns));
  }
  void set_pitch(int elements) {
    pitch = elements;
    area = images * rows * pitch;
    by_pitch = Divisor(pitch / unit);
  }
  /// Where pairs of columns of the input can be read at once, the patch begins with one, and consists of such.
  void pair_columns() {
    if (w.spacing() != 1 || w.up != 1 || w.in % 2 != 0 || (tile_w < w.out && tile_w * w.step % 2 != 0)) return;
    unit = 2, lead = w.pad & 1;
    set_pitch((pitch + lead + 1) / 2 * 2);
  }
  /// As laid out, but staged column by column: for an input that is not aligned to pairs.
  void part_columns() {
    unit = 1;
    set_pitch(pitch);
  }
  /// The distance of channels becomes `rest` modulo `modulus`: chosen so that lanes' channels lie in different banks.
  void set_plane(int modulus, int rest) { plane = area + ((rest - area) % modulus + modulus) % modulus; }

  int tiles_h() const { return (h.out + tile_h - 1) / tile_h; }
  int tiles_w() const { return (w.out + tile_w - 1) / tile_w; }
  int tiles_n(int n) const { return (n + images - 1) / images; }
};

/// The place of one tile.
struct TileOrigin {
  int image, row, column;
};

/// Starts the copies of `planes` channels, of which `channels` exist and the rest become zero. `in` is the first channel's
/// plane in image 0, image_stride elements from that of image 1.
template <int threads, class T>
HD_DEVICE HD_FORCE_INLINE void stage_patch(const Patch& p, const TileOrigin& tile, int n, const T* in,
                                           std::int64_t image_stride, int channels, int planes, T* to) {
  const std::int64_t size = std::int64_t{p.h.in} * p.w.in;
  for (int i = static_cast<int>(threadIdx.x); i < p.area; i += threads) {
    int line, column, image, row;
    p.by_pitch.divide(i, line, column);
    p.by_rows.divide(line, image, row);
    const int y = p.h.source(tile.row, row), x = p.w.source(tile.column, column);
    const bool inside = y >= 0 && y < p.h.in && x >= 0 && x < p.w.in && tile.image + image < n;
    const T* from = inside ? in + (tile.image + image) * image_stride + y * p.w.in + x : in;
    T* at = to + i;
    for (int c = 0; c < planes; ++c, at += p.plane) {
      const bool real = inside && c < channels;
      simt::cp_async<sizeof(T)>(at, from, real ? static_cast<int>(sizeof(T)) : 0);
      if (c + 1 < channels && inside) from += size;
    }
  }
}

}  // namespace
}  // namespace heddle::kernels
