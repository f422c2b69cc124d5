// Sorting lines of a tensor by their numbers' places.
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/inline.hpp"
#include "heddle/base/stream.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// index [outer, reduced, inner] gets, for each line along `reduced`, the places of x's elements in ascending (descending)
/// order; equal elements stay in theirs, and NaN counts as greater than all numbers. float, double or int64. Workspace as in
/// Conv2dKernels.
template <class T>
struct SortKernels {
  std::size_t (*workspace)(const ReduceShape&);
  void (*argsort)(Stream, bool descending, const ReduceShape&, const T* x, std::int64_t* index, void* workspace);

  static const SortKernels& cpu();
  static const SortKernels& cuda(Variant = Variant::fast);
};

/// Whether a must stand before b.
template <class T>
HD_INLINE bool sorts_before(T a, T b, bool descending) {
  const bool nan_a = a != a, nan_b = b != b;
  return descending ? a > b || (nan_a && !nan_b) : a < b || (nan_b && !nan_a);
}

}  // namespace heddle::kernels
