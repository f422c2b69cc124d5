// Groups of Winograd tiles: from rows of pixels to transformed tiles, and back.
//
// The tiles of all images are one sequence, row of tiles by row of tiles, and `width` of them are a group: one a lane. Of one
// channel, a group's pixels are up to 6 rows of 4 * width columns, loaded as runs that lie within a row of the image. Columns
// are transformed first, on pixels as they lie in memory; then transpose_parts sorts each row's pixels by their column in
// the tile (which leaves tile t in lane 4 * (t % (width / 4)) + t / (width / 4)), the columns of neighbouring tiles come by a
// shuffle, and rows are transformed. The way back is the same backwards. Memory sees pixels and points alone.
#pragma once

#include "kernels/conv/winograd_grid.hpp"
#include "kernels/conv/winograd_transform.hpp"

namespace heddle::kernels {
namespace {

/// Every tile's left (or right) neighbour in the group; the first (last) tile's lane means nothing.
template <bool right>
HD_INLINE Floats neighbour(Floats v) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    constexpr auto from = [](int lane) {
      constexpr int parts = width / 4;
      const int tile = (lane % 4 * parts + lane / 4 + (right ? 1 : width - 1)) % width;
      return tile % parts * 4 + tile / parts;
    };
    return __builtin_shufflevector(v, v, from(i)...);
  }
  (std::make_integer_sequence<int, width>{});
}
HD_INLINE Floats masked(Floats v, const int* mask) {
  Ints::type m;
  __builtin_memcpy(&m, mask, sizeof m);
  return (Floats)((Ints::type)v & m);
}

template <int count>
struct RunOf {
  typedef float type __attribute__((vector_size(count * sizeof(float))));
};
template <int count>
HD_INLINE typename RunOf<2 * count>::type join(typename RunOf<count>::type a, typename RunOf<count>::type b) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(a, b, i...);
  }
  (std::make_integer_sequence<int, 2 * count>{});
}
/// Vector of the runs of `run` pixels at from(0), from(1), ...
template <int run, class F>
HD_INLINE Floats load_runs(F from) {
  const auto get = [&](int i) __attribute__((always_inline)) {
    typename RunOf<run>::type v;
    __builtin_memcpy(&v, from(i), sizeof v);
    return v;
  };
  if constexpr (width == run)
    return get(0);
  else if constexpr (width == 2 * run)
    return join<run>(get(0), get(1));
  else
    return join<2 * run>(join<run>(get(0), get(1)), join<run>(get(2), get(3)));
}

/// Lanes [from, from + run) to memory.
template <int from, int run>
HD_INLINE void store_run(float* to, Floats v) {
  const typename RunOf<run>::type part = [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(v, v, from + i...);
  }
  (std::make_integer_sequence<int, run>{});
  __builtin_memcpy(to, &part, sizeof part);
}

alignas(64) constexpr float zeros[width] = {};

/// Copies a few pixels: by fours, of which the last overlap.
HD_INLINE void copy_pixels(const float* from, float* to, int count) {
  if (count < 4) {
    for (int i = 0; i < count; ++i) to[i] = from[i];
    return;
  }
  for (int i = 0; i + 4 < count; i += 4) __builtin_memcpy(to + i, from + i, 4 * sizeof(float));
  __builtin_memcpy(to + count - 4, from + count - 4, 4 * sizeof(float));
}

/// A group's pixels where the grid is not plain: lines [in][4 * width] of its tiles' middle columns, and what lies left and
/// right of tiles whose neighbour there is not in the group: left, right [in][width], in the order of lanes.
template <int in>
void gather_lines(const TileBlock<in>& block, const float* plane, int group, float* lines, float* left, float* right) {
  const TileGrid& grid = block.grid();
  const int run = grid.run(), runs = 4 * width / run;
  __builtin_memset(left, 0, sizeof(float) * in * width);
  __builtin_memset(right, 0, sizeof(float) * in * width);
  for (int piece = 0; piece < runs; ++piece) {
    const int index = group * runs + piece, column = block.column(index);
    const int from = column < 0 ? -column : 0, to = grid.w - column < run ? grid.w - column : run;
    for (int i = 0; i < in; ++i) {
      const std::int64_t start = block.starts(index)[i];
      float* const line = lines + i * 4 * width + piece * run;
      if (start == block.nowhere || from > 0 || to < run)
        for (int x = 0; x < run; x += 4) __builtin_memset(line + x, 0, 4 * sizeof(float));
      if (start != block.nowhere) copy_pixels(plane + start + from, line + from, to - from);
    }
    if (in == 4) continue;
    for (int x = 0; x < run; x += 4) {
      const int lane = lane_of((piece * run + x) / 4);
      const auto edge = [&](float* values, int at) {
        if (column + at < 0 || column + at >= grid.w) return;
        for (int i = 0; i < in; ++i) {
          const std::int64_t start = block.starts(index)[i];
          if (start != block.nowhere) values[i * width + lane] = plane[start + at];
        }
      };
      if (!block.has_left(group)[lane]) edge(left, x - 1);
      if (!block.has_right(group)[lane]) edge(right, x + 4);
    }
  }
}
/// The way back: lines [4][4 * width] to a group's pixels.
inline void scatter_lines(const TileBlock<4>& block, const float* lines, float* plane, int group) {
  const int run = block.grid().run(), runs = 4 * width / run;
  for (int piece = 0; piece < runs; ++piece) {
    const int index = group * runs + piece, space = block.grid().w - block.column(index);
    for (int i = 0; i < 4; ++i) {
      const std::int64_t start = block.starts(index)[i];
      if (start == block.nowhere) continue;
      const float* const line = lines + i * 4 * width + piece * run;
      copy_pixels(line, plane + start, space < run ? space : run);
    }
  }
}

/// A group's points from the channel whose plane in the first image is `plane`; the vector of point i goes to
/// out[i * point_stride]. in == 6: inputs, B^T d B; in == 4: gradients of outputs, A y A^T, and `sum` [width] has the sums
/// of pixels added to it. `run` is the grid's if that is plain, otherwise 0. What lies `ahead` bytes further is fetched into
/// the cache.
template <int in, int run>
__attribute__((noinline)) void transform_group(const TileBlock<in>& block, const float* plane, int group, float* out,
                                               std::int64_t point_stride, [[maybe_unused]] float* sum, std::int64_t ahead) {
  const auto transform = [](const auto& d, auto& r) __attribute__((always_inline)) {
    if constexpr (in == 6)
      transform_input(d, r);
    else
      transform_gradient(d, r);
  };
  [[maybe_unused]] alignas(64) float lines[run ? 1 : in][4 * width], left[run ? 1 : in][width], right[run ? 1 : in][width];
  if constexpr (run == 0) gather_lines(block, plane, group, lines[0], left[0], right[0]);
  Floats rows[6][4];
  [[maybe_unused]] Floats total{};
  unroll<4>([&](auto v) __attribute__((always_inline)) {
    Floats d[in], r[6];
    unroll<in>([&](auto i) __attribute__((always_inline)) {
      if constexpr (run == 0) {
        d[i] = load(lines[i] + v * width);
      } else {
        constexpr int runs = width / run;
        d[i] = load_runs<run>([&](int piece) __attribute__((always_inline)) {
          const std::int64_t start = block.starts((group * 4 + v) * runs + piece)[i];
          const float* const from = start == block.nowhere ? zeros : plane + start;
          // Of six rows of pixels, the middle four belong to no other tile's.
          if (in == 4 || (i >= 1 && i <= 4)) __builtin_prefetch(reinterpret_cast<const char*>(from) + ahead);
          return from;
        });
      }
      if constexpr (in == 4) total += d[i];
    });
    transform(d, r);
    unroll<6>([&](auto i) __attribute__((always_inline)) { rows[i][v] = r[i]; });
  });
  if constexpr (in == 4) store<float>(sum, load(sum) + total);

  [[maybe_unused]] Floats beyond_left[6], beyond_right[6];
  if constexpr (in == 6 && run == 0) {
    Floats d[6], e[6];
    unroll<6>([&](auto i) __attribute__((always_inline)) { d[i] = load(left[i]), e[i] = load(right[i]); });
    transform(d, beyond_left);
    transform(e, beyond_right);
  }
  unroll<6>([&](auto i) __attribute__((always_inline)) {
    Floats r[6];
    transpose_parts(rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
    if constexpr (in == 6) {
      Floats d[6] = {
          masked(neighbour<false>(rows[i][3]), block.has_left(group)), rows[i][0], rows[i][1], rows[i][2], rows[i][3],
          masked(neighbour<true>(rows[i][0]), block.has_right(group))};
      if constexpr (run == 0) d[0] += beyond_left[i], d[5] += beyond_right[i];
      transform(d, r);
    } else {
      transform(rows[i], r);
    }
    unroll<6>([&](auto j) __attribute__((always_inline)) { store<float>(out + (6 * i + j) * point_stride, r[j]); });
  });
}

/// The way back for outputs: vectors of points m[i * point_stride] to the group's pixels of the channel, each passed through
/// `end`. What lies `ahead` bytes further is fetched for writing.
template <int run, class End>
__attribute__((noinline)) void finish_group(const TileBlock<4>& block, const float* m, std::int64_t point_stride, End end,
                                            float* plane, int group, std::int64_t ahead) {
  [[maybe_unused]] alignas(64) float lines[run ? 1 : 4][4 * width];
  Floats half[4][6];
  output_columns(m, point_stride, half);
  unroll<4>([&](auto i) __attribute__((always_inline)) {
    Floats r[4];
    transform_output(half[i], r);
    transpose_parts(r[0], r[1], r[2], r[3]);
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      const Floats pixels = end(r[v]);
      if constexpr (run == 0) {
        store<float>(lines[i] + v * width, pixels);
      } else {
        constexpr int runs = width / run;
        unroll<runs>([&](auto piece) __attribute__((always_inline)) {
          const std::int64_t start = block.starts((group * 4 + v) * runs + piece)[i];
          if (start == block.nowhere) return;
          __builtin_prefetch(reinterpret_cast<char*>(plane + start) + ahead, 1);
          store_run<piece * run, run>(plane + start, pixels);
        });
      }
    });
  });
  if constexpr (run == 0) scatter_lines(block, lines[0], plane, group);
}

/// f(integral_constant<run>) for two grids of the same tiles: their run if both are plain, otherwise 0.
template <class F>
HD_INLINE void with_run(const TileGrid& a, const TileGrid& b, F f) {
  const int run = a.plain() && b.plain() ? a.run() : 0;
  if (run == width) return f(std::integral_constant<int, width>{});
  if constexpr (width > 4) {
    if (run == width / 2) return f(std::integral_constant<int, width / 2>{});
  }
  if constexpr (width > 8) {
    if (run == width / 4) return f(std::integral_constant<int, width / 4>{});
  }
  f(std::integral_constant<int, 0>{});
}

}  // namespace
}  // namespace heddle::kernels
