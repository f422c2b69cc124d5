// Matrix products on the GPU: C [batch, m, n] = op(A) [batch, m, k] op(B) [batch, k, n] + bias [n].
//
// fast: a block computes one tile of C. Panels of 16 k's of op(A) and op(B) are copied asynchronously into shared memory,
// k outermost whatever the layout in global memory, two panels deep: while one is multiplied the next is on its way. Copies
// beyond the edges write zeros. Tiles: 128 x 64 with 8 x 8 a thread, where there are enough of them to fill the GPU, else
// 32 x 32 with 4 x 4; 64 x 64 on tensor cores under tf32 and bf16 (gemm_tile_cuda.cuh). double: 32 x 32.
// Every element of C is summed by one thread in the order of k: the same bits every time.
// FLOPs: 2 batch m n k. Bytes: a tile reads (rows + columns) k elements, so 2 rows columns / (rows + columns) FLOPs an
// element: 85 for 128 x 64.
// naive: one thread an element, summed in double.
#include <algorithm>

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_tile_cuda.cuh"

namespace heddle::kernels {
namespace {

/// One operand seen as [outer, k]: element (o, p) of matrix b at data[b * batch_stride + o * outer_stride + p * k_stride],
/// one of the two strides being 1.
template <class T>
struct Operand {
  const T* data;
  std::int64_t outer, k, outer_stride, k_stride, batch_stride;
};

template <class T>
Operand<T> left(const GemmShape& s, const T* a) {
  return {a, s.m, s.k, s.transpose_a ? 1 : s.k, s.transpose_a ? s.m : 1, s.batch_stride_a};
}
template <class T>
Operand<T> right(const GemmShape& s, const T* b) {
  return {b, s.n, s.k, s.transpose_b ? s.k : 1, s.transpose_b ? 1 : s.n, s.batch_stride_b};
}

// Starts the copy of `extent` rows of the operand, gemm_step k's from `first_k`, into to[k][extent + pad].
// Neighbouring threads read neighbouring elements of global memory.
template <int extent, int threads, class T>
HD_DEVICE HD_FORCE_INLINE void stage(const Operand<T>& x, const T* matrix, std::int64_t first_outer, std::int64_t first_k,
                                     T* to) {
  const bool k_inside = x.k_stride == 1;
  for (int i = static_cast<int>(threadIdx.x); i < extent * gemm_step; i += threads) {
    const int o = k_inside ? i / gemm_step : i % extent, p = k_inside ? i % gemm_step : i / extent;
    const bool inside = first_outer + o < x.outer && first_k + p < x.k;
    const T* from = inside ? matrix + (first_outer + o) * x.outer_stride + (first_k + p) * x.k_stride : matrix;
    simt::cp_async<sizeof(T)>(to + p * (extent + gemm_pad) + o, from, inside ? static_cast<int>(sizeof(T)) : 0);
  }
}

template <class Tile, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(Tile::threads)
    gemm_kernel(Operand<T> a, Operand<T> b, const T* HD_RESTRICT bias, T* HD_RESTRICT c, unsigned tiles_m, unsigned tiles_n) {
  constexpr int a_panel = gemm_step * (Tile::m + gemm_pad), b_panel = gemm_step * (Tile::n + gemm_pad);
  HD_CARVER(carver);
  T* const a_panels = carver.take<T>(2 * a_panel);
  T* const b_panels = carver.take<T>(2 * b_panel);

  const std::int64_t batch = blockIdx.x / (tiles_m * tiles_n);
  const std::int64_t first_row = std::int64_t{blockIdx.x / tiles_n % tiles_m} * Tile::m;
  const std::int64_t first_column = std::int64_t{blockIdx.x % tiles_n} * Tile::n;
  const T* const a_matrix = a.data + batch * a.batch_stride;
  const T* const b_matrix = b.data + batch * b.batch_stride;
  const auto start = [&](std::int64_t panel) {
    stage<Tile::m, Tile::threads>(a, a_matrix, first_row, panel * gemm_step, a_panels + panel % 2 * a_panel);
    stage<Tile::n, Tile::threads>(b, b_matrix, first_column, panel * gemm_step, b_panels + panel % 2 * b_panel);
    simt::cp_async_commit();
  };

  Tile tile(static_cast<int>(threadIdx.x));
  const std::int64_t panels = (a.k + gemm_step - 1) / gemm_step;
  if (panels > 0) start(0);
  for (std::int64_t panel = 0; panel < panels; ++panel) {
    if (panel + 1 < panels) {
      start(panel + 1);
      simt::cp_async_wait<1>();
    } else {
      simt::cp_async_wait<0>();
    }
    __syncthreads();
    tile.add(a_panels + panel % 2 * a_panel, b_panels + panel % 2 * b_panel);
    __syncthreads();
  }
  tile.each([&](int row, int column, T value) {
    const std::int64_t i = first_row + row, j = first_column + column;
    if (i < a.outer && j < b.outer) c[(batch * a.outer + i) * b.outer + j] = value + (bias ? bias[j] : T(0));
  });
}

template <class Tile, class T>
void launch_tiles(Stream stream, const GemmShape& s, const T* a, const T* b, const T* bias, T* c) {
  const std::int64_t tiles_m = (s.m + Tile::m - 1) / Tile::m, tiles_n = (s.n + Tile::n - 1) / Tile::n;
  const auto shared = simt::SharedBytes()
                          .take<T>(2 * gemm_step * (Tile::m + gemm_pad))
                          .template take<T>(2 * gemm_step * (Tile::n + gemm_pad))
                          .total;
  simt::launch<gemm_kernel<Tile, T>>(simt::blocks_for(s.batch * tiles_m * tiles_n, 1), Tile::threads, shared, stream,
                                     left(s, a), right(s, b), bias, c, tiles_m, tiles_n);
}

// Whether 128 x 64 tiles are mostly full and there is one for nearly every multiprocessor of a large GPU.
bool fills_large_tiles(const GemmShape& s) {
  return s.m > 64 && s.n > 32 && s.batch * ((s.m + 127) / 128) * ((s.n + 63) / 64) >= 96;
}

template <class T>
void gemm(Stream stream, const GemmShape& s, const T* a, const T* b, const T* bias, T* c, void*) {
  if constexpr (sizeof(T) == 4) {
    if (s.precision == Precision::tf32) return launch_tiles<MatrixTile<Precision::tf32>>(stream, s, a, b, bias, c);
    if (s.precision == Precision::bf16) return launch_tiles<MatrixTile<Precision::bf16>>(stream, s, a, b, bias, c);
    if (fills_large_tiles(s)) return launch_tiles<VectorTile<T, 128, 64, 8, 8>>(stream, s, a, b, bias, c);
  }
  launch_tiles<VectorTile<T, 32, 32, 4, 4>>(stream, s, a, b, bias, c);
}

template <class T>
HD_KERNEL void gemm_naive_kernel(Operand<T> a, Operand<T> b, std::int64_t count, const T* bias, T* c) {
  const std::int64_t element = simt::thread_number();
  if (element >= count) return;
  const std::int64_t j = element % b.outer, i = element / b.outer % a.outer, batch = element / b.outer / a.outer;
  const T* const row = a.data + batch * a.batch_stride + i * a.outer_stride;
  const T* const column = b.data + batch * b.batch_stride + j * b.outer_stride;
  double sum = bias ? bias[j] : T(0);
  for (std::int64_t p = 0; p < a.k; ++p) sum += double{row[p * a.k_stride]} * double{column[p * b.k_stride]};
  c[element] = static_cast<T>(sum);
}

template <class T>
void gemm_naive(Stream stream, const GemmShape& s, const T* a, const T* b, const T* bias, T* c, void*) {
  constexpr int threads = 128;
  const std::int64_t count = s.batch * s.m * s.n;
  simt::launch<gemm_naive_kernel<T>>(simt::blocks_for(count, threads), threads, 0, stream, left(s, a), right(s, b), count, bias,
                                     c);
}

std::size_t workspace(const GemmShape&) {
  return 0;
}

template <class T>
constexpr GemmKernels<T> fast{workspace, gemm<T>};
template <class T>
constexpr GemmKernels<T> naive{workspace, gemm_naive<T>};

}  // namespace

template <>
const GemmKernels<float>& GemmKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive<float> : fast<float>;
}
template <>
const GemmKernels<double>& GemmKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive<double> : fast<double>;
}

}  // namespace heddle::kernels
