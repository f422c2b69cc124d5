// Filling, copying and converting on the GPU, at memory speed. Element types matter by their size alone where nothing is
// converted.
//
// fill, arange: a thread writes 16 bytes. cast: a thread converts four neighbours. x, y [count].
// copy: dimensions in the output's order, collapsed (copy_order.hpp). Rows: a thread moves 16 bytes of a row where both sides
//   are contiguous and aligned, else one element. A transpose (x contiguous along another dimension than y) goes through
//   shared memory, tiles of 32 x 32 with a column to spare, so that both sides are accessed along their rows.
// gather_rows: x [any, row_bytes], index [rows], y [rows, row_bytes]; a thread moves the widest word that divides row_bytes.
// naive: a thread, an element (gather_rows: a byte), 64-bit arithmetic throughout.
// Bytes: count * size once for every array; no arithmetic to speak of.
#include "kernels/elementwise/collapse.hpp"
#include "kernels/elementwise/element_index.hpp"
#include "kernels/elementwise/element_ops.hpp"
#include "kernels/memory/copy_order.hpp"
#include "kernels/memory/memory.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;
constexpr int tile = 32;  // of a transpose, in elements; a block's 8 warps take 4 rows each

// y[i] = make(i)

template <class T>
struct Same {
  T value;
  HD_DEVICE T operator()(std::int64_t) const { return value; }
};
template <class T>
struct Steps {
  double start, step;
  HD_DEVICE T operator()(std::int64_t i) const { return convert<T>(start + static_cast<double>(i) * step); }
};

template <int width, class T, class Make>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) memory_make_kernel(std::int64_t count, Make make, T* y) {
  const std::int64_t i = simt::thread_number() * width;
  if (i >= count) return;
  if (width > 1 && i + width <= count && simt::is_aligned<width>(y)) {
    simt::Vec<T, width> v;
    HD_UNROLL
    for (int j = 0; j < width; ++j) v[j] = make(i + j);
    simt::store_vec(y + i, v);
    return;
  }
  for (int j = 0; j < width && i + j < count; ++j) y[i + j] = make(i + j);
}

template <bool naive, class T, class Make>
void make(Stream stream, std::int64_t count, Make f, void* y) {
  constexpr int width = naive ? 1 : simt::vec_width<T>;
  simt::launch<memory_make_kernel<width, T, Make>>(simt::blocks_for(count, threads * width), threads, 0, stream, count, f,
                                                   static_cast<T*>(y));
}

template <bool naive>
void fill(Stream stream, DType type, std::int64_t count, double value, void* y) {
  visit_any(type, [&]<class T>(TypeTag<T>) { make<naive, T>(stream, count, Same<T>{convert<T>(value)}, y); });
}
template <bool naive>
void arange(Stream stream, DType type, std::int64_t count, double start, double step, void* y) {
  visit_any(type, [&]<class T>(TypeTag<T>) { make<naive, T>(stream, count, Steps<T>{start, step}, y); });
}

// Conversion

template <int width, class From, class To>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) memory_cast_kernel(std::int64_t count, const From* HD_RESTRICT x, To* HD_RESTRICT y) {
  const std::int64_t i = simt::thread_number() * width;
  if (i >= count) return;
  if (width > 1 && i + width <= count && simt::is_aligned<width>(x) && simt::is_aligned<width>(y)) {
    const simt::Vec<From, width> from = simt::load_vec<width>(x + i);
    simt::Vec<To, width> to;
    HD_UNROLL
    for (int j = 0; j < width; ++j) to[j] = convert<To>(from[j]);
    simt::store_vec(y + i, to);
    return;
  }
  for (int j = 0; j < width && i + j < count; ++j) y[i + j] = convert<To>(x[i + j]);
}

template <bool naive>
void cast(Stream stream, DType from, DType to, std::int64_t count, const void* x, void* y) {
  constexpr int width = naive ? 1 : 4;
  visit_any(from, [&]<class From>(TypeTag<From>) {
    visit_any(to, [&]<class To>(TypeTag<To>) {
      simt::launch<memory_cast_kernel<width, From, To>>(simt::blocks_for(count, threads * width), threads, 0, stream, count,
                                                        static_cast<const From*>(x), static_cast<To*>(y));
    });
  });
}

// Copies between layouts

template <int width, class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    memory_copy_kernel(ElementIndex index, const Word* HD_RESTRICT x, Word* HD_RESTRICT y) {
  const std::uint32_t unit = blockIdx.x * threads + threadIdx.x;
  if (unit >= index.units) return;
  const ElementRun run = index.run<width>(unit);
  store_run<width>(y + run.b, index.step_b, run.count, load_run<width>(x + run.a, index.step_a, run.count));
}

// Planes of x, `columns` rows of `rows` neighbours pitch_x apart, to planes of y, `rows` rows of `columns` neighbours pitch_y
// apart. A block turns one tile.
struct Transpose {
  int rows, columns, pitch_x, pitch_y;
  simt::Divider tiles, tiles_across;  // of a plane, of a plane's row of tiles
  ElementIndex planes;
};

template <class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) memory_transpose_kernel(Transpose t, const Word* HD_RESTRICT x, Word* HD_RESTRICT y) {
  HD_SHARED(Word, turned, [tile][tile + 1]);
  std::uint32_t at = blockIdx.x;
  const ElementRun plane = t.planes.run<1>(t.tiles.split(at));
  const int i0 = static_cast<int>(t.tiles_across.split(at)) * tile, j0 = static_cast<int>(at) * tile;
  const int lane = static_cast<int>(threadIdx.x % tile), first = static_cast<int>(threadIdx.x / tile);
  HD_UNROLL
  for (int k = first; k < tile; k += threads / tile)
    if (i0 + lane < t.rows && j0 + k < t.columns) turned[k][lane] = x[plane.a + i0 + lane + (j0 + k) * t.pitch_x];
  __syncthreads();
  HD_UNROLL
  for (int k = first; k < tile; k += threads / tile)
    if (i0 + k < t.rows && j0 + lane < t.columns) y[plane.b + (i0 + k) * t.pitch_y + j0 + lane] = turned[lane][k];
}

template <class Word>
void copy_transposed(Stream stream, const ElementShape& s, int across, const Word* x, Word* y) {
  const int inner = s.dims - 1;
  const ElementShape planes = collapse(without_last_and(s, across));
  const std::int64_t tiles_i = (s.size[across] + tile - 1) / tile, tiles_j = (s.size[inner] + tile - 1) / tile;
  const Transpose t{static_cast<int>(s.size[across]),
                    static_cast<int>(s.size[inner]),
                    static_cast<int>(s.stride_a[inner]),
                    static_cast<int>(s.stride_b[across]),
                    simt::Divider(tiles_i * tiles_j),
                    simt::Divider(tiles_j),
                    ElementIndex(planes, 1)};
  simt::launch<memory_transpose_kernel<Word>>(static_cast<unsigned>(planes.count() * tiles_i * tiles_j), threads, 0, stream, t,
                                              x, y);
}

template <int width, class Word>
void copy_rows(Stream stream, const ElementShape& s, const Word* x, Word* y) {
  const ElementIndex index(s, width);
  simt::launch<memory_copy_kernel<width, Word>>(simt::blocks_for(index.units, threads), threads, 0, stream, index, x, y);
}

template <class Word>
void copy_words(Stream stream, const ElementShape& whole, const void* from, void* to) {
  constexpr int width = simt::vec_width<Word>;
  if (whole.count() == 0) return;
  each_part(in_output_order(whole), index_limit, [&](const ElementShape& s, std::int64_t a, std::int64_t b, std::int64_t) {
    const Word* x = static_cast<const Word*>(from) + a;
    Word* y = static_cast<Word*>(to) + b;
    const int across = transposed_dimension(s), inner = s.dims - 1;
    constexpr int narrow = 8;  // below that, tiles would stand empty
    if (across >= 0 && s.size[across] >= narrow && s.size[inner] >= narrow)
      copy_transposed(stream, s, across, x, y);
    else if (s.stride_b[inner] == 1 && runs_aligned<width>(s, s.stride_a, x) && runs_aligned<width>(s, s.stride_b, y))
      copy_rows<width>(stream, s, x, y);
    else
      copy_rows<1>(stream, s, x, y);
  });
}

template <class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    memory_copy_naive_kernel(ElementShape shape, std::int64_t count, const Word* x, Word* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  std::int64_t rest = i, from = 0, to = 0;
  for (int d = shape.dims - 1; d >= 0; rest /= shape.size[d--]) {
    from += rest % shape.size[d] * shape.stride_a[d];
    to += rest % shape.size[d] * shape.stride_b[d];
  }
  y[to] = x[from];
}

template <class Word>
void copy_words_naive(Stream stream, const ElementShape& whole, const void* x, void* y) {
  const ElementShape s = in_output_order(whole);
  simt::launch<memory_copy_naive_kernel<Word>>(simt::blocks_for(s.count(), threads), threads, 0, stream, s, s.count(),
                                               static_cast<const Word*>(x), static_cast<Word*>(y));
}

template <bool naive>
void copy(Stream stream, DType type, const ElementShape& shape, const void* x, void* y) {
  switch (size_of(type)) {
    case 1:
      return (naive ? copy_words_naive<std::uint8_t> : copy_words<std::uint8_t>)(stream, shape, x, y);
    case 2:
      return (naive ? copy_words_naive<std::uint16_t> : copy_words<std::uint16_t>)(stream, shape, x, y);
    case 4:
      return (naive ? copy_words_naive<std::uint32_t> : copy_words<std::uint32_t>)(stream, shape, x, y);
    default:
      return (naive ? copy_words_naive<std::uint64_t> : copy_words<std::uint64_t>)(stream, shape, x, y);
  }
}

// Rows by number

template <class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    memory_gather_kernel(std::uint32_t count, simt::Divider words, const Word* HD_RESTRICT x,
                         const std::int64_t* HD_RESTRICT index, Word* HD_RESTRICT y) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= count) return;
  std::uint32_t column = i;
  const std::uint32_t row = words.split(column);
  y[i] = x[index[row] * words.divisor + column];
}

template <class Word>
void gather_words(Stream stream, std::int64_t rows, std::int64_t words, const void* x, const std::int64_t* index, void* y) {
  const std::int64_t most = words < index_limit ? (index_limit - 1) / words : 1;  // rows of a launch
  for (std::int64_t row = 0; row < rows; row += most) {
    const std::int64_t count = (rows - row < most ? rows - row : most) * words;
    simt::launch<memory_gather_kernel<Word>>(simt::blocks_for(count, threads), threads, 0, stream,
                                             static_cast<std::uint32_t>(count), simt::Divider(words),
                                             static_cast<const Word*>(x), index + row, static_cast<Word*>(y) + row * words);
  }
}

void gather_rows(Stream stream, std::int64_t rows, std::int64_t row_bytes, const void* x, const std::int64_t* index, void* y) {
  if (row_bytes <= 0) return;
  using Sixteen = simt::Vec<std::uint64_t, 2>;
  const auto fits = [&](std::int64_t size) {
    const auto at = reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y);
    return row_bytes % size == 0 && at % static_cast<std::uintptr_t>(size) == 0;
  };
  if (fits(16)) return gather_words<Sixteen>(stream, rows, row_bytes / 16, x, index, y);
  if (fits(4)) return gather_words<std::uint32_t>(stream, rows, row_bytes / 4, x, index, y);
  gather_words<std::uint8_t>(stream, rows, row_bytes, x, index, y);
}

HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    memory_gather_naive_kernel(std::int64_t count, std::int64_t row_bytes, const char* x, const std::int64_t* index, char* y) {
  const std::int64_t i = simt::thread_number();
  if (i < count) y[i] = x[index[i / row_bytes] * row_bytes + i % row_bytes];
}

void gather_rows_naive(Stream stream, std::int64_t rows, std::int64_t row_bytes, const void* x, const std::int64_t* index,
                       void* y) {
  simt::launch<memory_gather_naive_kernel>(simt::blocks_for(rows * row_bytes, threads), threads, 0, stream, rows * row_bytes,
                                           row_bytes, static_cast<const char*>(x), index, static_cast<char*>(y));
}

constexpr MemoryKernels fast{fill<false>, copy<false>, cast<false>, arange<false>, gather_rows};
constexpr MemoryKernels naive{fill<true>, copy<true>, cast<true>, arange<true>, gather_rows_naive};

}  // namespace

const MemoryKernels& MemoryKernels::cuda(Variant v) {
  return v == Variant::naive ? naive : fast;
}

}  // namespace heddle::kernels
