// Pooling on the GPU from its definition: what the fast kernels are compared with. A thread an output; backward a thread a
// plane, which scatters one window after the other.
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/pool/pool_2x2_cuda.cuh"
#include "kernels/pool/pool_windows.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 64;

// Calls f(tap, offset in x) for the elements inside x of window `out` of all planes.
template <class F>
HD_DEVICE void each_element(const PoolShape& s, std::int64_t out, F&& f) {
  const std::int64_t q = out % s.out_w, p = out / s.out_w % s.out_h, plane = out / s.out_w / s.out_h;
  for (int r = 0; r < s.kh; ++r)
    for (int t = 0; t < s.kw; ++t) {
      const std::int64_t row = p * s.stride_h - s.pad_h + r * s.dilation_h,
                         column = q * s.stride_w - s.pad_w + t * s.dilation_w;
      if (row >= 0 && row < s.h && column >= 0 && column < s.w) f(r * s.kw + t, (plane * s.h + row) * s.w + column);
    }
}
template <class T>
HD_DEVICE T divisor(const PoolShape& s, std::int64_t out) {
  const int rows = counted_rows(s, static_cast<int>(out / s.out_w % s.out_h));
  return static_cast<T>(rows * counted_columns(s, static_cast<int>(out % s.out_w)));
}
HD_HOST_DEVICE std::int64_t in_size(const PoolShape& s) {
  return std::int64_t{s.h} * s.w;
}
HD_HOST_DEVICE std::int64_t out_size(const PoolShape& s) {
  return std::int64_t{s.out_h} * s.out_w;
}

template <class T>
HD_KERNEL void pool_max_naive_kernel(PoolShape s, const T* x, T* y, std::uint8_t* arg) {
  const std::int64_t out = simt::thread_number();
  if (out >= s.planes * out_size(s)) return;
  Best<T> best;
  each_element(s, out, [&](int tap, std::int64_t in) { best.offer(x[in], tap); });
  y[out] = best.value;
  if (arg) arg[out] = best.place();
}

template <class T>
HD_KERNEL void pool_max_backward_naive_kernel(PoolShape s, const T* dy, const std::uint8_t* arg, T* dx) {
  const std::int64_t plane = simt::thread_number();
  if (plane >= s.planes) return;
  for (std::int64_t i = 0; i < in_size(s); ++i) dx[plane * in_size(s) + i] = 0;
  for (std::int64_t out = plane * out_size(s); out < (plane + 1) * out_size(s); ++out)
    each_element(s, out, [&](int tap, std::int64_t in) { dx[in] += arg[out] == tap ? dy[out] : T(0); });
}

template <class T>
HD_KERNEL void pool_average_naive_kernel(PoolShape s, const T* x, T* y) {
  const std::int64_t out = simt::thread_number();
  if (out >= s.planes * out_size(s)) return;
  T total = 0;
  each_element(s, out, [&](int, std::int64_t in) { total += x[in]; });
  y[out] = total / divisor<T>(s, out);
}

template <class T>
HD_KERNEL void pool_average_backward_naive_kernel(PoolShape s, const T* dy, T* dx) {
  const std::int64_t plane = simt::thread_number();
  if (plane >= s.planes) return;
  for (std::int64_t i = 0; i < in_size(s); ++i) dx[plane * in_size(s) + i] = 0;
  for (std::int64_t out = plane * out_size(s); out < (plane + 1) * out_size(s); ++out)
    each_element(s, out, [&](int, std::int64_t in) { dx[in] += dy[out] / divisor<T>(s, out); });
}

template <class T>
HD_KERNEL void pool_spread_naive_kernel(std::int64_t count, std::int64_t inner, const T* dy, T* dx) {
  const std::int64_t i = simt::thread_number();
  if (i < count) dx[i] = dy[i / inner] / static_cast<T>(inner);
}

template <auto kernel, class... Arguments>
void launch(Stream stream, std::int64_t count, Arguments... arguments) {
  simt::launch<kernel>(simt::blocks_for(count, threads), threads, 0, stream, arguments...);
}
template <class T>
void max(Stream stream, const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  launch<pool_max_naive_kernel<T>>(stream, s.planes * out_size(s), s, x, y, arg);
}
template <class T>
void max_backward(Stream stream, const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  launch<pool_max_backward_naive_kernel<T>>(stream, s.planes, s, dy, arg, dx);
}
template <class T>
void average(Stream stream, const PoolShape& s, const T* x, T* y) {
  launch<pool_average_naive_kernel<T>>(stream, s.planes * out_size(s), s, x, y);
}
template <class T>
void average_backward(Stream stream, const PoolShape& s, const T* dy, T* dx) {
  launch<pool_average_backward_naive_kernel<T>>(stream, s.planes, s, dy, dx);
}
template <class T>
void global_average(Stream stream, std::int64_t planes, std::int64_t inner, const T* x, T* y) {
  ReduceKernels<T>::cuda(Variant::naive).reduce(stream, Reduce::mean, {planes, inner, 1}, x, y, nullptr);
}
template <class T>
void global_average_backward(Stream stream, std::int64_t planes, std::int64_t inner, const T* dy, T* dx) {
  launch<pool_spread_naive_kernel<T>>(stream, planes * inner, planes * inner, inner, dy, dx);
}

template <class T>
constexpr PoolKernels<T> table{
    max<T>, max_backward<T>, average<T>, average_backward<T>, global_average<T>, global_average_backward<T>};

}  // namespace

template <>
const PoolKernels<float>& PoolKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? table<float> : pool_cuda_fast<float>();
}
template <>
const PoolKernels<double>& PoolKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? table<double> : pool_cuda_fast<double>();
}

}  // namespace heddle::kernels
