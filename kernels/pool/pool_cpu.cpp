// Pooling on the CPU. x [planes, h, w], y and arg [planes, out_h, out_w].
//
// Any window: an output row is built up tap by tap, in the order of the window, so that the inner loop runs along the row
// without conditions; a part of 256 columns at a time stays in the first cache. Gradients are spread the same way: one
// plane belongs to one thread, and its windows and taps come in one order, so the bits do not depend on the threads.
// 2 x 2 windows with stride 2 take even and odd columns apart in registers: 1.5 (max, with arg: 1.56) floats of memory traffic an input
// element forward, 1.3 backward, and about one operation: bound by memory.
#include <algorithm>
#include <limits>

#include "heddle/base/parallel.hpp"
#include "kernels/pool/pool.hpp"
#include "kernels/pool/pool_2x2.hpp"

namespace heddle::kernels {
namespace {

constexpr int part_size = 256;  // columns of an output row that are done together

// Calls f(first plane, last plane) from several threads, for pieces of about 64 KiB.
template <class T> HD_INLINE void each_planes(std::int64_t planes, std::int64_t plane_size, auto&& f) {
  parallel_for(planes, std::max<std::int64_t>(1, 65536 / static_cast<std::int64_t>(sizeof(T)) / std::max<std::int64_t>(plane_size, 1)), f);
}

// One tap (r, s) of the windows of output row p, columns q0 .. q1: where it lies in x.
struct Tap {
  int row;             // of x; negative where the tap lies outside
  int q_begin, q_end;  // output columns whose tap lies inside
  int offset;          // column of x is q * stride_w + offset
};
Tap tap(const PoolShape& s, int p, int r, int t, int q0, int q1) {
  const int row = p * s.stride_h - s.pad_h + r * s.dilation_h, offset = t * s.dilation_w - s.pad_w;
  if (row < 0 || row >= s.h) return {-1, 0, 0, 0};
  const int begin = offset >= 0 ? 0 : (-offset + s.stride_w - 1) / s.stride_w;
  const int end = offset >= s.w ? 0 : (s.w - 1 - offset) / s.stride_w + 1;
  return {row, std::max(q0, begin), std::min(q1, end), offset};
}

// Calls f(p, q0, q1) for all output rows in parts, and f(p, q0, q1, r * kw + t, tap) for the taps of one part.
HD_INLINE void each_part(const PoolShape& s, auto&& f) {
  for (int p = 0; p < s.out_h; ++p)
    for (int q = 0; q < s.out_w; q += part_size) f(p, q, std::min(q + part_size, s.out_w));
}
HD_INLINE void each_tap(const PoolShape& s, int p, int q0, int q1, auto&& f) {
  for (int r = 0; r < s.kh; ++r)
    for (int t = 0; t < s.kw; ++t)
      if (const Tap at = tap(s, p, r, t, q0, q1); at.row >= 0) f(r * s.kw + t, at);
}

template <class T> void max_plane(const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  each_part(s, [&](int p, int q0, int q1) {
    T best[part_size];
    std::int32_t place[part_size];
    std::fill_n(best, q1 - q0, -std::numeric_limits<T>::infinity());
    std::fill_n(place, q1 - q0, -1);
    each_tap(s, p, q0, q1, [&](int index, const Tap& at) {
      const T* row = x + std::int64_t{at.row} * s.w + at.offset;
      for (int q = at.q_begin; q < at.q_end; ++q) {
        const T v = row[std::int64_t{q} * s.stride_w], m = best[q - q0];
        const bool wins = (!(v <= m) && m == m) || place[q - q0] < 0;  // a first NaN too
        best[q - q0] = wins ? v : m;
        place[q - q0] = wins ? index : place[q - q0];
      }
    });
    const std::int64_t out = std::int64_t{p} * s.out_w;
    std::copy_n(best, q1 - q0, y + out + q0);
    if (arg)
      for (int q = q0; q < q1; ++q) arg[out + q] = static_cast<std::uint8_t>(std::max(place[q - q0], 0));
  });
}

template <class T> void max_backward_plane(const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  std::fill_n(dx, std::int64_t{s.h} * s.w, T(0));
  each_part(s, [&](int p, int q0, int q1) {
    const T* dy_row = dy + std::int64_t{p} * s.out_w;
    const std::uint8_t* arg_row = arg + std::int64_t{p} * s.out_w;
    each_tap(s, p, q0, q1, [&](int index, const Tap& at) {
      T* row = dx + std::int64_t{at.row} * s.w + at.offset;
      for (int q = at.q_begin; q < at.q_end; ++q) row[std::int64_t{q} * s.stride_w] += arg_row[q] == index ? dy_row[q] : T(0);
    });
  });
}

// What the sums of windows (row p, columns q0 .. q1) are divided by, inverted.
template <class T> void inverse_counts(const PoolShape& s, int p, int q0, int q1, T* inverse) {
  const int rows = counted_rows(s, p);
  for (int q = q0; q < q1; ++q) inverse[q - q0] = T(1) / std::max(1, rows * counted_columns(s, q));
}

template <class T> void average_plane(const PoolShape& s, const T* x, T* y) {
  each_part(s, [&](int p, int q0, int q1) {
    T total[part_size] = {}, inverse[part_size];
    inverse_counts(s, p, q0, q1, inverse);
    each_tap(s, p, q0, q1, [&](int, const Tap& at) {
      const T* row = x + std::int64_t{at.row} * s.w + at.offset;
      for (int q = at.q_begin; q < at.q_end; ++q) total[q - q0] += row[std::int64_t{q} * s.stride_w];
    });
    for (int q = q0; q < q1; ++q) y[std::int64_t{p} * s.out_w + q] = total[q - q0] * inverse[q - q0];
  });
}

template <class T> void average_backward_plane(const PoolShape& s, const T* dy, T* dx) {
  std::fill_n(dx, std::int64_t{s.h} * s.w, T(0));
  each_part(s, [&](int p, int q0, int q1) {
    T share[part_size];
    inverse_counts(s, p, q0, q1, share);
    for (int q = q0; q < q1; ++q) share[q - q0] *= dy[std::int64_t{p} * s.out_w + q];
    each_tap(s, p, q0, q1, [&](int, const Tap& at) {
      T* row = dx + std::int64_t{at.row} * s.w + at.offset;
      for (int q = at.q_begin; q < at.q_end; ++q) row[std::int64_t{q} * s.stride_w] += share[q - q0];
    });
  });
}

template <class T> void max(Stream, const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{s.out_h} * s.out_w;
  const bool small = halves<T>(s);
  each_planes<T>(s.planes, in, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      (small ? max_2x2<T> : max_plane<T>)(s, x + i * in, y + i * out, arg ? arg + i * out : nullptr);
  });
}

template <class T> void max_backward(Stream, const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{s.out_h} * s.out_w;
  const bool small = halves<T>(s);
  each_planes<T>(s.planes, in, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      (small ? max_2x2_backward<T> : max_backward_plane<T>)(s, dy + i * out, arg + i * out, dx + i * in);
  });
}

template <class T> void global_average(Stream, std::int64_t planes, std::int64_t inner, const T* x, T* y) {
  each_planes<T>(planes, inner, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* plane = x + i * inner;
      double total = 0;
      for (std::int64_t from = 0; from < inner; from += 4096) {  // short sums in lanes, long ones in double
        Vec<T> sums[4] = {};
        each_vector<T, 4>(static_cast<int>(std::min<std::int64_t>(4096, inner - from)), [&](int at, auto part, auto u) HD_INLINE_LAMBDA {
          sums[u] += load_part(plane + from + at, part);
        });
        total += sum<T>((sums[0] + sums[1]) + (sums[2] + sums[3]));
      }
      y[i] = static_cast<T>(total / static_cast<double>(inner));
    }
  });
}

template <class T> void global_average_backward(Stream, std::int64_t planes, std::int64_t inner, const T* dy, T* dx) {
  const T scale = T(1) / static_cast<T>(inner);
  each_planes<T>(planes, inner, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) std::fill_n(dx + i * inner, inner, dy[i] * scale);
  });
}

template <class T> void average(Stream stream, const PoolShape& s, const T* x, T* y) {
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{s.out_h} * s.out_w;
  if (is_whole_plane(s)) return global_average(stream, s.planes, in, x, y);
  const bool small = halves<T>(s);
  each_planes<T>(s.planes, in, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) (small ? average_2x2<T> : average_plane<T>)(s, x + i * in, y + i * out);
  });
}

template <class T> void average_backward(Stream stream, const PoolShape& s, const T* dy, T* dx) {
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{s.out_h} * s.out_w;
  if (is_whole_plane(s)) return global_average_backward(stream, s.planes, in, dy, dx);
  const bool small = halves<T>(s);
  each_planes<T>(s.planes, in, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) (small ? average_2x2_backward<T> : average_backward_plane<T>)(s, dy + i * out, dx + i * in);
  });
}

template <class T>
constexpr PoolKernels<T> table{max<T>,     max_backward<T>,   average<T>,
                               average_backward<T>, global_average<T>, global_average_backward<T>};

}  // namespace

template <> const PoolKernels<float>& CpuTable<this_isa, PoolKernels<float>>::get(Variant) { return table<float>; }
template <> const PoolKernels<double>& CpuTable<this_isa, PoolKernels<double>>::get(Variant) { return table<double>; }

}  // namespace heddle::kernels
