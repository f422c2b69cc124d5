// Eight chains a thread of multiply-adds that do not wait for one another, or a warp of products of mma fragments; with
// eight blocks of 256 threads a multiprocessor, more than enough to hide latencies. Nothing is read, and out [blocks * 256]
// is written so that nothing is left out.
//
// rounds is a multiple of 16. FLOPs a round and thread: 16; of mma, a round and warp: 8 products of 2 * 16 * 8 * 8 (tf32) or 2
// * 16 * 8 * 16 (bf16).
#include "bench/device_peak.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::bench {
namespace {

constexpr int chains = 8, unrolled = 16;  // rounds: a loop's own instructions would take the multiply-adds' places

// Each chain goes towards 2 `half`, from where the compiler does not know.
template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(peak_threads) multiply_add_kernel(int rounds, T half, T* HD_RESTRICT out) {
  T sum[chains];
  HD_UNROLL for (int i = 0; i < chains; ++i) sum[i] = static_cast<T>(threadIdx.x + i);
  for (int round = 0; round < rounds; round += unrolled)
    HD_UNROLL for (int i = 0; i < chains * unrolled; ++i) sum[i % chains] = sum[i % chains] * half + half;
  T all = 0;
  HD_UNROLL for (int i = 0; i < chains; ++i) all += sum[i];
  out[blockIdx.x * peak_threads + threadIdx.x] = all;
}

// Factors are zero, which costs the same.
template <bool tf32>
HD_KERNEL void HD_LAUNCH_BOUNDS(peak_threads) mma_kernel(int rounds, unsigned factor, float* HD_RESTRICT out) {
  const std::uint32_t a[4] = {factor, factor, factor, factor}, b[2] = {factor, factor};
  float sum[chains][4];
  HD_UNROLL for (int i = 0; i < chains; ++i) HD_UNROLL for (int j = 0; j < 4; ++j) sum[i][j] = static_cast<float>(i);
  for (int round = 0; round < rounds; round += unrolled) HD_UNROLL for (int i = 0; i < chains * unrolled; ++i) {
      if constexpr (tf32)
        simt::mma_m16n8k8_tf32(sum[i % chains], a, b, sum[i % chains]);
      else
        simt::mma_m16n8k16_bf16(sum[i % chains], a, b, sum[i % chains]);
    }
  float all = 0;
  HD_UNROLL for (int i = 0; i < chains; ++i) HD_UNROLL for (int j = 0; j < 4; ++j) all += sum[i][j];
  out[blockIdx.x * peak_threads + threadIdx.x] = all;
}

}  // namespace

double peak_flops(Peak peak, int blocks, int rounds) {
  const double threads = double{peak_threads} * blocks, each = double{chains} * rounds;
  if (peak == Peak::tf32) return threads / simt::warp_size * each * 2 * 16 * 8 * 8;
  if (peak == Peak::bf16) return threads / simt::warp_size * each * 2 * 16 * 8 * 16;
  return threads * each * 2;
}

void run_peak(Peak peak, Stream stream, int blocks, int rounds, void* out) {
  const auto grid = static_cast<unsigned>(blocks);
  if (peak == Peak::f32)
    simt::launch<multiply_add_kernel<float>>(grid, peak_threads, 0, stream, rounds, 0.5f, static_cast<float*>(out));
  else if (peak == Peak::f64)
    simt::launch<multiply_add_kernel<double>>(grid, peak_threads, 0, stream, rounds, 0.5, static_cast<double*>(out));
  else if (peak == Peak::tf32)
    simt::launch<mma_kernel<true>>(grid, peak_threads, 0, stream, rounds, 0u, static_cast<float*>(out));
  else
    simt::launch<mma_kernel<false>>(grid, peak_threads, 0, stream, rounds, 0u, static_cast<float*>(out));
}

}  // namespace heddle::bench
