// Depthwise convolution's gradient by the weights and the bias, on the GPU.
//
// x [n, c, h, w], dy [n, k, out_h, out_w], dweight [k, 1, kh, kw]. A block adds up nine taps, and dbias, of one output
// channel over one split of the images: each thread its own outputs, then the lanes of a warp by shuffles, then the warps,
// in order; sum_partials_cuda.cuh adds up the splits. x and dy are read once for each nine taps, four at a time where the
// shape is one of plain_3x3 (x three times more from the first cache): 20 FLOPs for 8 bytes, or 4 where both are bf16.
#pragma once

#include <algorithm>

#include "kernels/depthwise/depthwise.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 128;
constexpr int block_taps = 9;

bool plain_3x3(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1 &&
         s.pad_h == 1 && s.pad_w == 1 && s.w % 4 == 0;
}

// Row y of a plane [h, w] from column 4 * quad - 1 to 4 * quad + 4, zero outside.
template <class T>
HD_DEVICE HD_FORCE_INLINE void load_row(const T* plane, int y, int h, int w, int quad, float (&row)[6]) {
  HD_UNROLL
  for (int e = 0; e < 6; ++e) row[e] = 0;
  if (y < 0 || y >= h) return;
  const T* const at = plane + y * w + quad * 4;
  const auto middle = simt::load_wide<4>(at);
  HD_UNROLL
  for (int e = 0; e < 4; ++e) row[e + 1] = middle[e];
  if (quad > 0) row[0] = static_cast<float>(at[-1]);
  if (quad * 4 + 4 < w) row[5] = static_cast<float>(at[4]);
}

struct DepthwiseWeight {
  ConvShape shape = {};
  int splits = 1, images = 1, tap_blocks = 1;  // images of a split
};

DepthwiseWeight plan_weight(const ConvShape& s) {
  DepthwiseWeight plan{.shape = s, .tap_blocks = (s.kh * s.kw + block_taps - 1) / block_taps};
  const int wanted = std::max(1, 528 / (s.k * plan.tap_blocks));  // four blocks for a multiprocessor of a large GPU
  plan.images = (s.n + wanted - 1) / wanted;
  plan.splits = (s.n + plan.images - 1) / plan.images;
  return plan;
}

// Adds up the block's sums, which thread 0 then has.
template <class T, int count>
HD_DEVICE HD_FORCE_INLINE void add_up(T (&sum)[count]) {
  HD_SHARED(T, of_warps, [threads / 32][count]);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  HD_UNROLL
  for (int t = 0; t < count; ++t) {
    HD_UNROLL
    for (int offset = 16; offset > 0; offset /= 2) sum[t] += __shfl_down_sync(simt::full_warp, sum[t], offset);
    if (threadIdx.x % 32 == 0) of_warps[warp][t] = sum[t];
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  HD_UNROLL
  for (int w = 1; w < threads / 32; ++w)
    for (int t = 0; t < count; ++t) sum[t] += of_warps[w][t];
}

// Blocks: [split][k][tap_block]. partials [splits][k taps + k]. rows: the shape is one of plain_3x3.
template <class T, bool rows>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) depthwise_weight_kernel(DepthwiseWeight plan, const T* HD_RESTRICT x,
                                                                 const T* HD_RESTRICT dy, Wide<T>* HD_RESTRICT partials) {
  using W = Wide<T>;
  const ConvShape& s = plan.shape;
  const int out_h = s.out_h(), out_w = s.out_w(), taps = s.kh * s.kw;
  const int tap_block = static_cast<int>(blockIdx.x) % plan.tap_blocks,
            k = static_cast<int>(blockIdx.x) / plan.tap_blocks % s.k;
  const int split = static_cast<int>(blockIdx.x) / plan.tap_blocks / s.k, c = k / (s.k / s.c);
  const int first = split * plan.images, last = std::min(first + plan.images, s.n);
  W sum[block_taps + 1] = {};
  if constexpr (rows) {
    const int quads = out_w / 4, per_image = out_h * quads;
    for (int i = static_cast<int>(threadIdx.x); i < (last - first) * per_image; i += threads) {
      const int image = first + i / per_image, p = i % per_image / quads, quad = i % quads;
      const auto gradient = simt::load_wide<4>(dy + ((std::int64_t{image} * s.k + k) * out_h + p) * out_w + quad * 4);
      HD_UNROLL
      for (int r = 0; r < 3; ++r) {
        float row[6];
        load_row(x + (std::int64_t{image} * s.c + c) * s.h * s.w, p + r - 1, s.h, s.w, quad, row);
        HD_UNROLL
        for (int q = 0; q < 3; ++q)
          for (int e = 0; e < 4; ++e) sum[r * 3 + q] += row[q + e] * gradient[e];
      }
      sum[block_taps] += (gradient[0] + gradient[1]) + (gradient[2] + gradient[3]);
    }
  } else {
    const int per_image = out_h * out_w;
    for (int i = static_cast<int>(threadIdx.x); i < (last - first) * per_image; i += threads) {
      const int image = first + i / per_image, p = i % per_image / out_w, q = i % out_w;
      const W gradient = static_cast<W>(dy[((std::int64_t{image} * s.k + k) * out_h + p) * out_w + q]);
      const T* const plane = x + (std::int64_t{image} * s.c + c) * s.h * s.w;
      HD_UNROLL
      for (int t = 0; t < block_taps; ++t) {
        const int tap = tap_block * block_taps + t, r = tap / s.kw;
        const int row = p * s.stride_h - s.pad_h + r * s.dilation_h,
                  column = q * s.stride_w - s.pad_w + (tap - r * s.kw) * s.dilation_w;
        if (tap < taps && row >= 0 && row < s.h && column >= 0 && column < s.w)
          sum[t] += gradient * static_cast<W>(plane[row * s.w + column]);
      }
      sum[block_taps] += gradient;
    }
  }
  add_up(sum);
  if (threadIdx.x != 0) return;
  W* const partial = partials + split * (s.w_size() + s.k);
  HD_UNROLL
  for (int t = 0; t < block_taps; ++t)
    if (tap_block * block_taps + t < taps) partial[std::int64_t{k} * taps + tap_block * block_taps + t] = sum[t];
  if (tap_block == 0) partial[s.w_size() + k] = sum[block_taps];
}

// A thread for each weight, and for each dbias behind them.
template <class T>
HD_KERNEL void depthwise_naive_weight_kernel(ConvShape s, const T* x, const T* dy, T* dweight, T* dbias) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.w_size() + (dbias ? s.k : 0)) return;
  const bool of_bias = i >= s.w_size();
  const int taps = s.kh * s.kw, k = static_cast<int>(of_bias ? i - s.w_size() : i / taps), c = k / (s.k / s.c);
  const int r = static_cast<int>(i % taps) / s.kw, t = static_cast<int>(i % taps) % s.kw;
  double sum = 0;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (int p = 0; p < s.out_h(); ++p)
      for (int q = 0; q < s.out_w(); ++q) {
        const double gradient = dy[((n * s.k + k) * s.out_h() + p) * s.out_w() + q];
        const int row = p * s.stride_h - s.pad_h + r * s.dilation_h, column = q * s.stride_w - s.pad_w + t * s.dilation_w;
        if (of_bias)
          sum += gradient;
        else if (row >= 0 && row < s.h && column >= 0 && column < s.w)
          sum += gradient * x[((n * s.c + c) * s.h + row) * s.w + column];
      }
  (of_bias ? dbias[k] : dweight[i]) = static_cast<T>(sum);
}
}  // namespace
}  // namespace heddle::kernels
