// Pooling written from its definition, window by window: what the fast kernels are compared with.
#include "heddle/base/isa.hpp"

#if HEDDLE_ISA_IS_BASE

#include <algorithm>
#include <limits>

#include "kernels/pool/pool.hpp"

namespace heddle::kernels {
namespace {

// Calls f(out, in, tap) for every element inside x of every window: offsets in y and x, and the place in the window.
void each_element(const PoolShape& s, auto&& f) {
  for (std::int64_t plane = 0; plane < s.planes; ++plane)
    for (int p = 0; p < s.out_h; ++p)
      for (int q = 0; q < s.out_w; ++q)
        for (int r = 0; r < s.kh; ++r)
          for (int t = 0; t < s.kw; ++t) {
            const int row = p * s.stride_h - s.pad_h + r * s.dilation_h, column = q * s.stride_w - s.pad_w + t * s.dilation_w;
            if (row >= 0 && row < s.h && column >= 0 && column < s.w)
              f((plane * s.out_h + p) * s.out_w + q, (plane * s.h + row) * s.w + column, r * s.kw + t);
          }
}
std::int64_t in_size(const PoolShape& s) { return s.planes * s.h * s.w; }
std::int64_t out_size(const PoolShape& s) { return s.planes * s.out_h * s.out_w; }

template <class T> void max(Stream, const PoolShape& s, const T* x, T* y, std::uint8_t* arg) {
  std::fill_n(y, out_size(s), -std::numeric_limits<T>::infinity());
  if (arg) std::fill_n(arg, out_size(s), std::uint8_t{255});
  std::int64_t window = -1;
  each_element(s, [&](std::int64_t out, std::int64_t in, int tap) {
    const bool first = out != window, larger = x[in] > y[out], new_nan = x[in] != x[in] && y[out] == y[out];
    window = out;
    if (!first && !larger && !new_nan) return;
    y[out] = x[in];
    if (arg) arg[out] = static_cast<std::uint8_t>(tap);
  });
}

template <class T> void max_backward(Stream, const PoolShape& s, const T* dy, const std::uint8_t* arg, T* dx) {
  std::fill_n(dx, in_size(s), T(0));
  each_element(s, [&](std::int64_t out, std::int64_t in, int tap) {
    if (arg[out] == tap) dx[in] += dy[out];
  });
}

// Taps that an average counts along one axis.
int taps(bool with_padding, int first, int k, int dilation, int size, int pad) {
  int count = 0;
  for (int i = 0; i < k; ++i) {
    const int at = first + i * dilation;
    count += with_padding ? at < size + pad : at >= 0 && at < size;
  }
  return count;
}
double divisor(const PoolShape& s, std::int64_t out) {
  const int p = static_cast<int>(out / s.out_w % s.out_h), q = static_cast<int>(out % s.out_w);
  return taps(s.count_include_pad, p * s.stride_h - s.pad_h, s.kh, s.dilation_h, s.h, s.pad_h) *
         taps(s.count_include_pad, q * s.stride_w - s.pad_w, s.kw, s.dilation_w, s.w, s.pad_w);
}

template <class T> void average(Stream, const PoolShape& s, const T* x, T* y) {
  std::fill_n(y, out_size(s), T(0));
  each_element(s, [&](std::int64_t out, std::int64_t in, int) { y[out] += static_cast<T>(x[in] / divisor(s, out)); });
}
template <class T> void average_backward(Stream, const PoolShape& s, const T* dy, T* dx) {
  std::fill_n(dx, in_size(s), T(0));
  each_element(s, [&](std::int64_t out, std::int64_t in, int) { dx[in] += static_cast<T>(dy[out] / divisor(s, out)); });
}

template <class T> void global_average(Stream, std::int64_t planes, std::int64_t inner, const T* x, T* y) {
  for (std::int64_t i = 0; i < planes; ++i) {
    long double total = 0;
    for (std::int64_t j = 0; j < inner; ++j) total += x[i * inner + j];
    y[i] = static_cast<T>(total / inner);
  }
}
template <class T> void global_average_backward(Stream, std::int64_t planes, std::int64_t inner, const T* dy, T* dx) {
  for (std::int64_t i = 0; i < planes * inner; ++i) dx[i] = static_cast<T>(dy[i / inner] / static_cast<double>(inner));
}

template <class T>
constexpr PoolKernels<T> table{max<T>,     max_backward<T>,   average<T>,
                               average_backward<T>, global_average<T>, global_average_backward<T>};

template <class Table> const Table& choose(Variant variant, const Table& naive) {
  return variant == Variant::naive ? naive : cpu_table<Table>(variant);
}

}  // namespace

template <> const PoolKernels<float>& PoolKernels<float>::cpu(Variant v) { return choose(v, table<float>); }
template <> const PoolKernels<double>& PoolKernels<double>::cpu(Variant v) { return choose(v, table<double>); }

}  // namespace heddle::kernels

#endif
