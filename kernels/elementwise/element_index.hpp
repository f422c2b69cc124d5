// The way from a thread to its elements: an index space of rows, each thread with a run of `width` neighbours of one row.
// What differs from thread to thread is computed in 32 bits, and divided by multiplying (kernels/simt/divide.hpp).
#pragma once

#include <cstdint>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/simt/divide.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {

inline constexpr std::int64_t index_limit = std::int64_t{1} << 31;  // of each_part(), collapse.hpp

struct ElementRun {
  int count = 0;              ///< of elements in the run: width, or fewer at a row's end
  std::int32_t a = 0, b = 0;  ///< offsets of the first
  std::int32_t first = 0;     ///< its number in the index space
};

struct ElementIndex {
  std::uint32_t units = 0;  ///< runs, and threads
  int inner = 1;            ///< elements of a row
  int dims = 0;             ///< without the rows' own
  int step_a = 1, step_b = 1;
  simt::Divider per_row;  ///< runs in a row
  simt::Divider size[max_dims];
  std::int32_t stride_a[max_dims] = {}, stride_b[max_dims] = {};

  /// `shape` is collapsed (at least one dimension) and fits index_limit.
  ElementIndex(const ElementShape& shape, int width) : dims(shape.dims - 1) {
    inner = static_cast<int>(shape.size[dims]);
    step_a = static_cast<int>(shape.stride_a[dims]);
    step_b = static_cast<int>(shape.stride_b[dims]);
    const int runs = (inner - 1) / width + 1;
    per_row = simt::Divider(runs);
    units = static_cast<std::uint32_t>(shape.count() / inner * runs);
    for (int d = 0; d < dims; ++d) {
      size[d] = simt::Divider(shape.size[d]);
      stride_a[d] = static_cast<std::int32_t>(shape.stride_a[d]);
      stride_b[d] = static_cast<std::int32_t>(shape.stride_b[d]);
    }
  }

  template <int width>
  HD_DEVICE ElementRun run(std::uint32_t unit) const {
    std::uint32_t row = per_row.split(unit);  // unit is left as the run's number in its row
    const int column = static_cast<int>(unit) * width;
    ElementRun r;
    r.count = inner - column < width ? inner - column : width;
    r.first = static_cast<std::int32_t>(row) * inner + column;
    r.a = column * step_a;
    r.b = column * step_b;
    for (int d = dims - 1; d >= 0; --d) {
      const std::uint32_t rest = size[d].split(row);
      r.a += static_cast<std::int32_t>(row) * stride_a[d];
      r.b += static_cast<std::int32_t>(row) * stride_b[d];
      row = rest;
    }
    return r;
  }
};

/// Whether runs of `width` elements along the rows of a collapsed shape can be accessed at once where they are neighbours.
template <int width, class T>
bool runs_aligned(const ElementShape& s, const std::int64_t* stride, const T* p) {
  const int inner = s.dims - 1;
  if (stride[inner] != 1) return true;  // element by element anyway
  if (inner > 0 && s.size[inner] % width != 0) return false;
  for (int d = 0; d < inner; ++d)
    if (stride[d] % width != 0) return false;
  return simt::is_aligned<width>(p);
}

/// The run at p, `step` apart; aligned where step is 1 and the run is whole.
template <int width, class T>
HD_DEVICE simt::Vec<T, width> load_run(const T* p, int step, int count) {
  simt::Vec<T, width> v{};
  if constexpr (width > 1) {
    if (step == 1 && count == width) return simt::load_vec<width>(p);
    if (step == 0) {
      const T same = *p;
      HD_UNROLL
      for (int j = 0; j < width; ++j) v[j] = same;
      return v;
    }
  }
  HD_UNROLL
  for (int j = 0; j < width; ++j)
    if (j < count) v[j] = p[j * step];
  return v;
}
template <int width, class T>
HD_DEVICE void store_run(T* p, int step, int count, const simt::Vec<T, width>& v) {
  if constexpr (width > 1) {
    if (step == 1 && count == width) return simt::store_vec(p, v);
  }
  HD_UNROLL
  for (int j = 0; j < width; ++j)
    if (j < count) p[j * step] = v[j];
}

}  // namespace heddle::kernels
