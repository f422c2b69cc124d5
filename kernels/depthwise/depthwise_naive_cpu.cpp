// Depthwise convolution written from its definition: what the fast kernels are compared with.
#include "heddle/base/isa.hpp"

#if HEDDLE_ISA_IS_BASE

#include <algorithm>
#include <vector>

#include "kernels/depthwise/depthwise.hpp"

namespace heddle::kernels {
namespace {

std::size_t workspace(const ConvShape&, ConvPass) { return 0; }

// Calls f(x index, weight index, y index, output channel) for every product.
void each_product(const ConvShape& s, auto&& f) {
  const int m = s.k / s.c, out_h = s.out_h(), out_w = s.out_w();
  for (int n = 0; n < s.n; ++n)
    for (int o = 0; o < s.k; ++o)
      for (int p = 0; p < out_h; ++p)
        for (int q = 0; q < out_w; ++q)
          for (int r = 0; r < s.kh; ++r)
            for (int t = 0; t < s.kw; ++t) {
              const int row = p * s.stride_h - s.pad_h + r * s.dilation_h, column = q * s.stride_w - s.pad_w + t * s.dilation_w;
              if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
              f(((std::int64_t{n} * s.c + o / m) * s.h + row) * s.w + column, (std::int64_t{o} * s.kh + r) * s.kw + t,
                ((std::int64_t{n} * s.k + o) * out_h + p) * out_w + q);
            }
}

template <class T> void write(const std::vector<double>& values, T* out) {
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<T>(values[i]);
}

template <class T>
void forward(Stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void*) {
  std::vector<double> sums(s.y_size());
  const std::int64_t plane = std::int64_t{s.out_h()} * s.out_w();
  for (std::int64_t i = 0; bias && i < s.y_size(); ++i) sums[i] = bias[i / plane % s.k];
  each_product(s, [&](std::int64_t in, std::int64_t w, std::int64_t out) { sums[out] += double{x[in]} * weight[w]; });
  write(sums, y);
}

template <class T> void grad_input(Stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void*) {
  std::vector<double> sums(s.x_size());
  each_product(s, [&](std::int64_t in, std::int64_t w, std::int64_t out) { sums[in] += double{dy[out]} * weight[w]; });
  write(sums, dx);
}

template <class T>
void grad_weight(Stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void*) {
  std::vector<double> sums(s.w_size()), bias_sums(s.k);
  each_product(s, [&](std::int64_t in, std::int64_t w, std::int64_t out) { sums[w] += double{dy[out]} * x[in]; });
  write(sums, dweight);
  if (!dbias) return;
  const std::int64_t plane = std::int64_t{s.out_h()} * s.out_w();
  for (std::int64_t i = 0; i < s.y_size(); ++i) bias_sums[i / plane % s.k] += dy[i];
  write(bias_sums, dbias);
}

template <class T> constexpr DepthwiseKernels<T> table{workspace, forward<T>, grad_input<T>, grad_weight<T>};

template <class Table> const Table& choose(Variant variant, const Table& naive) {
  return variant == Variant::naive ? naive : cpu_table<Table>(variant);
}

}  // namespace

template <> const DepthwiseKernels<float>& DepthwiseKernels<float>::cpu(Variant v) { return choose(v, table<float>); }
template <> const DepthwiseKernels<double>& DepthwiseKernels<double>::cpu(Variant v) { return choose(v, table<double>); }

}  // namespace heddle::kernels

#endif
