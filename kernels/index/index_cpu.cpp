// Gathering, scattering and choosing on the CPU, at memory speed where neighbours stay neighbours.
//
// gather: rows of `inner` elements, a memcpy each where a row shares its number, in ranges of rows. scatters: what lands in one
// place must stay in order, so that work is cut along outer and inner alone, strips of columns that walk all rows: with one
// outer index and a short inner dimension one thread does it all. select: rows of the collapsed space. Bytes: each array once.
#include <cstring>

#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/elementwise/collapse.hpp"
#include "kernels/index/index.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;  // elements of a piece of work

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

HD_INLINE bool within(std::int64_t number, std::int64_t size) {
  return number >= 0 && number < size;
}

template <class Word>
void gather_words(const IndexShape& s, const Word* x, const std::int64_t* index, Word* y) {
  if (s.inner <= 0) return;
  parallel_for(s.outer * s.count, s.inner >= grain ? 1 : grain / s.inner, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t o = row / s.count, i = row - o * s.count;
      const std::int64_t* number = index + o * s.stride_outer + i * s.stride;
      const Word* from = x + o * s.size * s.inner;
      Word* to = y + row * s.inner;
      if (s.stride_inner == 0 && s.inner >= 8 && within(*number, s.size)) {
        std::memcpy(to, from + *number * s.inner, static_cast<std::size_t>(s.inner) * sizeof(Word));
        continue;
      }
      for (std::int64_t k = 0; k < s.inner; ++k) {
        const std::int64_t n = number[k * s.stride_inner];
        to[k] = within(n, s.size) ? from[n * s.inner + k] : static_cast<Word>(~Word{0});
      }
    }
  });
}
void gather(Stream, DType type, const IndexShape& s, const void* x, const std::int64_t* index, void* y) {
  with_word(type, [&]<class Word>(Word) { gather_words(s, static_cast<const Word*>(x), index, static_cast<Word*>(y)); });
}

struct Assign {
  template <class T>
  HD_INLINE static void put(T& place, T value) {
    place = value;
  }
};
struct Add {
  template <class T>
  HD_INLINE static void put(T& place, T value) {
    if constexpr (std::is_integral_v<T>)
      place = static_cast<T>(static_cast<std::uint64_t>(place) + static_cast<std::uint64_t>(value));
    else
      place += value;
  }
};

template <class How, class T>
void scatter_lines(const IndexShape& s, const std::int64_t* index, const T* y, T* x) {
  if (s.inner <= 0 || s.count <= 0) return;
  constexpr std::int64_t narrow = 16;  // columns: a line of the cache of floats
  const std::int64_t eighth = (s.inner + 7) / 8, width = eighth > narrow ? eighth : narrow,
                     strips = (s.inner + width - 1) / width;
  const std::int64_t unit = s.count * (s.inner < width ? s.inner : width);
  parallel_for(s.outer * strips, unit >= grain ? 1 : grain / unit, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::int64_t o = u / strips, first = u % strips * width, last = first + width < s.inner ? first + width : s.inner;
      for (std::int64_t i = 0; i < s.count; ++i) {
        const std::int64_t* number = index + o * s.stride_outer + i * s.stride;
        const T* from = y + (o * s.count + i) * s.inner;
        T* to = x + o * s.size * s.inner;
        if (s.stride_inner == 0) {
          if (!within(*number, s.size)) continue;
          T* row = to + *number * s.inner;
          for (std::int64_t k = first; k < last; ++k) How::put(row[k], from[k]);
          continue;
        }
        for (std::int64_t k = first; k < last; ++k) {
          const std::int64_t n = number[k * s.stride_inner];
          if (within(n, s.size)) How::put(to[n * s.inner + k], from[k]);
        }
      }
    }
  });
}
void scatter(Stream, DType type, const IndexShape& s, const std::int64_t* index, const void* y, void* x) {
  with_word(type,
            [&]<class Word>(Word) { scatter_lines<Assign>(s, index, static_cast<const Word*>(y), static_cast<Word*>(x)); });
}
void scatter_add(Stream, DType type, const IndexShape& s, const std::int64_t* index, const void* y, void* x) {
  const auto run = [&]<class T>(T) { scatter_lines<Add>(s, index, static_cast<const T*>(y), static_cast<T*>(x)); };
  if (type == DType::float32) return run(float{});
  if (type == DType::float64) return run(double{});
  run(std::int64_t{});
}

template <class Word>
void select_words(const ElementShape& whole, const std::uint8_t* mask, const Word* x, Word* y) {
  const std::int64_t count = whole.count();
  if (count == 0) return;
  const ElementShape s = collapse(whole);
  const int inner = s.dims - 1;
  const std::int64_t step_mask = s.stride_a[inner], step_x = s.stride_b[inner];
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    RowWalk at(s, begin);
    while (begin < end) {
      const std::int64_t left = s.size[inner] - at.column, n = left < end - begin ? left : end - begin;
      const std::uint8_t* m = mask + at.offset_a + at.column * step_mask;
      const Word* from = x + at.offset_b + at.column * step_x;
      Word* to = y + begin;
      if (step_mask == 1 && step_x == 1)
        for (std::int64_t i = 0; i < n; ++i) to[i] = m[i] ? from[i] : to[i];
      else
        for (std::int64_t i = 0; i < n; ++i) to[i] = m[i * step_mask] ? from[i * step_x] : to[i];
      begin += n;
      at.next_row(s);
    }
  });
}
void select(Stream, DType type, const ElementShape& shape, const std::uint8_t* mask, const void* x, void* y) {
  with_word(type, [&]<class Word>(Word) { select_words(shape, mask, static_cast<const Word*>(x), static_cast<Word*>(y)); });
}

// A number is 0 where its bits are, the sign of floating point aside.
void nonzero(Stream, DType type, std::int64_t count, const void* x, std::uint8_t* y) {
  const int sign = is_floating_point(type) ? 1 : 0;
  with_word(type, [&]<class Word>(Word) {
    const Word* from = static_cast<const Word*>(x);
    parallel_for(count, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = static_cast<Word>(from[i] << sign) != 0;
    });
  });
}

constexpr IndexKernels table{gather, scatter, scatter_add, select, nonzero};

}  // namespace

template <>
const IndexKernels& CpuTable<this_isa, IndexKernels>::get(Variant) {
  return table;
}

#if HEDDLE_ISA_IS_BASE
const IndexKernels& IndexKernels::cpu() {
  return cpu_table<IndexKernels>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
