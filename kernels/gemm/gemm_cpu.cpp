// Matrix products on the CPU: 2 m n k FLOPs on registers.
//
// A is packed into panels of `panel_rows` rows, [k][panel_rows], and B into panels of `panel_columns` columns,
// [k][panel_columns], so that the innermost loop reads both from front to back whatever their layout. It keeps a tile of C,
// panel_rows x 2 vectors, in registers: per k two loads of B, panel_rows broadcasts of A, twice that many multiply-adds.
// k runs in blocks such that a panel of B stays in the first cache while the panels of A pass by it. A piece of work is one
// block of C, of a size that depends on the shape alone, so every element is summed in the same order on any number of threads.
// A few rows times a B that needs no transposing read B where it lies.
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

constexpr int panel_rows = this_isa == Isa::v4 ? 12 : this_isa == Isa::v3 ? 6 : 4;
template <class T>
constexpr int panel_columns = 2 * lanes<T>;
constexpr std::int64_t block_k = 256, block_rows = 96, block_columns = 256;
constexpr std::int64_t small_work = 400000;  // FLOPs below which a piece of work is not worth a thread's while

HD_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
HD_INLINE std::int64_t up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// How one product is cut up and where its packed operands lie in the workspace, in elements.
template <class T>
struct Plan {
  std::int64_t row_panels, column_panels, size_a, size_b, count_a, count_b;
  std::int64_t rows, columns, blocks_m, blocks_n;  // of a block of C
  bool direct_b;                                   // whole panels of B are read in place
  explicit Plan(const GemmShape& s) {
    row_panels = up(s.m, panel_rows);
    column_panels = up(s.n, panel_columns<T>);
    direct_b = !s.transpose_b && s.m <= 4 * panel_rows;
    size_a = row_panels * panel_rows * s.k;
    size_b = (direct_b ? 1 : column_panels) * panel_columns<T> * s.k;
    count_a = s.batch_stride_a == 0 ? 1 : s.batch;
    count_b = s.batch_stride_b == 0 ? 1 : s.batch;
    blocks_m = up(s.m, block_rows);
    rows = up(up(s.m, blocks_m), panel_rows) * panel_rows;
    blocks_m = up(s.m, rows);
    blocks_n = up(s.n, block_columns);
    columns = up(up(s.n, blocks_n), panel_columns<T>) * panel_columns<T>;
    blocks_n = up(s.n, columns);
  }
};

template <class T>
std::size_t workspace(const GemmShape& s) {
  if (s.m * s.n * s.k * s.batch == 0) return 0;
  const Plan<T> plan(s);
  return static_cast<std::size_t>(plan.size_a * plan.count_a + plan.size_b * plan.count_b) * sizeof(T) + 64;
}

// `width` vectors x[first ..] of the outer dimension side by side: to[k][width], zeros beyond `outer`. x[i * si + k * sk].
template <class T>
void pack_panel(std::int64_t first, std::int64_t outer, int width, std::int64_t k, const T* x, std::int64_t si, std::int64_t sk,
                T* to) {
  const std::int64_t valid = smaller(width, outer - first);
  x += first * si;
  if (si == 1) {
    for (std::int64_t p = 0; p < k; ++p) {
      for (std::int64_t i = 0; i < valid; ++i) to[p * width + i] = x[p * sk + i];
      for (std::int64_t i = valid; i < width; ++i) to[p * width + i] = 0;
    }
    return;
  }
  for (std::int64_t p0 = 0; p0 < k; p0 += 16) {  // 16 k at a time: the lines of x stay in cache for all of them
    const std::int64_t p1 = smaller(k, p0 + 16);
    for (std::int64_t i = 0; i < valid; ++i)
      for (std::int64_t p = p0; p < p1; ++p) to[p * width + i] = x[i * si + p * sk];
    for (std::int64_t p = p0; p < p1; ++p)
      for (std::int64_t i = valid; i < width; ++i) to[p * width + i] = 0;
  }
}

// One tile: c [rows_valid, columns_valid] = or += a [k][panel_rows] times b [k], rows of b `pitch_b` apart.
template <class T, int rows, int vectors>
void tile(std::int64_t k, const T* a, const T* b, std::int64_t pitch_b, const T* bias, bool first, T* c, std::int64_t pitch_c,
          std::int64_t rows_valid, std::int64_t columns_valid) {
  constexpr int L = lanes<T>;
  Vec<T> sum[rows][vectors] = {};
  for (std::int64_t p = 0; p < k; ++p, a += panel_rows, b += pitch_b) {
    Vec<T> row[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) row[v] = load(b + v * L);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[i][v] += a[i] * row[v];
  }
  if (rows_valid == rows && columns_valid == vectors * L) {
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) {
        T* to = c + i * pitch_c + v * L;
        Vec<T> value = sum[i][v];
        if (!first)
          value += load(to);
        else if (bias)
          value += load(bias + v * L);
        store(to, value);
      }
    return;
  }
  T edge[rows][vectors * L];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) store(edge[i] + v * L, sum[i][v]);
  for (std::int64_t i = 0; i < rows_valid; ++i)
    for (std::int64_t j = 0; j < columns_valid; ++j) {
      T& to = c[i * pitch_c + j];
      to = edge[i][j] + (!first ? to : bias ? bias[j] : T{});
    }
}

template <class T, int vectors>
HD_INLINE void tile_of(std::int64_t k, const T* a, const T* b, std::int64_t pitch_b, const T* bias, bool first, T* c,
                       std::int64_t pitch_c, std::int64_t rows, std::int64_t columns) {
  if (rows > 4)
    tile<T, panel_rows, vectors>(k, a, b, pitch_b, bias, first, c, pitch_c, rows, columns);
  else if (rows > 1)
    tile<T, 4, vectors>(k, a, b, pitch_b, bias, first, c, pitch_c, rows, columns);
  else
    tile<T, 1, vectors>(k, a, b, pitch_b, bias, first, c, pitch_c, rows, columns);
}

// Block (bm, bn) of one product.
template <class T>
void block(const GemmShape& s, const Plan<T>& plan, std::int64_t bm, std::int64_t bn, const T* packed_a, const T* packed_b,
           const T* b, const T* bias, T* c) {
  constexpr int width = panel_columns<T>;
  const std::int64_t row_end = smaller(s.m, (bm + 1) * plan.rows), column_end = smaller(s.n, (bn + 1) * plan.columns);
  for (std::int64_t k0 = 0; k0 < s.k; k0 += block_k) {
    const std::int64_t k = smaller(block_k, s.k - k0);
    for (std::int64_t j = bn * plan.columns; j < column_end; j += width) {
      const std::int64_t columns = smaller(width, s.n - j);
      const bool in_place = plan.direct_b && columns == width;
      const T* panel = in_place ? b + k0 * s.n + j : packed_b + (plan.direct_b ? 0 : j) * s.k + k0 * width;
      for (std::int64_t i = bm * plan.rows; i < row_end; i += panel_rows) {
        const T* pa = packed_a + i * s.k + k0 * panel_rows;
        T* to = c + i * s.n + j;
        const std::int64_t rows = smaller(panel_rows, s.m - i);
        if (columns > lanes<T>)
          tile_of<T, 2>(k, pa, panel, in_place ? s.n : width, bias ? bias + j : nullptr, k0 == 0, to, s.n, rows, columns);
        else
          tile_of<T, 1>(k, pa, panel, width, bias ? bias + j : nullptr, k0 == 0, to, s.n, rows, columns);
      }
    }
  }
}

// k = 0: nothing to add up.
template <class T>
void only_bias(const GemmShape& s, const T* bias, T* c) {
  for (std::int64_t i = 0; i < s.batch * s.m; ++i)
    for (std::int64_t j = 0; j < s.n; ++j) c[i * s.n + j] = bias ? bias[j] : T{};
}

template <class T>
void gemm(Stream, const GemmShape& s, const T* a, const T* b, const T* bias, T* c, void* memory) {
  if (s.m * s.n * s.batch == 0) return;
  if (s.k == 0) return only_bias(s, bias, c);
  const Plan<T> plan(s);
  T* packed_a = reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory) + 63) / 64 * 64);
  T* packed_b = packed_a + plan.size_a * plan.count_a;

  const std::int64_t a_i = s.transpose_a ? 1 : s.k, a_k = s.transpose_a ? s.m : 1;
  const std::int64_t b_j = s.transpose_b ? s.k : 1, b_k = s.transpose_b ? 1 : s.n;
  const std::int64_t panels_a = plan.row_panels * plan.count_a;
  // Of a B that is read in place only the last panel is packed, and only where it is narrower than the others.
  const std::int64_t first_b = plan.direct_b ? s.n / panel_columns<T> : 0, panels_b = plan.column_panels - first_b;
  parallel_for(panels_a + panels_b * plan.count_b, 1 + 32768 / (panel_columns<T> * s.k),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   if (i < panels_a) {
                     const std::int64_t item = i / plan.row_panels, panel = i % plan.row_panels;
                     pack_panel(panel * panel_rows, s.m, panel_rows, s.k, a + item * s.batch_stride_a, a_i, a_k,
                                packed_a + i * panel_rows * s.k);
                   } else {
                     const std::int64_t item = (i - panels_a) / panels_b, panel = (i - panels_a) % panels_b;
                     pack_panel((first_b + panel) * panel_columns<T>, s.n, panel_columns<T>, s.k, b + item * s.batch_stride_b,
                                b_j, b_k, packed_b + item * plan.size_b + panel * panel_columns<T> * s.k);
                   }
                 }
               });

  const std::int64_t blocks = plan.blocks_m * plan.blocks_n;
  const std::int64_t flops = 2 * smaller(s.m, plan.rows) * smaller(s.n, plan.columns) * s.k;
  parallel_for(s.batch * blocks, 1 + small_work / flops, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t item = i / blocks, bm = i % blocks / plan.blocks_n, bn = i % plan.blocks_n;
      block(s, plan, bm, bn, packed_a + (plan.count_a > 1 ? item * plan.size_a : 0),
            packed_b + (plan.count_b > 1 ? item * plan.size_b : 0), b + item * s.batch_stride_b, bias, c + item * s.m * s.n);
    }
  });
}

template <class T>
std::size_t no_workspace(const GemmShape&) {
  return 0;
}

template <class T>
void naive(Stream, const GemmShape& s, const T* a, const T* b, const T* bias, T* c, void*) {
  for (std::int64_t item = 0; item < s.batch; ++item, a += s.batch_stride_a, b += s.batch_stride_b, c += s.m * s.n)
    for (std::int64_t i = 0; i < s.m; ++i)
      for (std::int64_t j = 0; j < s.n; ++j) {
        T sum = 0;
        for (std::int64_t p = 0; p < s.k; ++p)
          sum += (s.transpose_a ? a[p * s.m + i] : a[i * s.k + p]) * (s.transpose_b ? b[j * s.k + p] : b[p * s.n + j]);
        c[i * s.n + j] = sum + (bias ? bias[j] : T{});
      }
}

template <class T>
constexpr GemmKernels<T> fast_table{workspace<T>, gemm<T>};
template <class T>
constexpr GemmKernels<T> naive_table{no_workspace<T>, naive<T>};

}  // namespace

template <>
const GemmKernels<float>& CpuTable<this_isa, GemmKernels<float>>::get(Variant variant) {
  return variant == Variant::fast ? fast_table<float> : naive_table<float>;
}
template <>
const GemmKernels<double>& CpuTable<this_isa, GemmKernels<double>>::get(Variant variant) {
  return variant == Variant::fast ? fast_table<double> : naive_table<double>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const GemmKernels<float>& GemmKernels<float>::cpu(Variant variant) {
  return cpu_table<GemmKernels<float>>(variant);
}
template <>
const GemmKernels<double>& GemmKernels<double>::cpu(Variant variant) {
  return cpu_table<GemmKernels<double>>(variant);
}
#endif

}  // namespace heddle::kernels
