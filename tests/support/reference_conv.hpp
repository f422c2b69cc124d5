// Convolution in double, from its definition alone: every product of an input, a weight and an output is visited once, and
// each pass adds up the products of the two that it is given into the third. Beside each sum stands the sum of the terms'
// magnitudes, against which rounding errors are judged.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/conv/conv.hpp"

namespace heddle::test {

struct ConvReference {
  std::vector<double> value, magnitude;
  explicit ConvReference(std::int64_t size) : value(size), magnitude(size) {}
  void add(std::int64_t i, double term) { value[i] += term, magnitude[i] += std::fabs(term); }
};

/// f(x index, weight index, y index) for every product of the convolution.
template <class F>
void for_each_product(const kernels::ConvShape& s, F f) {
  const std::int64_t in_group = s.c / s.groups, out_group = s.k / s.groups, oh = s.out_h(), ow = s.out_w();
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t k = 0; k < s.k; ++k)
      for (std::int64_t c = 0; c < in_group; ++c)
        for (std::int64_t p = 0; p < oh; ++p)
          for (std::int64_t q = 0; q < ow; ++q)
            for (std::int64_t i = 0; i < s.kh; ++i)
              for (std::int64_t j = 0; j < s.kw; ++j) {
                const std::int64_t row = p * s.stride_h + i * s.dilation_h - s.pad_h;
                const std::int64_t column = q * s.stride_w + j * s.dilation_w - s.pad_w;
                if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
                const std::int64_t channel = k / out_group * in_group + c;
                f(((n * s.c + channel) * s.h + row) * s.w + column, ((k * in_group + c) * s.kh + i) * s.kw + j,
                  ((n * s.k + k) * oh + p) * ow + q);
              }
}

template <class T>
ConvReference reference_forward(const kernels::ConvShape& s, const std::vector<T>& x, const std::vector<T>& w, const T* bias) {
  ConvReference y(s.y_size());
  const std::int64_t area = std::int64_t{s.out_h()} * s.out_w();
  if (bias)
    for (std::int64_t i = 0; i < s.y_size(); ++i) y.add(i, bias[i / area % s.k]);
  for_each_product(s, [&](auto ix, auto iw, auto iy) { y.add(iy, double{x[ix]} * w[iw]); });
  return y;
}
template <class T>
ConvReference reference_grad_input(const kernels::ConvShape& s, const std::vector<T>& dy, const std::vector<T>& w) {
  ConvReference dx(s.x_size());
  for_each_product(s, [&](auto ix, auto iw, auto iy) { dx.add(ix, double{dy[iy]} * w[iw]); });
  return dx;
}
template <class T>
ConvReference reference_grad_weight(const kernels::ConvShape& s, const std::vector<T>& x, const std::vector<T>& dy) {
  ConvReference dw(s.w_size());
  for_each_product(s, [&](auto ix, auto iw, auto iy) { dw.add(iw, double{x[ix]} * dy[iy]); });
  return dw;
}
template <class T>
ConvReference reference_grad_bias(const kernels::ConvShape& s, const std::vector<T>& dy) {
  ConvReference db(s.k);
  const std::int64_t area = std::int64_t{s.out_h()} * s.out_w();
  for (std::int64_t i = 0; i < s.y_size(); ++i) db.add(i / area % s.k, dy[i]);
  return db;
}

}  // namespace heddle::test
