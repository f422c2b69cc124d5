// Sums of a stretch of numbers and of their squares, for means and variances, or for gradients of norms.
//
// Variance by one pass: with the mean of a first part of the data as shift, the relative error is at most the rounding error
// times (size of all / size of that part), whatever the data, since the squared distance of a part's mean from the whole's is
// at most variance * all / part. Partial sums are kept in lanes for about a thousand elements, then added up in double.
#pragma once

#include <cstdint>

#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

/// Elements in a piece: few enough that what a second look needs is still in the first cache.
inline constexpr int piece_size = 1024;

/// A pair of sums: a vector of lanes each, emptied into doubles now and then.
template <class T>
struct PairSums {
  Vec<T> a = {}, b = {};
  int pending = 0;
  double total_a = 0, total_b = 0;

  /// Takes the sums over `count` elements, held in four vectors each.
  HD_INLINE void add(const Vec<T> (&more_a)[4], const Vec<T> (&more_b)[4], int count) {
    a += (more_a[0] + more_a[1]) + (more_a[2] + more_a[3]);
    b += (more_b[0] + more_b[1]) + (more_b[2] + more_b[3]);
    pending += count;
    if (pending >= piece_size) flush();
  }
  HD_INLINE void flush() {
    total_a += sum<T>(a);
    total_b += sum<T>(b);
    a = b = Vec<T>{};
    pending = 0;
  }

  /// Takes a piece of elements: a sums their distances from shift, b the squares of these. element(i, part) is the vector at i.
  HD_INLINE void add_distances(int count, T shift, auto&& element) {
    Vec<T> more_a[4] = {}, more_b[4] = {};
    each_vector<T, 4>(count, [&](int i, auto part, auto u) HD_INLINE_LAMBDA {
      const Vec<T> d = keep_part<T>(element(i, part) - shift, part);
      more_a[u] += d;
      more_b[u] += d * d;
    });
    add(more_a, more_b, count);
  }
};

}  // namespace
}  // namespace heddle::kernels
