// What the CUDA pooling files share, and 2 x 2 windows with stride 2 on planes that halve and have four columns (bf16: eight)
// or more: a thread takes two windows, four elements of two rows, or four and eight; all accesses are vectors.
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

// 2 x 2 windows: a thread has `windows` neighbours of them, those from windows * i on of all planes' together; `runs` is the
// number of such runs in a row.

/// Windows that a thread takes, so that its rows of x are 16 bytes each (32 of double).
template <class T>
constexpr int pool_windows = sizeof(T) == 2 ? 4 : 2;

/// Offset in x of a thread's first window.
template <int windows>
HD_DEVICE std::uint32_t upper_row(const simt::Divider& runs, std::uint32_t i) {
  const std::uint32_t row = runs.split(i);
  return 2 * windows * (2 * row * runs.divisor + i);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_max_2x2_kernel(std::uint32_t count, simt::Divider runs, const T* HD_RESTRICT x, T* HD_RESTRICT y,
                        std::uint8_t* HD_RESTRICT arg) {
  constexpr int n = pool_windows<T>;
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const T* const from = x + upper_row<n>(runs, i);
  const auto upper = simt::load_wide<2 * n>(from), lower = simt::load_wide<2 * n>(from + 2 * n * runs.divisor);
  simt::Vec<Wide<T>, n> value;
  simt::Vec<std::uint8_t, n> place;
  HD_UNROLL
  for (int j = 0; j < n; ++j) {
    Best<Wide<T>> best;
    best.offer(upper[2 * j], 0);
    best.offer(upper[2 * j + 1], 1);
    best.offer(lower[2 * j], 2);
    best.offer(lower[2 * j + 1], 3);
    value[j] = best.value;
    place[j] = best.place();
  }
  simt::store_narrow(y + n * i, value);
  if (arg) simt::store_vec(arg + n * i, place);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_max_2x2_backward_kernel(std::uint32_t count, simt::Divider runs, const T* HD_RESTRICT dy,
                                 const std::uint8_t* HD_RESTRICT arg, T* HD_RESTRICT dx) {
  constexpr int n = pool_windows<T>;
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const auto g = simt::load_wide<n>(dy + n * i);
  const auto place = simt::load_vec<n>(arg + n * i);
  simt::Vec<Wide<T>, 2 * n> upper, lower;
  HD_UNROLL
  for (int j = 0; j < 2 * n; ++j) {
    upper[j] = place[j / 2] == j % 2 ? g[j / 2] : Wide<T>(0);
    lower[j] = place[j / 2] == j % 2 + 2 ? g[j / 2] : Wide<T>(0);
  }
  T* const to = dx + upper_row<n>(runs, i);
  simt::store_narrow(to, upper);
  simt::store_narrow(to + 2 * n * runs.divisor, lower);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_average_2x2_kernel(std::uint32_t count, simt::Divider runs, const T* HD_RESTRICT x, T* HD_RESTRICT y) {
  constexpr int n = pool_windows<T>;
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const T* const from = x + upper_row<n>(runs, i);
  const auto upper = simt::load_wide<2 * n>(from), lower = simt::load_wide<2 * n>(from + 2 * n * runs.divisor);
  simt::Vec<Wide<T>, n> mean;
  HD_UNROLL
  for (int j = 0; j < n; ++j) mean[j] = ((upper[2 * j] + upper[2 * j + 1]) + (lower[2 * j] + lower[2 * j + 1])) * Wide<T>(0.25);
  simt::store_narrow(y + n * i, mean);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(pool_threads)
    pool_average_2x2_backward_kernel(std::uint32_t count, simt::Divider runs, const T* HD_RESTRICT dy, T* HD_RESTRICT dx) {
  constexpr int n = pool_windows<T>;
  const std::uint32_t i = blockIdx.x * pool_threads + threadIdx.x;
  if (i >= count) return;
  const auto g = simt::load_wide<n>(dy + n * i);
  simt::Vec<Wide<T>, 2 * n> share;
  HD_UNROLL
  for (int j = 0; j < 2 * n; ++j) share[j] = g[j / 2] * Wide<T>(0.25);
  T* const to = dx + upper_row<n>(runs, i);
  simt::store_narrow(to, share);
  simt::store_narrow(to + 2 * n * runs.divisor, share);
}

}  // namespace
}  // namespace heddle::kernels
