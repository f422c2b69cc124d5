// Where Winograd's tiles are: groups of `width` tiles in blocks of rows of tiles, and the runs of pixels that they read.
#pragma once

#include <limits>

#include "kernels/conv/transpose.hpp"

namespace heddle::kernels {
namespace {

/// Tiles of one side of the convolution: planes of h x w pixels. A tile's rows begin at 4 * row - pad_h, its middle four
/// columns at 4 * column + shift_w.
struct TileGrid {
  int h, w, pad_h, shift_w;
  int rows, columns;  // tiles of an image

  std::int64_t area() const { return std::int64_t{h} * w; }
  /// Whether rows are whole tiles, groups are whole rows, and what lies left and right of those is zero.
  bool plain() const { return w == 4 * columns && shift_w == 0 && width % columns == 0; }
  /// Rows of tiles in a block of about `tiles` tiles, or about `share` if that is fewer: whole pairs of groups if possible.
  std::int64_t block_rows(std::int64_t tiles, std::int64_t share) const {
    if (tiles > share) tiles = share;
    if (tiles < 2 * width) tiles = 2 * width;
    for (int unit : {2 * width, width}) {
      std::int64_t step = 1;
      while (step * columns % unit) ++step;
      if (step * columns <= tiles) return tiles / (step * columns) * step;
    }
    return tiles < columns ? 1 : tiles / columns;
  }
  /// Pixels of a run.
  int run() const {
    int size = width;
    while (4 * columns % size) size /= 2;
    return size;
  }
};

struct Ints {
  typedef int type __attribute__((vector_size(vector_bytes)));
};
HD_INLINE int lane_of(int tile) {
  return tile % (width / 4) * 4 + tile / (width / 4);
}

/// What the groups of rows of tiles [begin, end) have in common for all channels: where their runs are. `in` rows of pixels
/// belong to a row of tiles.
template <int in>
class TileBlock {
 public:
  static constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::min();

  static std::int64_t bytes(std::int64_t groups) { return groups * (width * (in * 8 + 4) + 2 * vector_bytes); }
  /// memory: bytes(groups), aligned to 64.
  TileBlock(const TileGrid& grid, int channels, std::int64_t begin, std::int64_t end, int groups, void* memory)
      : grid_(grid),
        masks_(static_cast<int*>(memory)),
        starts_(reinterpret_cast<std::int64_t*>(masks_ + groups * 2 * width)),
        columns_(reinterpret_cast<int*>(starts_ + groups * width * in)) {
    const int tiles = groups * width, step = grid.run() / 4;
    list_starts(channels, begin, end, tiles / step, step);
    if (in == 4) return;  // outputs have no neighbours
    // Plain grids' groups are whole rows of tiles, and so all alike.
    const int different = grid.plain() ? width : tiles;
    for (int t = 0, at = 0; t < different; ++t, at = at + 1 == grid.columns ? 0 : at + 1) {
      int* const mask = masks_ + t / width * 2 * width + lane_of(t % width);
      mask[0] = t % width == 0 || at == 0 ? 0 : -1;
      mask[width] = t % width == width - 1 || at == grid.columns - 1 ? 0 : -1;
    }
    for (int t = different; t < tiles; t += width) __builtin_memcpy(masks_ + 2 * t, masks_, 2 * vector_bytes);
  }

  const TileGrid& grid() const { return grid_; }
  /// Of a group's tiles in each lane: all bits set where the tile left (right) of it is the one before (after) it. Only of six
  /// rows of pixels.
  const int* has_left(int group) const { return masks_ + group * 2 * width; }
  const int* has_right(int group) const { return has_left(group) + width; }
  /// Run `i` of all: of each row of pixels, how many elements after the channel's first plane it begins (or nowhere); and
  /// in which column of the image.
  const std::int64_t* starts(int i) const { return starts_ + i * in; }
  int column(int i) const { return columns_[i]; }

 private:
  // Rows of tiles from `begin` on, `runs` runs of `step` tiles; those from `end` on are nowhere.
  void list_starts(int channels, std::int64_t begin, std::int64_t end, int runs, int step) {
    std::int64_t image = begin / grid_.rows;
    int row_in_image = static_cast<int>(begin % grid_.rows), i = 0;
    for (std::int64_t row = begin; i < runs; ++row) {
      std::int64_t first[in];
      for (int j = 0; j < in; ++j) {
        const int y = 4 * row_in_image - grid_.pad_h + j;
        const bool inside = row < end && y >= 0 && y < grid_.h;
        first[j] = inside ? image * channels * grid_.area() + std::int64_t{y} * grid_.w : nowhere;
      }
      for (int column = 0; column < grid_.columns && i < runs; column += step, ++i) {
        columns_[i] = 4 * column + grid_.shift_w;
        for (int j = 0; j < in; ++j) starts_[i * in + j] = first[j] == nowhere ? nowhere : first[j] + columns_[i];
      }
      if (++row_in_image == grid_.rows) row_in_image = 0, ++image;
    }
  }

  const TileGrid& grid_;
  int* masks_;
  std::int64_t* starts_;
  int* columns_;
};

}  // namespace
}  // namespace heddle::kernels
