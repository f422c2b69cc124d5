// Gathering, scattering and choosing on the GPU.
//
// gather, select, nonzero: a thread an element. scatters: what lands in one place must stay in order, so a thread has a line
// (o, k) of x, or a stretch of one: it reads all numbers of the line in order, and takes those that fall into its stretch.
// There are as many stretches as make some 65,536 threads. The threads of a warp read the same numbers, or neighbours. x
// [outer, size, inner], y [outer, count, inner], index by its strides. naive is the same, with 64-bit numbers throughout.
// Bytes: each array once; the scatters read the index once for every stretch, from the caches.
#include "kernels/elementwise/collapse.hpp"
#include "kernels/index/index.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;
constexpr std::int64_t enough_threads = 65536;

template <class F>
void with_word(DType type, F&& f) {
  switch (size_of(type)) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

HD_DEVICE inline bool within(std::int64_t number, std::int64_t size) {
  return number >= 0 && number < size;
}

// Number: of 32 bits where it holds all elements, since a GPU divides these faster.
template <class Number, class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    index_gather_kernel(IndexShape s, Number count, const Word* x, const std::int64_t* index, Word* y) {
  const Number at = static_cast<Number>(simt::thread_number());
  if (at >= count) return;
  const Number inner = static_cast<Number>(s.inner), rows = static_cast<Number>(s.count);
  const Number row = at / inner, k = at - row * inner, o = row / rows, i = row - o * rows;
  const std::int64_t n = index[o * s.stride_outer + i * s.stride + k * s.stride_inner];
  y[at] = within(n, s.size) ? x[(static_cast<std::int64_t>(o) * s.size + n) * s.inner + k] : static_cast<Word>(~Word{0});
}

template <bool naive>
void gather(Stream stream, DType type, const IndexShape& s, const void* x, const std::int64_t* index, void* y) {
  const std::int64_t count = s.outer * s.count * s.inner;
  with_word(type, [&]<class Word>(Word) {
    const auto run = [&]<class Number>(Number) {
      simt::launch<index_gather_kernel<Number, Word>>(simt::blocks_for(count, threads), threads, 0, stream, s,
                                                      static_cast<Number>(count), static_cast<const Word*>(x), index,
                                                      static_cast<Word*>(y));
    };
    if (!naive && count < std::int64_t{1} << 31)
      run(std::uint32_t{});
    else
      run(std::int64_t{});
  });
}

template <bool add, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) index_scatter_kernel(IndexShape s, std::int64_t stretches, std::int64_t stretch,
                                                              const std::int64_t* index, const T* y, T* x) {
  const std::int64_t thread = simt::thread_number();
  if (thread >= s.outer * stretches * s.inner) return;
  const std::int64_t k = thread % s.inner, rest = thread / s.inner, part = rest % stretches, o = rest / stretches;
  const std::int64_t first = part * stretch, last = first + stretch < s.size ? first + stretch : s.size;
  const std::int64_t* number = index + o * s.stride_outer + k * s.stride_inner;
  const T* from = y + o * s.count * s.inner + k;
  T* to = x + o * s.size * s.inner + k;
  for (std::int64_t i = 0; i < s.count; ++i, number += s.stride, from += s.inner) {
    const std::int64_t n = *number;
    if (n < first || n >= last) continue;
    T& place = to[n * s.inner];
    if constexpr (!add)
      place = *from;
    else if constexpr (std::is_integral_v<T>)
      place = static_cast<T>(static_cast<std::uint64_t>(place) + static_cast<std::uint64_t>(*from));
    else
      place += *from;
  }
}

template <bool add, class T>
void scatter_lines(Stream stream, const IndexShape& s, const std::int64_t* index, const void* y, void* x) {
  const std::int64_t lines = s.outer * s.inner;
  if (lines == 0 || s.count == 0 || s.size == 0) return;
  const std::int64_t parts = lines < enough_threads ? enough_threads / lines : 1;
  const std::int64_t stretch = parts < s.size ? (s.size + parts - 1) / parts : 1, stretches = (s.size + stretch - 1) / stretch;
  simt::launch<index_scatter_kernel<add, T>>(simt::blocks_for(lines * stretches, threads), threads, 0, stream, s, stretches,
                                             stretch, index, static_cast<const T*>(y), static_cast<T*>(x));
}
void scatter(Stream stream, DType type, const IndexShape& s, const std::int64_t* index, const void* y, void* x) {
  with_word(type, [&]<class Word>(Word) { scatter_lines<false, Word>(stream, s, index, y, x); });
}
void scatter_add(Stream stream, DType type, const IndexShape& s, const std::int64_t* index, const void* y, void* x) {
  if (type == DType::float32) return scatter_lines<true, float>(stream, s, index, y, x);
  if (type == DType::float64) return scatter_lines<true, double>(stream, s, index, y, x);
  scatter_lines<true, std::int64_t>(stream, s, index, y, x);
}

template <class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    index_select_kernel(ElementShape shape, std::int64_t count, const std::uint8_t* mask, const Word* x, Word* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  std::int64_t rest = i, a = 0, b = 0;
  for (int d = shape.dims - 1; d > 0; --d) {
    const std::int64_t outer = rest / shape.size[d], at = rest - outer * shape.size[d];
    a += at * shape.stride_a[d];
    b += at * shape.stride_b[d];
    rest = outer;
  }
  a += rest * shape.stride_a[0];
  b += rest * shape.stride_b[0];
  if (mask[a]) y[i] = x[b];
}
void select(Stream stream, DType type, const ElementShape& whole, const std::uint8_t* mask, const void* x, void* y) {
  const ElementShape s = collapse(whole);
  with_word(type, [&]<class Word>(Word) {
    simt::launch<index_select_kernel<Word>>(simt::blocks_for(s.count(), threads), threads, 0, stream, s, s.count(), mask,
                                            static_cast<const Word*>(x), static_cast<Word*>(y));
  });
}

// A number is 0 where its bits are, the sign of floating point aside.
template <class Word>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) index_nonzero_kernel(std::int64_t count, int sign, const Word* x, std::uint8_t* y) {
  const std::int64_t i = simt::thread_number();
  if (i < count) y[i] = static_cast<Word>(x[i] << sign) != 0;
}
void nonzero(Stream stream, DType type, std::int64_t count, const void* x, std::uint8_t* y) {
  with_word(type, [&]<class Word>(Word) {
    simt::launch<index_nonzero_kernel<Word>>(simt::blocks_for(count, threads), threads, 0, stream, count,
                                             is_floating_point(type) ? 1 : 0, static_cast<const Word*>(x), y);
  });
}

constexpr IndexKernels fast{gather<false>, scatter, scatter_add, select, nonzero};
constexpr IndexKernels naive{gather<true>, scatter, scatter_add, select, nonzero};

}  // namespace

const IndexKernels& IndexKernels::cuda(Variant v) {
  return v == Variant::naive ? naive : fast;
}

}  // namespace heddle::kernels
