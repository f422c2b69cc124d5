// Pooling on the GPU. x, dx [planes, h, w]; y, dy and arg [planes, out_h, out_w].
//
// Any window: forward, a thread gathers the taps of one output; backward, a thread gathers into one element of dx the windows
// that cover it, from the first to the last, so that nothing is added by two threads and the order is fixed. Neighbouring
// threads have neighbouring columns, and what windows share comes from the first cache.
// 2 x 2 windows with stride 2 on planes that halve, four columns or more: a thread takes two windows, four elements of two
// rows (bf16: four windows, rows of eight), all accesses vectors.
// Global average: pool_global_cuda.cuh.
// naive: a thread an output; backward a thread a plane, which scatters window by window.
// Bytes: one read of the input, one write of the output (max: and one byte of arg an output). Operations: one a tap.
#include "kernels/pool/pool_2x2_cuda.cuh"
#include "kernels/pool/pool_global_cuda.cuh"
#include "kernels/pool/pool_windows.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = pool_threads;

// The shape, the elements (or windows) of a launch, and how to take one's number apart.
struct Windows {
  PoolShape s;
  std::uint32_t count = 0;
  simt::Divider rows, columns;  // of a plane of the side that threads go over
  simt::Divider stride_h, stride_w;

  Windows(const PoolShape& shape, std::int64_t planes, int h, int w)
      : s(shape),
        count(static_cast<std::uint32_t>(planes * h * w)),
        rows(h),
        columns(w),
        stride_h(shape.stride_h),
        stride_w(shape.stride_w) {}
};
struct Place {
  int plane, row, column;
};
HD_DEVICE Place place_of(const Windows& g, std::uint32_t i) {
  std::uint32_t row = g.columns.split(i);
  const std::uint32_t plane = g.rows.split(row);
  return {static_cast<int>(plane), static_cast<int>(row), static_cast<int>(i)};
}

// Calls f(tap, offset in the plane) for the taps of a window that lie inside, in order.
template <class F>
HD_DEVICE void each_tap(const PoolShape& s, int p, int q, F&& f) {
  for (int r = 0; r < s.kh; ++r) {
    const int row = p * s.stride_h - s.pad_h + r * s.dilation_h;
    if (row < 0 || row >= s.h) continue;
    for (int t = 0; t < s.kw; ++t) {
      const int column = q * s.stride_w - s.pad_w + t * s.dilation_w;
      if (column >= 0 && column < s.w) f(r * s.kw + t, row * s.w + column);
    }
  }
}

// Windows along one axis that may cover `at`, counted from the padding's edge: first to last.
struct Range {
  int first, last;
};
HD_DEVICE Range covering(int at, int k, int dilation, const simt::Divider& stride, int out) {
  const int reach = at - (k - 1) * dilation, step = static_cast<int>(stride.divisor);
  const int last = static_cast<int>(stride.quotient(static_cast<std::uint32_t>(at)));
  return {reach <= 0 ? 0 : static_cast<int>(stride.quotient(static_cast<std::uint32_t>(reach + step - 1))),
          last < out ? last : out - 1};
}

// Calls f(p, q, tap) for the windows that cover an element of x, in order.
template <class F>
HD_DEVICE void each_window(const Windows& g, int row, int column, F&& f) {
  const PoolShape& s = g.s;
  const Range rows = covering(row + s.pad_h, s.kh, s.dilation_h, g.stride_h, s.out_h);
  const Range columns = covering(column + s.pad_w, s.kw, s.dilation_w, g.stride_w, s.out_w);
  for (int p = rows.first; p <= rows.last; ++p) {
    const int r = row + s.pad_h - p * s.stride_h;
    if (s.dilation_h > 1 && r % s.dilation_h != 0) continue;
    for (int q = columns.first; q <= columns.last; ++q) {
      const int t = column + s.pad_w - q * s.stride_w;
      if (s.dilation_w > 1 && t % s.dilation_w != 0) continue;
      f(p, q, r / s.dilation_h * s.kw + t / s.dilation_w);
    }
  }
}

template <class T>
HD_DEVICE Wide<T> inverse_count(const PoolShape& s, int p, int q) {
  const int count = counted_rows(s, p) * counted_columns(s, q);
  return Wide<T>(1) / static_cast<Wide<T>>(count > 1 ? count : 1);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    pool_max_kernel(Windows g, const T* HD_RESTRICT x, T* HD_RESTRICT y, std::uint8_t* HD_RESTRICT arg) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= g.count) return;
  const auto [plane, p, q] = place_of(g, i);
  const T* const from = x + plane * g.s.h * g.s.w;
  Best<Wide<T>> best;
  each_tap(g.s, p, q, [&](int tap, int at) { best.offer(static_cast<Wide<T>>(from[at]), tap); });
  y[i] = static_cast<T>(best.value);
  if (arg) arg[i] = best.place();
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    pool_max_backward_kernel(Windows g, const T* HD_RESTRICT dy, const std::uint8_t* HD_RESTRICT arg, T* HD_RESTRICT dx) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= g.count) return;
  const auto [plane, row, column] = place_of(g, i);
  const int base = plane * g.s.out_h * g.s.out_w;
  Wide<T> total = 0;
  each_window(g, row, column, [&](int p, int q, int tap) {
    const int at = base + p * g.s.out_w + q;
    if (arg[at] == tap) total += static_cast<Wide<T>>(dy[at]);
  });
  dx[i] = static_cast<T>(total);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) pool_average_kernel(Windows g, const T* HD_RESTRICT x, T* HD_RESTRICT y) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= g.count) return;
  const auto [plane, p, q] = place_of(g, i);
  const T* const from = x + plane * g.s.h * g.s.w;
  Wide<T> total = 0;
  each_tap(g.s, p, q, [&](int, int at) { total += static_cast<Wide<T>>(from[at]); });
  y[i] = static_cast<T>(total * inverse_count<T>(g.s, p, q));
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) pool_average_backward_kernel(Windows g, const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= g.count) return;
  const auto [plane, row, column] = place_of(g, i);
  const int base = plane * g.s.out_h * g.s.out_w;
  Wide<T> total = 0;
  each_window(g, row, column, [&](int p, int q, int) {
    total += static_cast<Wide<T>>(dy[base + p * g.s.out_w + q]) * inverse_count<T>(g.s, p, q);
  });
  dx[i] = static_cast<T>(total);
}

// Launches, in parts of whole planes that 32 bits can count

std::int64_t in_size(const PoolShape& s) {
  return std::int64_t{s.h} * s.w;
}
std::int64_t out_size(const PoolShape& s) {
  return std::int64_t{s.out_h} * s.out_w;
}
std::int64_t plane_size(const PoolShape& s) {
  return in_size(s) > out_size(s) ? in_size(s) : out_size(s);
}

// Whether the 2 x 2 kernels serve the shape and these arrays, large ones of x's size and small ones of y's.
template <class T>
bool in_runs(const PoolShape& s, const T* large, const T* small, const std::uint8_t* arg) {
  constexpr int n = pool_windows<T>;
  return halves_planes(s) && s.w % (2 * n) == 0 && simt::is_aligned<2 * n>(large) && simt::is_aligned<n>(small) &&
         simt::is_aligned<n>(arg);
}

// kernel(arrays...) over all windows in runs, or over all of `h` x `w` places of every plane.
template <auto kernel, class T, class... Arrays>
void launch_runs(Stream stream, const PoolShape& s, std::int64_t planes, const T* from, Arrays... arrays) {
  const int runs = s.out_w / pool_windows<T>;
  const std::int64_t count = planes * s.out_h * runs;
  simt::launch<kernel>(simt::blocks_for(count, threads), threads, 0, stream, static_cast<std::uint32_t>(count),
                       simt::Divider(runs), from, arrays...);
}
template <auto kernel, class... Arrays>
void launch_places(Stream stream, const PoolShape& s, std::int64_t planes, int h, int w, Arrays... arrays) {
  const Windows g(s, planes, h, w);
  simt::launch<kernel>(simt::blocks_for(g.count, threads), threads, 0, stream, g, arrays...);
}

template <class T>
void max(Stream stream, const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  const bool runs = in_runs(s, x, y, arg);
  each_planes(s.planes, plane_size(s), [&](std::int64_t first, std::int64_t planes) {
    const T* const from = x + first * in_size(s);
    T* const to = y + first * out_size(s);
    std::uint8_t* const place = arg ? arg + first * out_size(s) : nullptr;
    if (runs)
      launch_runs<pool_max_2x2_kernel<T>>(stream, s, planes, from, to, place);
    else
      launch_places<pool_max_kernel<T>>(stream, s, planes, s.out_h, s.out_w, from, to, place);
  });
}

template <class T>
void max_backward(Stream stream, const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  const bool runs = in_runs(s, dx, dy, arg);
  each_planes(s.planes, plane_size(s), [&](std::int64_t first, std::int64_t planes) {
    const T* const from = dy + first * out_size(s);
    T* const to = dx + first * in_size(s);
    if (runs)
      launch_runs<pool_max_2x2_backward_kernel<T>>(stream, s, planes, from, arg + first * out_size(s), to);
    else
      launch_places<pool_max_backward_kernel<T>>(stream, s, planes, s.h, s.w, from, arg + first * out_size(s), to);
  });
}

template <class T>
void average(Stream stream, const PoolShape& s, const T* x, T* y) {
  if (is_whole_plane(s)) return global_average(stream, s.planes, in_size(s), x, y);
  const bool runs = in_runs(s, x, y, nullptr);
  each_planes(s.planes, plane_size(s), [&](std::int64_t first, std::int64_t planes) {
    const T* const from = x + first * in_size(s);
    T* const to = y + first * out_size(s);
    if (runs)
      launch_runs<pool_average_2x2_kernel<T>>(stream, s, planes, from, to);
    else
      launch_places<pool_average_kernel<T>>(stream, s, planes, s.out_h, s.out_w, from, to);
  });
}

template <class T>
void average_backward(Stream stream, const PoolShape& s, const T* dy, T* dx) {
  if (is_whole_plane(s)) return global_average_backward(stream, s.planes, in_size(s), dy, dx);
  const bool runs = in_runs(s, dx, dy, nullptr);
  each_planes(s.planes, plane_size(s), [&](std::int64_t first, std::int64_t planes) {
    const T* const from = dy + first * out_size(s);
    T* const to = dx + first * in_size(s);
    if (runs)
      launch_runs<pool_average_2x2_backward_kernel<T>>(stream, s, planes, from, to);
    else
      launch_places<pool_average_backward_kernel<T>>(stream, s, planes, s.h, s.w, from, to);
  });
}

template <class T>
constexpr PoolKernels<T> table{
    max<T>, max_backward<T>, average<T>, average_backward<T>, global_average<T>, global_average_backward<T>};

}  // namespace

template <>
const PoolKernels<float>& pool_cuda_fast<float>() {
  return table<float>;
}
template <>
const PoolKernels<double>& pool_cuda_fast<double>() {
  return table<double>;
}
template <>
const PoolKernels<BFloat16>& PoolKernels<BFloat16>::cuda(Variant) {
  return table<BFloat16>;
}

}  // namespace heddle::kernels
