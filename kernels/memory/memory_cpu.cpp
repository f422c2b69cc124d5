// Filling, copying and converting on the CPU, at memory speed.
//
// A copy reorders its dimensions by the output's strides (any order copies the same elements), collapses them, and then
// is one of two things: rows in which both sides advance by one element, or a transpose, where the input's contiguous
// dimension is another than the output's. Transposes run in tiles small enough that the lines they touch stay in
// cache until they are used up, four by four elements in registers. Bytes: 2 * count * size.
#include <cstring>

#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/elementwise/element_ops.hpp"
#include "kernels/memory/copy_order.hpp"
#include "kernels/memory/memory.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain_bytes = 128 * 1024;

HD_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

template <class T>
void fill_with(std::int64_t count, T value, T* y) {
  parallel_for(count, grain_bytes / sizeof(T), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = value;
  });
}

void fill(Stream, DType type, std::int64_t count, double value, void* y) {
  visit_any(type, [=]<class T>(TypeTag<T>) { fill_with(count, convert<T>(value), static_cast<T*>(y)); });
}

void arange(Stream, DType type, std::int64_t count, double start, double step, void* y) {
  visit_any(type, [=]<class T>(TypeTag<T>) {
    parallel_for(count, grain_bytes / sizeof(T), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) static_cast<T*>(y)[i] = convert<T>(start + static_cast<double>(i) * step);
    });
  });
}

template <class From, class To>
void cast_between(std::int64_t count, const From* x, To* y) {
  parallel_for(count, grain_bytes / 8, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
  });
}

void cast(Stream, DType from, DType to, std::int64_t count, const void* x, void* y) {
  visit_any(from, [=]<class From>(TypeTag<From>) {
    visit_any(to, [=]<class To>(TypeTag<To>) { cast_between(count, static_cast<const From*>(x), static_cast<To*>(y)); });
  });
}

// y[i * pitch_y + j] = x[i + j * pitch_x] for i < rows, j < columns.
template <class T>
HD_INLINE void transpose_tile(std::int64_t rows, std::int64_t columns, const T* x, std::int64_t pitch_x, T* y,
                              std::int64_t pitch_y) {
  std::int64_t i = 0;
  if constexpr (sizeof(T) == 4) {
    typedef T Four __attribute__((vector_size(16)));
    for (; i + 4 <= rows; i += 4) {
      std::int64_t j = 0;
      for (; j + 4 <= columns; j += 4) {
        Four a, b, c, d;
        std::memcpy(&a, x + i + (j + 0) * pitch_x, 16);
        std::memcpy(&b, x + i + (j + 1) * pitch_x, 16);
        std::memcpy(&c, x + i + (j + 2) * pitch_x, 16);
        std::memcpy(&d, x + i + (j + 3) * pitch_x, 16);
        const Four ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const Four cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        const Four r0 = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5), r1 = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
        const Four r2 = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5), r3 = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
        std::memcpy(y + (i + 0) * pitch_y + j, &r0, 16);
        std::memcpy(y + (i + 1) * pitch_y + j, &r1, 16);
        std::memcpy(y + (i + 2) * pitch_y + j, &r2, 16);
        std::memcpy(y + (i + 3) * pitch_y + j, &r3, 16);
      }
      for (; j < columns; ++j)
        for (std::int64_t k = i; k < i + 4; ++k) y[k * pitch_y + j] = x[k + j * pitch_x];
    }
  }
  for (; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) y[i * pitch_y + j] = x[i + j * pitch_x];
}

template <class T>
void copy_rows(const ElementShape& s, const T* x, T* y) {
  const int inner = s.dims - 1;
  const std::int64_t step_x = s.stride_a[inner], step_y = s.stride_b[inner];
  parallel_for(s.count(), grain_bytes / sizeof(T), [&](std::int64_t begin, std::int64_t end) {
    RowWalk at(s, begin);
    while (begin < end) {
      const std::int64_t n = smaller(s.size[inner] - at.column, end - begin);
      const T* from = x + at.offset_a + at.column * step_x;
      T* to = y + at.offset_b + at.column * step_y;
      if (step_x == 1 && step_y == 1)
        std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
      else if (step_x == 0 && step_y == 1)
        for (std::int64_t i = 0; i < n; ++i) to[i] = *from;
      else
        for (std::int64_t i = 0; i < n; ++i) to[i * step_y] = from[i * step_x];
      begin += n;
      at.next_row(s);
    }
  });
}

// `across` is the dimension along which x is contiguous; y is contiguous along the last.
template <class T>
void copy_transposed(const ElementShape& s, int across, const T* x, T* y) {
  constexpr std::int64_t tile = 64;
  const int inner = s.dims - 1;
  const ElementShape outer = without_last_and(s, across);
  const std::int64_t columns = s.size[inner], pitch_x = s.stride_a[inner], rows = s.size[across], pitch_y = s.stride_b[across];
  const std::int64_t tiles_i = (rows + tile - 1) / tile, tiles_j = (columns + tile - 1) / tile, tiles = tiles_i * tiles_j;
  const std::int64_t one = smaller(rows, tile) * smaller(columns, tile) * static_cast<std::int64_t>(sizeof(T));
  parallel_for(outer.count() * tiles, one >= grain_bytes ? 1 : grain_bytes / one, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const T* from = x;
      T* to = y;
      std::int64_t rest = t / tiles;
      for (int d = outer.dims - 1; d >= 0; rest /= outer.size[d--]) {
        from += rest % outer.size[d] * outer.stride_a[d];
        to += rest % outer.size[d] * outer.stride_b[d];
      }
      const std::int64_t i = t % tiles / tiles_j * tile, j = t % tiles_j * tile;
      transpose_tile(smaller(rows - i, tile), smaller(columns - j, tile), from + i + j * pitch_x, pitch_x, to + i * pitch_y + j,
                     pitch_y);
    }
  });
}

template <class T>
void copy_elements(const ElementShape& whole, const void* x, void* y) {
  if (whole.count() == 0) return;
  const ElementShape s = in_output_order(whole);
  if (const int across = transposed_dimension(s); across >= 0)
    return copy_transposed(s, across, static_cast<const T*>(x), static_cast<T*>(y));
  copy_rows(s, static_cast<const T*>(x), static_cast<T*>(y));
}

void copy(Stream, DType type, const ElementShape& shape, const void* x, void* y) {
  switch (size_of(type)) {
    case 1:
      return copy_elements<std::uint8_t>(shape, x, y);
    case 2:
      return copy_elements<std::uint16_t>(shape, x, y);
    case 4:
      return copy_elements<std::uint32_t>(shape, x, y);
    default:
      return copy_elements<std::uint64_t>(shape, x, y);
  }
}

void gather_rows(Stream, std::int64_t rows, std::int64_t row_bytes, const void* x, const std::int64_t* index, void* y) {
  if (row_bytes <= 0) return;
  parallel_for(rows, row_bytes >= grain_bytes ? 1 : grain_bytes / row_bytes, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::memcpy(static_cast<char*>(y) + i * row_bytes, static_cast<const char*>(x) + index[i] * row_bytes,
                  static_cast<std::size_t>(row_bytes));
  });
}

constexpr MemoryKernels table{fill, copy, cast, arange, gather_rows};

}  // namespace

template <>
const MemoryKernels& CpuTable<this_isa, MemoryKernels>::get(Variant) {
  return table;
}

#if HEDDLE_ISA_IS_BASE
const MemoryKernels& MemoryKernels::cpu() {
  return cpu_table<MemoryKernels>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
