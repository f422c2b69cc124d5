// Sorting on the GPU: a merge sort of places, one launch for each doubling of the runs.
//
// x, from, to [outer, reduced, inner]. A thread takes one element of a sorted run of `width`, finds by binary search how many
// of the neighbouring run come before it, and so knows its place in the merged run; equal elements of the left run come first.
// The lines' order is kept as places alone, and numbers are read through them. naive is the same. Bytes: log2(reduced) passes,
// each over the places and, in no order, over x. Operations: log2(width) comparisons an element a pass.
#include "kernels/simt/simt.hpp"
#include "kernels/sort/sort.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

// Places as a pass reads them: those of the pass before, or each its own where there was none.
HD_DEVICE inline std::int64_t place_at(const std::int64_t* from, std::int64_t i, std::int64_t pitch) {
  return from ? from[i * pitch] : i;
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) sort_merge_kernel(bool descending, ReduceShape s, std::int64_t width, const T* x,
                                                           const std::int64_t* from, std::int64_t* to) {
  const std::int64_t at = simt::thread_number();
  if (at >= s.outer * s.reduced * s.inner) return;
  const std::int64_t k = at % s.inner, rest = at / s.inner, i = rest % s.reduced,
                     base = rest / s.reduced * s.reduced * s.inner + k;
  x += base;
  to += base;
  if (from) from += base;
  const std::int64_t pair = i / (2 * width) * (2 * width);
  const std::int64_t middle = pair + width < s.reduced ? pair + width : s.reduced;
  const std::int64_t end = middle + width < s.reduced ? middle + width : s.reduced;
  const std::int64_t mine = place_at(from, i, s.inner);
  const T value = x[mine * s.inner];
  const bool on_the_left = i < middle;
  // How many of the other run stand before this element.
  const std::int64_t first = on_the_left ? middle : pair;
  std::int64_t low = first, high = on_the_left ? end : middle;
  while (low < high) {
    const std::int64_t center = low + (high - low) / 2;
    const T other = x[place_at(from, center, s.inner) * s.inner];
    const bool before = on_the_left ? sorts_before(other, value, descending) : !sorts_before(value, other, descending);
    if (before)
      low = center + 1;
    else
      high = center;
  }
  const std::int64_t own = on_the_left ? i - pair : i - middle;
  to[(pair + own + (low - first)) * s.inner] = mine;
}

template <class T>
std::size_t workspace_bytes(const ReduceShape& s) {
  return static_cast<std::size_t>(s.outer * s.reduced * s.inner) * sizeof(std::int64_t);
}

template <class T>
void argsort(Stream stream, bool descending, const ReduceShape& s, const T* x, std::int64_t* index, void* workspace) {
  const std::int64_t count = s.outer * s.reduced * s.inner;
  int passes = 1;
  while ((std::int64_t{1} << passes) < s.reduced) ++passes;
  std::int64_t* const apart = static_cast<std::int64_t*>(workspace);
  const std::int64_t* from = nullptr;
  for (int pass = 0; pass < passes; ++pass) {
    std::int64_t* const to = (passes - pass) % 2 ? index : apart;  // the last goes to index
    simt::launch<sort_merge_kernel<T>>(simt::blocks_for(count, threads), threads, 0, stream, descending, s,
                                       std::int64_t{1} << pass, x, from, to);
    from = to;
  }
}

template <class T>
constexpr SortKernels<T> table{workspace_bytes<T>, argsort<T>};

}  // namespace

template <>
const SortKernels<float>& SortKernels<float>::cuda(Variant) {
  return table<float>;
}
template <>
const SortKernels<double>& SortKernels<double>::cuda(Variant) {
  return table<double>;
}
template <>
const SortKernels<std::int64_t>& SortKernels<std::int64_t>::cuda(Variant) {
  return table<std::int64_t>;
}

}  // namespace heddle::kernels
