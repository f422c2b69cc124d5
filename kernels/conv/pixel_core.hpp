// Which pixels a 1 x 1 filter connects: a grid of rows x columns pixels of x with a step, and as many of y. Outside of it, y
// reads padding, and x is not read.
#pragma once

#include <cstdint>

#include "kernels/conv/conv.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

struct PixelCore;

/// Where the core lies in a plane of h x w pixels.
struct PixelPlane {
  int h, w;
  int row, column;  // of the first pixel
  int row_step, column_step;

  std::int64_t area() const { return std::int64_t{h} * w; }
  /// Where row r of the core begins.
  std::int64_t at(int r) const { return std::int64_t{row + r * row_step} * w + column; }
  /// Whether rows of the core follow each other without a gap.
  bool dense(const PixelCore& core) const;
};

struct PixelCore {
  int rows, columns;
  PixelPlane x, y;

  explicit PixelCore(const ConvShape& s) {
    const auto axis = [](int in, int out, int stride, int pad, int& count, int& in_first, int& out_first) {
      out_first = (pad + stride - 1) / stride;
      const int last = (in - 1 + pad) / stride < out - 1 ? (in - 1 + pad) / stride : out - 1;
      count = last < out_first ? 0 : last - out_first + 1;
      in_first = out_first * stride - pad;
    };
    x = {s.h, s.w, 0, 0, s.stride_h, s.stride_w};
    y = {s.out_h(), s.out_w(), 0, 0, 1, 1};
    axis(s.h, s.out_h(), s.stride_h, s.pad_h, rows, x.row, y.row);
    axis(s.w, s.out_w(), s.stride_w, s.pad_w, columns, x.column, y.column);
  }
  std::int64_t pixels() const { return std::int64_t{rows} * columns; }
};

inline bool PixelPlane::dense(const PixelCore& core) const {
  return row_step == 1 && column_step == 1 && w == core.columns;
}

/// Rows [begin, end) of a core.
struct PixelBand {
  int begin, end;
};

/// v's even lanes of both: every second of 2 * lanes elements; and v with zeros between its elements.
template <class T>
HD_INLINE Vec<T> even_lanes(Vec<T> a, Vec<T> b) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(a, b, 2 * i...);
  }
  (std::make_integer_sequence<int, lanes<T>>{});
}
template <class T, int half>
HD_INLINE Vec<T> with_gaps(Vec<T> v, Vec<T> gaps) {
  return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(v, gaps, (i % 2 ? lanes<T> : i / 2 + half * lanes<T> / 2)...);
  }
  (std::make_integer_sequence<int, lanes<T>>{});
}

/// `count` elements that follow each other, or every second of 2 * count.
template <class T, int count, int step>
HD_INLINE void take(const T* from, T* to) {
  typedef T From __attribute__((vector_size(step * count * sizeof(T))));
  typedef T To __attribute__((vector_size(count * sizeof(T))));
  From v;
  __builtin_memcpy(&v, from, sizeof v);
  const To taken = [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(v, v, step * i...);
  }
  (std::make_integer_sequence<int, count>{});
  __builtin_memcpy(to, &taken, sizeof taken);
}

/// Every second of 2 * count - 1 elements.
template <class T, int count>
HD_INLINE void take_last(const T* from, T* to) {
  typedef T V __attribute__((vector_size(count * sizeof(T))));
  V a, b;
  __builtin_memcpy(&a, from, sizeof a);
  __builtin_memcpy(&b, from + count - 1, sizeof b);
  const V taken = [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    return __builtin_shufflevector(a, b, (2 * i < count ? 2 * i : 2 * i + 1)...);
  }
  (std::make_integer_sequence<int, count>{});
  __builtin_memcpy(to, &taken, sizeof taken);
}

/// `count` pixels that lie 1 or 2 apart, of a row that has `room` elements from the first one on: by whole vectors, halves and
/// quarters of one.
template <class T, int step>
HD_INLINE void take_row(const T* from, std::int64_t count, std::int64_t room, T* to) {
  constexpr int n = lanes<T>;
  std::int64_t j = 0;
  for (; j + n <= count && step * (j + n) <= room; j += n) {
    if constexpr (step == 1)
      store<T>(to + j, load(from + j));
    else
      store<T>(to + j, even_lanes<T>(load(from + 2 * j), load(from + 2 * j + n)));
  }
  if constexpr (n >= 4)
    for (; j + n / 2 <= count && step * (j + n / 2) <= room; j += n / 2) take<T, n / 2, step>(from + step * j, to + j);
  if constexpr (n >= 8)
    for (; j + n / 4 <= count && step * (j + n / 4) <= room; j += n / 4) take<T, n / 4, step>(from + step * j, to + j);
  if constexpr (n >= 8 && step == 2)
    if (j + n / 4 == count && 2 * count - 1 <= room) return take_last<T, n / 4>(from + 2 * j, to + j);
  for (; j < count; ++j) to[j] = from[step * j];
}

/// The band's pixels of a plane, one after the other.
template <class T>
inline void gather_pixels(const PixelCore& core, const PixelPlane& plane, PixelBand band, const T* from, T* to) {
  if (plane.dense(core)) {
    const std::int64_t count = std::int64_t{band.end - band.begin} * core.columns;
    return take_row<T, 1>(from + plane.at(band.begin), count, count, to);
  }
  for (int r = band.begin; r < band.end; ++r, to += core.columns) {
    const T* const row = from + plane.at(r);
    if (plane.column_step == 1)
      take_row<T, 1>(row, core.columns, core.columns, to);
    else if (plane.column_step == 2)
      take_row<T, 2>(row, core.columns, plane.w - plane.column, to);
    else
      for (int j = 0; j < core.columns; ++j) to[j] = row[j * plane.column_step];
  }
}

/// Fetches a band's pixels into the cache. Always inlined: a call with no effect but this would be left out.
template <class T>
HD_INLINE void fetch_pixels(const PixelCore& core, const PixelPlane& plane, PixelBand band, const T* from) {
  constexpr int line = 64 / static_cast<int>(sizeof(T));
  if (plane.dense(core)) {
    for (std::int64_t i = plane.at(band.begin); i < plane.at(band.end); i += line) __builtin_prefetch(from + i);
    return;
  }
  for (int r = band.begin; r < band.end; ++r)
    for (int i = 0; i < core.columns * plane.column_step; i += line) __builtin_prefetch(from + plane.at(r) + i);
}

/// The way back, for a band of a core that has some outside: what lies between and around the band's pixels is set to `fill`.
template <class T>
inline void spread_pixels(const PixelCore& core, const PixelPlane& plane, PixelBand band, const T* from, T fill, T* to) {
  constexpr int n = lanes<T>;
  const auto set = [&](T * begin, std::int64_t count) __attribute__((always_inline)) {
    std::int64_t i = 0;
    for (; i + n <= count; i += n) store<T>(begin + i, broadcast(fill));
    for (; i < count; ++i) begin[i] = fill;
  };
  std::int64_t done = band.begin == 0 ? 0 : std::int64_t{plane.row + band.begin * plane.row_step} * plane.w;
  for (int r = band.begin; r < band.end; ++r, from += core.columns) {
    const std::int64_t at = plane.at(r);
    set(to + done, at - done);
    int j = 0;
    if (plane.column_step == 1) {
      for (; j + n <= core.columns; j += n) store<T>(to + at + j, load(from + j));
      for (; j < core.columns; ++j) to[at + j] = from[j];
    } else if (plane.column_step == 2) {
      for (; j + n <= core.columns && plane.column + 2 * (j + n) <= plane.w; j += n) {
        const Vec<T> v = load(from + j);
        store<T>(to + at + 2 * j, with_gaps<T, 0>(v, broadcast(fill)));
        store<T>(to + at + 2 * j + n, with_gaps<T, 1>(v, broadcast(fill)));
      }
      for (; j < core.columns; ++j) {
        to[at + 2 * j] = from[j];
        if (plane.column + 2 * j + 1 < plane.w) to[at + 2 * j + 1] = fill;
      }
    } else {
      set(to + at, plane.w - plane.column);
      for (; j < core.columns; ++j) to[at + std::int64_t{j} * plane.column_step] = from[j];
    }
    // A gap behind the last pixel has been filled where the row has room for one.
    const int next = plane.column + core.columns * plane.column_step;
    done = at - plane.column + (plane.column_step > 2 || next > plane.w ? plane.w : next);
  }
  const std::int64_t end = band.end == core.rows ? plane.area() : std::int64_t{plane.row + band.end * plane.row_step} * plane.w;
  set(to + done, end - done);
}

}  // namespace
}  // namespace heddle::kernels
