// Global average pooling on the GPU, for pool_cuda.cu. x, dx [planes, inner], y, dy [planes]: the mean of a row
// (reduce_cuda.cu; of bf16 a warp's, here); its gradient fills a plane, 16 bytes a thread.
#pragma once

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/pool/pool_2x2_cuda.cuh"

namespace heddle::kernels {
namespace {

constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;  // elements of a launch

// dx[plane, :] = dy[plane] * scale: `runs` of `width` elements a plane, a thread each.
template <int width, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_spread_kernel(std::uint32_t count, simt::Divider runs, Wide<T> scale, const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const Wide<T> share = static_cast<Wide<T>>(dy[runs.quotient(i)]) * scale;
  simt::Vec<Wide<T>, width> v;
  HD_UNROLL
  for (int j = 0; j < width; ++j) v[j] = share;
  simt::store_narrow(dx + std::int64_t{i} * width, v);
}

// y[plane] = mean of x[plane, :]: a warp a plane.
template <int width, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_mean_kernel(std::int64_t planes, std::int64_t inner, const T* HD_RESTRICT x, T* HD_RESTRICT y) {
  const std::int64_t plane = simt::thread_number() / 32;
  if (plane >= planes) return;
  const std::int64_t lane = threadIdx.x % 32;
  Wide<T> sum = 0;
  for (std::int64_t i = lane * width; i < inner; i += 32 * width) {
    const auto v = simt::load_wide<width>(x + plane * inner + i);
    HD_UNROLL
    for (int j = 0; j < width; ++j) sum += v[j];
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(simt::full_warp, sum, offset);
  if (lane == 0) y[plane] = static_cast<T>(sum / static_cast<Wide<T>>(inner));
}

// Calls f(first plane, planes) for parts of no more than `most` elements.
template <class F>
void each_planes(std::int64_t planes, std::int64_t plane_size, F&& f) {
  const std::int64_t step = plane_size < most ? most / (plane_size > 0 ? plane_size : 1) : 1;
  for (std::int64_t plane = 0; plane < planes; plane += step) f(plane, planes - plane < step ? planes - plane : step);
}

template <class T>
void global_average(Stream stream, std::int64_t planes, std::int64_t inner, const T* x, T* y) {
  if constexpr (!std::is_same_v<T, BFloat16>) {
    ReduceKernels<T>::cuda().reduce(stream, Reduce::mean, {planes, inner, 1}, x, y, nullptr);
  } else {
    const auto launch = [&]<int width>(std::integral_constant<int, width>) {
      simt::launch<pool_mean_kernel<width, T>>(simt::blocks_for(planes, pool_threads / 32), pool_threads, 0, stream, planes,
                                               inner, x, y);
    };
    if (inner % simt::vec_width<T> == 0 && simt::is_aligned<simt::vec_width<T>>(x))
      launch(std::integral_constant<int, simt::vec_width<T>>{});
    else
      launch(std::integral_constant<int, 1>{});
  }
}

template <class T>
void global_average_backward(Stream stream, std::int64_t planes, std::int64_t inner, const T* dy, T* dx) {
  constexpr int width = simt::vec_width<T>;
  const bool wide = inner % width == 0 && simt::is_aligned<width>(dx);
  const std::int64_t runs = wide ? inner / width : inner;
  each_planes(planes, runs, [&](std::int64_t first, std::int64_t part) {
    const auto launch = [&]<int w>(std::integral_constant<int, w>) {
      simt::launch<pool_spread_kernel<w, T>>(simt::blocks_for(part * runs, pool_threads), pool_threads, 0, stream,
                                             static_cast<std::uint32_t>(part * runs), simt::Divider(runs),
                                             Wide<T>(1) / static_cast<Wide<T>>(inner), dy + first, dx + first * inner);
    };
    if (wide)
      launch(std::integral_constant<int, width>{});
    else
      launch(std::integral_constant<int, 1>{});
  });
}

}  // namespace
}  // namespace heddle::kernels
