// Sorting on the CPU: a merge sort of each line, by one thread, in memory of its own beside the elements' places.
//
// Runs of 16 are sorted by insertion, then merged two by two between two arrays. Short lines go many to a piece of work.
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/sort/sort.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 8192;  // elements of a piece of work
constexpr std::int64_t run = 16;      // sorted by insertion

template <class T>
struct Item {
  T value;
  std::int64_t place;
};

// Two arrays of a line for each thread.
template <class T>
std::size_t workspace_bytes(const ReduceShape& s) {
  return s.outer * s.inner == 0 ? 0 : static_cast<std::size_t>(get_num_threads() * 2 * s.reduced) * sizeof(Item<T>);
}

template <bool descending, class T>
void insertion_sort(std::int64_t n, Item<T>* a) {
  for (std::int64_t i = 1; i < n; ++i) {
    const Item<T> item = a[i];
    std::int64_t j = i;
    for (; j > 0 && sorts_before(item.value, a[j - 1].value, descending); --j) a[j] = a[j - 1];
    a[j] = item;
  }
}

// a[0, middle) and a[middle, n), each sorted, to b.
template <bool descending, class T>
void merge(std::int64_t middle, std::int64_t n, const Item<T>* a, Item<T>* b) {
  std::int64_t left = 0, right = middle;
  for (std::int64_t i = 0; i < n; ++i) {
    const bool take_right = left == middle || (right < n && sorts_before(a[right].value, a[left].value, descending));
    b[i] = take_right ? a[right++] : a[left++];
  }
}

// The array of the two where the sorted line is in the end.
template <bool descending, class T>
Item<T>* sort_line(std::int64_t n, Item<T>* a, Item<T>* b) {
  for (std::int64_t begin = 0; begin < n; begin += run)
    insertion_sort<descending>(n - begin < run ? n - begin : run, a + begin);
  for (std::int64_t width = run; width < n; width *= 2) {
    for (std::int64_t begin = 0; begin < n; begin += 2 * width) {
      const std::int64_t left = n - begin, length = left < 2 * width ? left : 2 * width;
      merge<descending>(left < width ? left : width, length, a + begin, b + begin);
    }
    Item<T>* const merged = b;
    b = a;
    a = merged;
  }
  return a;
}

template <bool descending, class T>
void sort_lines(const ReduceShape& s, const T* x, std::int64_t* index, void* workspace) {
  const std::int64_t n = s.reduced, lines = s.outer * s.inner;
  if (lines * n == 0) return;
  const std::int64_t together = n >= grain ? 1 : grain / n;
  parallel_chunks((lines + together - 1) / together, [=](std::int64_t chunk, int worker) {
    Item<T>* const mine = static_cast<Item<T>*>(workspace) + worker * 2 * n;
    const std::int64_t end = (chunk + 1) * together < lines ? (chunk + 1) * together : lines;
    for (std::int64_t line = chunk * together; line < end; ++line) {
      const std::int64_t base = line / s.inner * n * s.inner + line % s.inner;
      for (std::int64_t i = 0; i < n; ++i) mine[i] = {x[base + i * s.inner], i};
      const Item<T>* sorted = sort_line<descending>(n, mine, mine + n);
      for (std::int64_t i = 0; i < n; ++i) index[base + i * s.inner] = sorted[i].place;
    }
  });
}

template <class T>
void argsort(Stream, bool descending, const ReduceShape& s, const T* x, std::int64_t* index, void* workspace) {
  if (descending) return sort_lines<true>(s, x, index, workspace);
  sort_lines<false>(s, x, index, workspace);
}

template <class T>
constexpr SortKernels<T> table{workspace_bytes<T>, argsort<T>};

}  // namespace

template <>
const SortKernels<float>& CpuTable<this_isa, SortKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const SortKernels<double>& CpuTable<this_isa, SortKernels<double>>::get(Variant) {
  return table<double>;
}
template <>
const SortKernels<std::int64_t>& CpuTable<this_isa, SortKernels<std::int64_t>>::get(Variant) {
  return table<std::int64_t>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const SortKernels<float>& SortKernels<float>::cpu() {
  return cpu_table<SortKernels<float>>(Variant::fast);
}
template <>
const SortKernels<double>& SortKernels<double>::cpu() {
  return cpu_table<SortKernels<double>>(Variant::fast);
}
template <>
const SortKernels<std::int64_t>& SortKernels<std::int64_t>::cpu() {
  return cpu_table<SortKernels<std::int64_t>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
