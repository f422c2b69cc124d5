// Depthwise convolution in float64, as the sum it is defined by; gradients as sums over the same products.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/conv.hpp"

namespace heddle::test {

struct DepthwiseReference {
  kernels::ConvShape s;

  // x, zero outside of its borders; the row and column are those of tap (r, t) of output (p, q).
  std::int64_t x_at(int n, int o, int p, int q, int r, int t) const {
    const int i = p * s.stride_h + r * s.dilation_h - s.pad_h, j = q * s.stride_w + t * s.dilation_w - s.pad_w;
    if (i < 0 || j < 0 || i >= s.h || j >= s.w) return -1;
    return ((std::int64_t{n} * s.c + o / (s.k / s.c)) * s.h + i) * s.w + j;
  }

  struct Result {
    std::vector<double> y, dx, dweight, dbias;
  };
  template <class T>
  Result run(const std::vector<T>& x, const std::vector<T>& weight, const std::vector<T>& bias, const std::vector<T>& dy) const {
    Result out{std::vector<double>(s.y_size()), std::vector<double>(s.x_size()), std::vector<double>(s.w_size()), std::vector<double>(s.k)};
    std::int64_t y = 0;
    for (int n = 0; n < s.n; ++n)
      for (int o = 0; o < s.k; ++o)
        for (int p = 0; p < s.out_h(); ++p)
          for (int q = 0; q < s.out_w(); ++q, ++y) {
            const double g = static_cast<double>(dy[y]);
            out.y[y] = bias.empty() ? 0.0 : static_cast<double>(bias[o]);
            out.dbias[o] += g;
            for (int r = 0; r < s.kh; ++r)
              for (int t = 0; t < s.kw; ++t) {
                const std::int64_t at = x_at(n, o, p, q, r, t), w = (std::int64_t{o} * s.kh + r) * s.kw + t;
                if (at < 0) continue;
                out.y[y] += static_cast<double>(weight[w]) * static_cast<double>(x[at]);
                out.dx[at] += static_cast<double>(weight[w]) * g;
                out.dweight[w] += static_cast<double>(x[at]) * g;
              }
          }
    return out;
  }
};

}  // namespace heddle::test
