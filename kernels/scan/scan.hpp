// Running sums and products along one dimension.
#pragma once

#include <cstdint>
#include <type_traits>

#include "heddle/base/inline.hpp"
#include "heddle/base/stream.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

enum class Scan { sum, product };

/// What is scanned, and how: from the first element or (reverse) from the last; each output with its own element, or
/// (exclusive) with those before it alone, of which the first is 0 or 1.
struct ScanKind {
  Scan op = Scan::sum;
  bool reverse = false, exclusive = false;
};

/// x and y [outer, reduced, inner], along `reduced`, y may be x; float, double or int64. Totals are doubles for floating point,
/// and wrapping 64-bit integers. Their order depends on the shape alone: the same bits on any number of threads.
template <class T>
struct ScanKernels {
  void (*scan)(Stream, ScanKind, const ReduceShape&, const T* x, T* y);

  static const ScanKernels& cpu();
  static const ScanKernels& cuda(Variant = Variant::fast);
};

/// The running total of T, one step of it, and where it starts.
template <class T>
using ScanTotal = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
template <class Total>
HD_INLINE Total scan_step(Scan op, Total a, Total b) {
  return op == Scan::sum ? a + b : a * b;
}
template <class Total>
HD_INLINE Total scan_start(Scan op) {
  return op == Scan::sum ? Total{0} : Total{1};
}

}  // namespace heddle::kernels
