// Running sums and products over the middle of x, y [outer, reduced, inner] on the GPU.
//
// Short lines, and many: a thread a line, neighbours along inner. Long and few: a block of 256 threads a line, which takes 256
// elements at a time: scans within warps by shuffles, the warps' totals by every thread for itself from shared memory, and what
// came before in a register that all threads have alike. naive: a thread a line.
// Bytes: one read of x, one write of y; some twenty operations an element in the block's scan.
#include "kernels/scan/scan.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256, warps = threads / 32;

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) scan_lines_kernel(ScanKind kind, ReduceShape s, const T* x, T* y) {
  using Total = ScanTotal<T>;
  const std::int64_t line = simt::thread_number();
  if (line >= s.outer * s.inner) return;
  const std::int64_t base = line / s.inner * s.reduced * s.inner + line % s.inner;
  Total total = scan_start<Total>(kind.op);
  for (std::int64_t i = 0; i < s.reduced; ++i) {
    const std::int64_t at = base + (kind.reverse ? s.reduced - 1 - i : i) * s.inner;
    const Total before = total;
    total = scan_step(kind.op, total, static_cast<Total>(x[at]));
    y[at] = static_cast<T>(kind.exclusive ? before : total);
  }
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) scan_blocks_kernel(ScanKind kind, ReduceShape s, const T* x, T* y) {
  using Total = ScanTotal<T>;
  HD_SHARED(Total, of_warp, [warps]);
  const std::int64_t line = blockIdx.x, base = line / s.inner * s.reduced * s.inner + line % s.inner;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const Total start = scan_start<Total>(kind.op);
  Total carried = start;
  for (std::int64_t first = 0; first < s.reduced; first += threads) {
    const std::int64_t i = first + thread, at = base + (kind.reverse ? s.reduced - 1 - i : i) * s.inner;
    Total total = i < s.reduced ? static_cast<Total>(x[at]) : start;
    for (int distance = 1; distance < 32; distance *= 2) {
      const Total other = __shfl_up_sync(simt::full_warp, total, static_cast<unsigned>(distance));
      if (lane >= distance) total = scan_step(kind.op, other, total);
    }
    Total before = __shfl_up_sync(simt::full_warp, total, 1u);
    if (lane == 0) before = start;
    if (lane == 31) of_warp[warp] = total;
    __syncthreads();
    Total offset = carried;
    for (int w = 0; w < warp; ++w) offset = scan_step(kind.op, offset, of_warp[w]);
    for (int w = 0; w < warps; ++w) carried = scan_step(kind.op, carried, of_warp[w]);
    __syncthreads();
    if (i < s.reduced) y[at] = static_cast<T>(scan_step(kind.op, offset, kind.exclusive ? before : total));
  }
}

template <bool naive, class T>
void scan(Stream stream, ScanKind kind, const ReduceShape& s, const T* x, T* y) {
  const std::int64_t lines = s.outer * s.inner;
  const bool blocks = s.reduced >= (s.inner == 1 ? 64 : 1024) && lines < 65536;
  if (!naive && blocks)
    simt::launch<scan_blocks_kernel<T>>(static_cast<unsigned>(lines), threads, 0, stream, kind, s, x, y);
  else
    simt::launch<scan_lines_kernel<T>>(simt::blocks_for(lines, threads), threads, 0, stream, kind, s, x, y);
}

template <class T>
constexpr ScanKernels<T> fast_table{scan<false, T>};
template <class T>
constexpr ScanKernels<T> naive_table{scan<true, T>};

}  // namespace

template <>
const ScanKernels<float>& ScanKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<float> : fast_table<float>;
}
template <>
const ScanKernels<double>& ScanKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<double> : fast_table<double>;
}
template <>
const ScanKernels<std::int64_t>& ScanKernels<std::int64_t>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<std::int64_t> : fast_table<std::int64_t>;
}

}  // namespace heddle::kernels
