// The end of a weight gradient that was split over the outputs: partial results [splits][w_size + k] are added up, in order.
//
// A block has 32 results, each summed by 4 threads over every fourth split, and these by the first of them. Blocks of
// another kernel may do this beside their own work: to the gradient by the input it costs nothing, and saves a launch.
// Bytes: splits (w_size + k) elements read, mostly from L2, where they were written just before.
#pragma once

#include <cstdint>

#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int sum_columns = 32, sum_rows = 4, sum_threads = sum_columns * sum_rows;

/// dweight [w_size] and, unless it is null, dbias [size - w_size] are the sums over the splits of partials [splits][size].
template <class T>
struct SplitSums {
  int splits = 0;
  std::int64_t w_size = 0, size = 0;
  const T* partials = nullptr;
  T *dweight = nullptr, *dbias = nullptr;

  unsigned blocks() const { return splits > 0 ? simt::blocks_for(dbias ? size : w_size, sum_columns) : 0; }
};

/// What the block of sum_threads threads with this number does; `shared` has room for as many elements.
template <class T>
HD_DEVICE void add_splits(const SplitSums<T>& s, std::int64_t block, T* shared) {
  const int column = static_cast<int>(threadIdx.x) % sum_columns, row = static_cast<int>(threadIdx.x) / sum_columns;
  const std::int64_t i = block * sum_columns + column;
  const bool real = i < (s.dbias ? s.size : s.w_size);
  T sum = 0;
  if (real)
    for (int split = row; split < s.splits; split += sum_rows) sum += s.partials[split * s.size + i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (row > 0 || !real) return;
  for (int r = 1; r < sum_rows; ++r) sum += shared[r * sum_columns + column];
  if (i < s.w_size)
    s.dweight[i] = sum;
  else
    s.dbias[i - s.w_size] = sum;
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(sum_threads) sum_partials_kernel(SplitSums<T> s) {
  HD_SHARED(T, sums, [sum_threads]);
  add_splits(s, blockIdx.x, sums);
}

template <class T>
void sum_partials(Stream stream, const SplitSums<T>& s) {
  simt::launch<sum_partials_kernel<T>>(s.blocks(), sum_threads, 0, stream, s);
}

}  // namespace
}  // namespace heddle::kernels
