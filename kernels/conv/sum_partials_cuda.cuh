// The end of a weight gradient that was split over the outputs: partial results [splits][w_size + k] are added up, in order.
//
// A block has 32 results, each summed by 8 threads over every eighth split, and these by the first of them.
// Bytes: splits (w_size + k) elements read, mostly from L2, where they were written just before.
#pragma once

#include <cstdint>

#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int sum_columns = 32, sum_rows = 8;

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(sum_columns* sum_rows)
    sum_partials_kernel(int splits, std::int64_t w_size, std::int64_t partial_size, bool with_bias,
                        const T* HD_RESTRICT partials, T* HD_RESTRICT dweight, T* HD_RESTRICT dbias) {
  HD_SHARED(T, sums, [sum_rows][sum_columns]);
  const int column = static_cast<int>(threadIdx.x) % sum_columns, row = static_cast<int>(threadIdx.x) / sum_columns;
  const std::int64_t i = std::int64_t{blockIdx.x} * sum_columns + column;
  const bool real = i < (with_bias ? partial_size : w_size);
  T sum = 0;
  if (real)
    for (int split = row; split < splits; split += sum_rows) sum += partials[split * partial_size + i];
  sums[row][column] = sum;
  __syncthreads();
  if (row > 0 || !real) return;
  for (int r = 1; r < sum_rows; ++r) sum += sums[r][column];
  if (i < w_size)
    dweight[i] = sum;
  else
    dbias[i - w_size] = sum;
}

/// dweight [w_size] and, unless it is null, dbias [k] are the sums over the splits.
template <class T>
void sum_partials(Stream stream, int splits, std::int64_t w_size, std::int64_t k, const T* partials, T* dweight, T* dbias) {
  simt::launch<sum_partials_kernel<T>>(simt::blocks_for(w_size + k, sum_columns), sum_columns * sum_rows, 0, stream, splits,
                                       w_size, w_size + k, dbias != nullptr, partials, dweight, dbias);
}

}  // namespace
}  // namespace heddle::kernels
