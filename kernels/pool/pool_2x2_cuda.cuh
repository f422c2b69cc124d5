// What the CUDA pooling files share, and 2 x 2 windows with stride 2 on planes that halve and have four columns or more: a
// thread takes two windows, four elements of two rows, all accesses vectors.
#pragma once

#include <limits>

#include "kernels/pool/pool.hpp"
#include "kernels/simt/divide.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {

/// The fast kernels, in pool_cuda.cu.
template <class T>
const PoolKernels<T>& pool_cuda_fast();

namespace {

constexpr int pool_threads = 256;

// The largest so far, the first of equals, or the first NaN.
template <class T>
struct Best {
  T value = -std::numeric_limits<T>::infinity();
  int tap = -1;
  HD_DEVICE void offer(T v, int at) {
    if (tap >= 0 && (v <= value || value != value)) return;
    value = v;
    tap = at;
  }
  HD_DEVICE std::uint8_t place() const { return static_cast<std::uint8_t>(tap < 0 ? 0 : tap); }
};

// 2 x 2 windows: thread i has windows 2 i and 2 i + 1 of all planes' together; `pairs` is their number in a row.

HD_DEVICE std::uint32_t upper_row(const simt::Divider& pairs, std::uint32_t i) {  // offset in x of the first window
  const std::uint32_t row = pairs.split(i);
  return row * (8 * pairs.divisor) + 4 * i;
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_max_2x2_kernel(std::uint32_t count, simt::Divider pairs, const T* HD_RESTRICT x, T* HD_RESTRICT y,
                        std::uint8_t* HD_RESTRICT arg) {
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const T* const from = x + upper_row(pairs, i);
  const auto upper = simt::load_vec<4>(from), lower = simt::load_vec<4>(from + 4 * pairs.divisor);
  simt::Vec<T, 2> value;
  simt::Vec<std::uint8_t, 2> place;
  HD_UNROLL
  for (int j = 0; j < 2; ++j) {
    Best<T> best;
    best.offer(upper[2 * j], 0);
    best.offer(upper[2 * j + 1], 1);
    best.offer(lower[2 * j], 2);
    best.offer(lower[2 * j + 1], 3);
    value[j] = best.value;
    place[j] = best.place();
  }
  simt::store_vec(y + 2 * i, value);
  if (arg) simt::store_vec(arg + 2 * i, place);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_max_2x2_backward_kernel(std::uint32_t count, simt::Divider pairs, const T* HD_RESTRICT dy,
                                 const std::uint8_t* HD_RESTRICT arg, T* HD_RESTRICT dx) {
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const auto g = simt::load_vec<2>(dy + 2 * i);
  const auto place = simt::load_vec<2>(arg + 2 * i);
  simt::Vec<T, 4> upper, lower;
  HD_UNROLL
  for (int j = 0; j < 4; ++j) {
    upper[j] = place[j / 2] == j % 2 ? g[j / 2] : T(0);
    lower[j] = place[j / 2] == j % 2 + 2 ? g[j / 2] : T(0);
  }
  T* const to = dx + upper_row(pairs, i);
  simt::store_vec(to, upper);
  simt::store_vec(to + 4 * pairs.divisor, lower);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_average_2x2_kernel(std::uint32_t count, simt::Divider pairs, const T* HD_RESTRICT x, T* HD_RESTRICT y) {
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const T* const from = x + upper_row(pairs, i);
  const auto upper = simt::load_vec<4>(from), lower = simt::load_vec<4>(from + 4 * pairs.divisor);
  simt::Vec<T, 2> mean;
  HD_UNROLL
  for (int j = 0; j < 2; ++j) mean[j] = ((upper[2 * j] + upper[2 * j + 1]) + (lower[2 * j] + lower[2 * j + 1])) * T(0.25);
  simt::store_vec(y + 2 * i, mean);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_average_2x2_backward_kernel(std::uint32_t count, simt::Divider pairs, const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const auto g = simt::load_vec<2>(dy + 2 * i);
  simt::Vec<T, 4> share;
  HD_UNROLL
  for (int j = 0; j < 4; ++j) share[j] = g[j / 2] * T(0.25);
  T* const to = dx + upper_row(pairs, i);
  simt::store_vec(to, share);
  simt::store_vec(to + 4 * pairs.divisor, share);
}

}  // namespace
}  // namespace heddle::kernels
