// Reductions over the middle of [outer, reduced, inner] on the CPU: memory-bound, one pass (argmax along rows: two, the
// second from cache).
//
// Sums of floats are blocked: 16 or fewer elements are added in float, such groups in double, so that the error does not
// grow with the length. The order depends on the shape alone. inner == 1: 32 running sums over a contiguous row. inner > 1:
// columns side by side, eight rows at a time. Where outer x inner alone gives too little work to share, the reduced dimension
// is cut into pieces of fixed length whose partial results are combined in order.
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/reduce_ops.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;  // elements of x in a piece of work
constexpr std::int64_t strip = 128;    // columns whose running results are kept at once

// Contiguous: n elements to one.
template <class Op, class T>
typename Op::template Total<T> reduce_row(std::int64_t n, const T* x) {
  using Total = typename Op::template Total<T>;
  constexpr int wide = lanes<T> * 2 > 32 ? lanes<T> * 2 : 32;  // the same on every instruction set
  constexpr int vectors = wide / lanes<T>;
  constexpr std::int64_t block = Op::rounds ? wide * 16 : std::int64_t{1} << 60;
  Total total = Op::template start<T>;
  while (n >= wide) {
    const std::int64_t rounds = (n < block ? n : block) / wide;
    Vec<T> running[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) running[v] = load(x + v * lanes<T>);
    for (std::int64_t r = 1; r < rounds; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) running[v] = Op::combine(running[v], load(x + r * wide + v * lanes<T>));
    T lane[wide];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store(lane + v * lanes<T>, running[v]);
    for (int half = wide / 2; half >= 1; half /= 2)
      for (int i = 0; i < half; ++i) lane[i] = Op::combine(lane[i], lane[i + half]);
    total = Op::combine(total, static_cast<Total>(lane[0]));
    x += rounds * wide;
    n -= rounds * wide;
  }
  for (std::int64_t i = 0; i < n; ++i) total = Op::combine(total, static_cast<Total>(x[i]));
  return total;
}

// n rows of `width` <= strip columns, `pitch` apart, to width results.
template <class Op, class T>
void reduce_columns(std::int64_t n, std::int64_t width, std::int64_t pitch, const T* x, typename Op::template Total<T>* total) {
  using Total = typename Op::template Total<T>;
  for (std::int64_t j = 0; j < width; ++j) total[j] = Op::template start<T>;
  for (; n >= 8; n -= 8, x += 8 * pitch)
    for (std::int64_t j = 0; j < width; ++j) {
      const T* p = x + j;
      const T low = Op::combine(Op::combine(p[0], p[pitch]), Op::combine(p[2 * pitch], p[3 * pitch]));
      const T high = Op::combine(Op::combine(p[4 * pitch], p[5 * pitch]), Op::combine(p[6 * pitch], p[7 * pitch]));
      total[j] = Op::combine(total[j], static_cast<Total>(Op::combine(low, high)));
    }
  for (; n > 0; --n, x += pitch)
    for (std::int64_t j = 0; j < width; ++j) total[j] = Op::combine(total[j], static_cast<Total>(x[j]));
}

// How the work is cut: `pieces` of `piece` reduced elements each, for every outer index and every strip of columns.
struct Plan {
  std::int64_t width, strips, piece, pieces, outer_grain;
  explicit Plan(const ReduceShape& s) {
    width = s.inner < strip ? s.inner : strip;
    strips = (s.inner + width - 1) / width;
    const std::int64_t most = grain / width / 8 * 8;
    piece = s.reduced < 2 * most ? (s.reduced > 0 ? s.reduced : 1) : most;
    pieces = s.reduced > 0 ? (s.reduced + piece - 1) / piece : 1;
    const std::int64_t unit = piece * width;
    outer_grain = unit >= grain ? 1 : grain / unit;
  }
};

std::size_t workspace_bytes(const ReduceShape& s) {
  if (s.outer * s.inner == 0) return 0;
  const Plan plan(s);
  return plan.pieces > 1 ? static_cast<std::size_t>(s.outer * plan.pieces * s.inner) * sizeof(double) : 0;
}

template <class Op, class T, class Finish>
void reduce_with(const ReduceShape& s, const T* x, T* y, void* workspace, Finish finish) {
  using Total = typename Op::template Total<T>;
  if (s.outer * s.inner == 0) return;
  const Plan plan(s);
  Total* const partial = static_cast<Total*>(workspace);  // [outer, pieces, inner]
  parallel_for(s.outer * plan.pieces * plan.strips, plan.outer_grain, [&](std::int64_t begin, std::int64_t end) {
    Total total[strip];
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t column = unit % plan.strips * plan.width, row = unit / plan.strips;
      const std::int64_t outer = row / plan.pieces, first = row % plan.pieces * plan.piece;
      const std::int64_t width = s.inner - column < plan.width ? s.inner - column : plan.width;
      const std::int64_t n = s.reduced - first < plan.piece ? s.reduced - first : plan.piece;
      const T* from = x + (outer * s.reduced + first) * s.inner + column;
      if (s.inner == 1)
        total[0] = reduce_row<Op>(n, from);
      else
        reduce_columns<Op>(n, width, s.inner, from, total);
      if (plan.pieces > 1)
        for (std::int64_t j = 0; j < width; ++j) partial[row * s.inner + column + j] = total[j];
      else
        for (std::int64_t j = 0; j < width; ++j) y[outer * s.inner + column + j] = finish(total[j]);
    }
  });
  if (plan.pieces == 1) return;
  for (std::int64_t o = 0; o < s.outer; ++o)
    for (std::int64_t j = 0; j < s.inner; ++j) {
      Total total = partial[o * plan.pieces * s.inner + j];
      for (std::int64_t p = 1; p < plan.pieces; ++p) total = Op::combine(total, partial[(o * plan.pieces + p) * s.inner + j]);
      y[o * s.inner + j] = finish(total);
    }
}

template <class T>
void reduce(Stream, Reduce op, const ReduceShape& s, const T* x, T* y, void* workspace) {
  switch (op) {
    case Reduce::sum:
    case Reduce::mean:
      return reduce_with<SumOp>(s, x, y, workspace,
                                [n = s.reduced, mean = op == Reduce::mean](auto v) { return finish_sum<T>(v, mean, n); });
    case Reduce::max:
      return reduce_with<ExtremeOp<true>>(s, x, y, workspace, [](T v) { return v; });
    case Reduce::min:
      return reduce_with<ExtremeOp<false>>(s, x, y, workspace, [](T v) { return v; });
  }
}

// The first maximum; a NaN counts as greater than every number.
template <class T>
void argmax(Stream, const ReduceShape& s, const T* x, std::int64_t* y, void*) {
  const std::int64_t width = s.inner < strip ? s.inner : strip;
  if (width == 0) return;
  const std::int64_t strips = (s.inner + width - 1) / width, unit = (s.reduced > 0 ? s.reduced : 1) * width;
  parallel_for(s.outer * strips, unit >= grain ? 1 : grain / unit, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t column = i % strips * width, outer = i / strips;
      const T* from = x + outer * s.reduced * s.inner + column;
      std::int64_t* to = y + outer * s.inner + column;
      if (s.inner == 1) {
        const T most = reduce_row<ExtremeOp<true>>(s.reduced, from);
        std::int64_t at = 0;
        while (at + 1 < s.reduced && !(from[at] == most || from[at] != from[at])) ++at;
        *to = at;
        continue;
      }
      const std::int64_t here = s.inner - column < width ? s.inner - column : width;
      T best[strip];
      std::int64_t index[strip];
      for (std::int64_t j = 0; j < here; ++j) best[j] = s.reduced > 0 ? from[j] : T{}, index[j] = 0;
      for (std::int64_t r = 1; r < s.reduced; ++r) {
        const T* p = from + r * s.inner;
        for (std::int64_t j = 0; j < here; ++j) {
          const bool better = (p[j] > best[j]) | ((p[j] != p[j]) & (best[j] == best[j]));
          best[j] = better ? p[j] : best[j];
          index[j] = better ? r : index[j];
        }
      }
      for (std::int64_t j = 0; j < here; ++j) to[j] = index[j];
    }
  });
}

template <class T>
constexpr ReduceKernels<T> table{workspace_bytes, reduce<T>, argmax<T>};

}  // namespace

template <>
const ReduceKernels<float>& CpuTable<this_isa, ReduceKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const ReduceKernels<double>& CpuTable<this_isa, ReduceKernels<double>>::get(Variant) {
  return table<double>;
}
template <>
const ReduceKernels<std::int64_t>& CpuTable<this_isa, ReduceKernels<std::int64_t>>::get(Variant) {
  return table<std::int64_t>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const ReduceKernels<float>& ReduceKernels<float>::cpu() {
  return cpu_table<ReduceKernels<float>>(Variant::fast);
}
template <>
const ReduceKernels<double>& ReduceKernels<double>::cpu() {
  return cpu_table<ReduceKernels<double>>(Variant::fast);
}
template <>
const ReduceKernels<std::int64_t>& ReduceKernels<std::int64_t>::cpu() {
  return cpu_table<ReduceKernels<std::int64_t>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
