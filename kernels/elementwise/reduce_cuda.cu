// Reductions over the middle of x [outer, reduced, inner] to y [outer, inner] on the GPU: memory-bound, one pass.
//
// Every kernel folds a few neighbours of a thread in the elements' type, adds such runs in double (sums of floats), and
// combines its threads in one fixed tree; who does what depends on the shape alone, so the bits do too.
//   inner == 1, short rows: 1 to 32 lanes of a warp share a row, four elements apart each.
//   inner == 1, long rows: a block of 256 threads a row, 16-byte loads where the row is aligned.
//   inner > 1: a block takes up to 32 columns, its threads side by side along them, eight rows apiece at a time; the block's
//   rows meet in shared memory.
// Where outer x inner gives too few blocks, the reduced dimension is cut into pieces, whose totals [outer, pieces, inner] go
// through the workspace to a second kernel: a warp an output. Without a workspace nothing is cut.
// naive: a thread an output, eight elements after the other.
// Bytes: one read of x. Operations: one an element (argmax: three).
#include <algorithm>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/reduce_ops.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256, warps = threads / 32;
constexpr std::int64_t short_row = 1024;
constexpr std::int64_t enough_blocks = 512, least_piece = 8192;  // elements of x that are worth a block

// What is reduced to what. fold: a few elements, `step` apart in number from `index` on, to one total.

template <class T>
struct Sums {
  using Out = T;
  using Total = SumOp::Total<T>;
  using Short = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
  bool mean;
  std::int64_t count;

  HD_DEVICE Total start() const { return SumOp::start<T>; }
  template <int n>
  HD_DEVICE Total fold(const T (&v)[n], std::int64_t, std::int64_t) const {
    Short part[n];
    HD_UNROLL
    for (int j = 0; j < n; ++j) part[j] = static_cast<Short>(v[j]);
    HD_UNROLL
    for (int half = n / 2; half > 0; half /= 2) {
      HD_UNROLL
      for (int j = 0; j < half; ++j) part[j] += part[j + half];
    }
    return static_cast<Total>(part[0]);
  }
  HD_DEVICE Total combine(Total a, Total b) const { return a + b; }
  HD_DEVICE Total other(Total t, int lanes) const { return __shfl_xor_sync(simt::full_warp, t, lanes); }
  HD_DEVICE Out finish(Total t) const { return finish_sum<T>(t, mean, count); }
};

template <class T, bool greatest>
struct Extremes {
  using Out = T;
  using Total = T;

  HD_DEVICE T start() const { return ExtremeOp<greatest>::template start<T>; }
  template <int n>
  HD_DEVICE T fold(const T (&v)[n], std::int64_t, std::int64_t) const {
    T best = v[0];
    HD_UNROLL
    for (int j = 1; j < n; ++j) best = combine(best, v[j]);
    return best;
  }
  HD_DEVICE T combine(T a, T b) const { return ExtremeOp<greatest>::combine(a, b); }
  HD_DEVICE T other(T t, int lanes) const { return __shfl_xor_sync(simt::full_warp, t, lanes); }
  HD_DEVICE T finish(T t) const { return t; }
};

// The first maximum: of equals, and of NaNs, which beat all else, the one with the lowest number.
template <class T>
struct Places {
  using Out = std::int64_t;
  struct Total {
    T value;
    std::int64_t index;
  };
  static constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();

  HD_DEVICE Total start() const { return {ExtremeOp<true>::template start<T>, nowhere}; }
  template <int n>
  HD_DEVICE Total fold(const T (&v)[n], std::int64_t index, std::int64_t step) const {
    Total best{v[0], index};
    HD_UNROLL
    for (int j = 1; j < n; ++j) best = combine(best, {v[j], index + j * step});
    return best;
  }
  HD_DEVICE Total combine(Total a, Total b) const {
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    const bool same = a.value == b.value || (nan_a && nan_b);
    const bool better = same ? b.index < a.index : nan_b || (!nan_a && b.value > a.value);
    return better ? b : a;
  }
  HD_DEVICE Total other(Total t, int lanes) const {
    return {__shfl_xor_sync(simt::full_warp, t.value, lanes), __shfl_xor_sync(simt::full_warp, t.index, lanes)};
  }
  HD_DEVICE Out finish(Total t) const { return t.index == nowhere ? 0 : t.index; }
};

// Elements begin, begin + step, ... below n of a row (or column) whose elements lie `pitch` apart; x is that of number 0.
template <int unroll, class R, class T>
HD_DEVICE typename R::Total thread_total(const R& reduction, std::int64_t begin, std::int64_t step, std::int64_t n,
                                         std::int64_t pitch, const T* x) {
  typename R::Total total = reduction.start();
  std::int64_t i = begin;
  for (; i + (unroll - 1) * step < n; i += unroll * step) {
    T v[unroll];
    HD_UNROLL
    for (int j = 0; j < unroll; ++j) v[j] = x[(i + j * step) * pitch];
    total = reduction.combine(total, reduction.fold(v, i, step));
  }
  for (; i < n; i += step) {
    const T v[1] = {x[i * pitch]};
    total = reduction.combine(total, reduction.fold(v, i, step));
  }
  return total;
}

// Groups of `lanes` (a power of two) neighbouring lanes get their total; all of a warp's threads take part.
template <class R>
HD_DEVICE typename R::Total lanes_total(const R& reduction, typename R::Total total, int lanes) {
  for (int half = lanes / 2; half > 0; half /= 2) total = reduction.combine(total, reduction.other(total, half));
  return total;
}

template <class R, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) reduce_short_rows_kernel(R reduction, std::int64_t rows, int n, int lanes,
                                                                  const T* HD_RESTRICT x, typename R::Out* HD_RESTRICT y) {
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const std::int64_t row = std::int64_t{blockIdx.x} * (threads / lanes) + static_cast<int>(threadIdx.x) / lanes;
  typename R::Total total = reduction.start();
  if (row < rows) total = thread_total<4>(reduction, lane, lanes, n, 1, x + row * n);
  total = lanes_total(reduction, total, lanes);
  if (lane == 0 && row < rows) y[row] = reduction.finish(total);
}

// Where the totals of pieces go: to the workspace, or finished to y.
template <class R>
struct Target {
  typename R::Total* partial;
  typename R::Out* y;
  HD_DEVICE void put(const R& reduction, std::int64_t i, const typename R::Total& total) const {
    if (partial)
      partial[i] = total;
    else
      y[i] = reduction.finish(total);
  }
};

// A block a piece of a row: x [rows, n], target [rows, pieces].
template <class R, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) reduce_long_rows_kernel(R reduction, std::int64_t n, int pieces, std::int64_t piece,
                                                                 const T* HD_RESTRICT x, Target<R> target) {
  HD_SHARED(typename R::Total, of_warp, [warps]);
  constexpr int width = simt::vec_width<T>;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t begin = blockIdx.x % static_cast<unsigned>(pieces) * piece, end = begin + piece < n ? begin + piece : n;
  const T* const row = x + blockIdx.x / static_cast<unsigned>(pieces) * n;
  typename R::Total total = reduction.start();
  std::int64_t i = begin;
  if (simt::is_aligned<width>(row + begin)) {
    for (i += thread * width; i + width <= end; i += threads * width)
      total = reduction.combine(total, reduction.fold(simt::load_vec<width>(row + i).v, i, 1));
    i = begin + (end - begin) / width * width;
  }
  total = reduction.combine(total, thread_total<4>(reduction, i + thread, threads, end, 1, row));
  total = lanes_total(reduction, total, 32);
  if (thread % 32 == 0) of_warp[thread / 32] = total;
  __syncthreads();
  if (thread != 0) return;
  for (int w = 1; w < warps; ++w) total = reduction.combine(total, of_warp[w]);
  target.put(reduction, blockIdx.x, total);
}

// A block `width` columns (a power of two, at most 32) of a piece: x [outer, reduced, inner], target [outer, pieces, inner].
template <class R, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) reduce_columns_kernel(R reduction, ReduceShape s, int width, int strips, int pieces,
                                                               std::int64_t piece, const T* HD_RESTRICT x, Target<R> target) {
  HD_SHARED(typename R::Total, totals, [threads]);
  const int thread = static_cast<int>(threadIdx.x), row = thread / width, rows = threads / width;
  const std::int64_t column = std::int64_t{blockIdx.x} % strips * width + thread % width;
  const std::int64_t row_of_pieces = blockIdx.x / static_cast<unsigned>(strips);
  const std::int64_t begin = row_of_pieces % pieces * piece, end = begin + piece < s.reduced ? begin + piece : s.reduced;
  typename R::Total total = reduction.start();
  if (column < s.inner)
    total =
        thread_total<8>(reduction, begin + row, rows, end, s.inner, x + row_of_pieces / pieces * s.reduced * s.inner + column);
  totals[thread] = total;
  __syncthreads();
  for (int half = threads / 2; half >= width; half /= 2) {
    if (thread < half) totals[thread] = reduction.combine(totals[thread], totals[thread + half]);
    __syncthreads();
  }
  if (row == 0 && column < s.inner) target.put(reduction, row_of_pieces * s.inner + column, totals[thread]);
}

// A warp an output: partial [outer, pieces, inner] to y [outer, inner].
template <class R>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    reduce_pieces_kernel(R reduction, std::int64_t outputs, std::int64_t inner, int pieces,
                         const typename R::Total* HD_RESTRICT partial, typename R::Out* HD_RESTRICT y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  typename R::Total total = reduction.start();
  if (output < outputs) {
    const auto* const from = partial + output / inner * pieces * inner + output % inner;
    for (int p = lane; p < pieces; p += 32) total = reduction.combine(total, from[p * inner]);
  }
  total = lanes_total(reduction, total, 32);
  if (lane == 0 && output < outputs) y[output] = reduction.finish(total);
}

template <class R, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) reduce_naive_kernel(R reduction, ReduceShape s, const T* x, typename R::Out* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.outer * s.inner) return;
  y[i] = reduction.finish(
      thread_total<8>(reduction, 0, 1, s.reduced, s.inner, x + i / s.inner * s.reduced * s.inner + i % s.inner));
}

struct Plan {
  int width = 1, strips = 1, pieces = 1;
  std::int64_t piece;

  Plan(const ReduceShape& s, bool cut) : piece(s.reduced) {
    while (width < 32 && width < s.inner) width *= 2;
    strips = static_cast<int>((s.inner + width - 1) / width);
    const std::int64_t blocks = s.outer * strips, work = s.reduced * width;
    if (!cut || blocks == 0 || blocks >= enough_blocks || work < 2 * least_piece) return;
    const std::int64_t wish = std::min(enough_blocks / blocks, work / least_piece);
    piece = ((s.reduced + wish - 1) / wish + 15) / 16 * 16;  // whole vectors
    pieces = static_cast<int>((s.reduced + piece - 1) / piece);
  }
};

template <class T>
std::size_t workspace_bytes(const ReduceShape& s) {
  const Plan plan(s, true);
  return plan.pieces == 1 ? 0 : static_cast<std::size_t>(s.outer * plan.pieces * s.inner) * sizeof(typename Places<T>::Total);
}
std::size_t no_workspace(const ReduceShape&) {
  return 0;
}

template <bool naive, class R, class T>
void run(Stream stream, const R& reduction, const ReduceShape& s, const T* x, typename R::Out* y, void* workspace) {
  const std::int64_t outputs = s.outer * s.inner;
  if constexpr (naive) {
    simt::launch<reduce_naive_kernel<R, T>>(simt::blocks_for(outputs, threads), threads, 0, stream, reduction, s, x, y);
    return;
  }
  if (outputs == 0) return;
  if (s.inner == 1 && s.reduced <= short_row) {
    int lanes = 1;
    while (lanes < 32 && 4 * lanes < s.reduced) lanes *= 2;
    simt::launch<reduce_short_rows_kernel<R, T>>(simt::blocks_for(s.outer, threads / lanes), threads, 0, stream, reduction,
                                                 s.outer, static_cast<int>(s.reduced), lanes, x, y);
    return;
  }
  const Plan plan(s, workspace != nullptr);
  auto* const partial = plan.pieces > 1 ? static_cast<typename R::Total*>(workspace) : nullptr;
  const auto blocks = static_cast<unsigned>(s.outer * plan.strips * plan.pieces);
  if (s.inner == 1)
    simt::launch<reduce_long_rows_kernel<R, T>>(blocks, threads, 0, stream, reduction, s.reduced, plan.pieces, plan.piece, x,
                                                Target<R>{partial, y});
  else
    simt::launch<reduce_columns_kernel<R, T>>(blocks, threads, 0, stream, reduction, s, plan.width, plan.strips, plan.pieces,
                                              plan.piece, x, Target<R>{partial, y});
  if (partial)
    simt::launch<reduce_pieces_kernel<R>>(simt::blocks_for(outputs, warps), threads, 0, stream, reduction, outputs, s.inner,
                                          plan.pieces, partial, y);
}

template <bool naive, class T>
void reduce(Stream stream, Reduce op, const ReduceShape& s, const T* x, T* y, void* workspace) {
  switch (op) {
    case Reduce::sum:
      return run<naive>(stream, Sums<T>{false, s.reduced}, s, x, y, workspace);
    case Reduce::mean:
      return run<naive>(stream, Sums<T>{true, s.reduced}, s, x, y, workspace);
    case Reduce::max:
      return run<naive>(stream, Extremes<T, true>{}, s, x, y, workspace);
    case Reduce::min:
      return run<naive>(stream, Extremes<T, false>{}, s, x, y, workspace);
  }
}
template <bool naive, class T>
void argmax(Stream stream, const ReduceShape& s, const T* x, std::int64_t* y, void* workspace) {
  run<naive>(stream, Places<T>{}, s, x, y, workspace);
}

template <class T>
constexpr ReduceKernels<T> fast_table{workspace_bytes<T>, reduce<false, T>, argmax<false, T>};
template <class T>
constexpr ReduceKernels<T> naive_table{no_workspace, reduce<true, T>, argmax<true, T>};

}  // namespace

template <>
const ReduceKernels<float>& ReduceKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<float> : fast_table<float>;
}
template <>
const ReduceKernels<double>& ReduceKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<double> : fast_table<double>;
}
template <>
const ReduceKernels<std::int64_t>& ReduceKernels<std::int64_t>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<std::int64_t> : fast_table<std::int64_t>;
}

}  // namespace heddle::kernels
