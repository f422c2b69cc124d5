// Pooling in float64: each window is collected into a list, and then reduced.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/pool/pool.hpp"

namespace heddle::test {

struct PoolReference {
  kernels::PoolShape s;

  struct Window {
    std::vector<std::int64_t> at;  // elements of x, in the window's order
    std::vector<int> tap;
    double divisor = 0;  // of an average
  };

  std::int64_t in_size() const { return s.planes * s.h * s.w; }
  std::int64_t out_size() const { return s.planes * s.out_h * s.out_w; }

  Window window(std::int64_t out) const {
    const std::int64_t q = out % s.out_w, p = out / s.out_w % s.out_h, plane = out / (std::int64_t{s.out_h} * s.out_w);
    Window w;
    int padded = 0;
    for (int tap = 0; tap < s.kh * s.kw; ++tap) {
      const std::int64_t i = p * s.stride_h + tap / s.kw * s.dilation_h - s.pad_h, j = q * s.stride_w + tap % s.kw * s.dilation_w - s.pad_w;
      if (i < s.h + s.pad_h && j < s.w + s.pad_w) ++padded;
      if (i < 0 || j < 0 || i >= s.h || j >= s.w) continue;
      w.at.push_back(plane * s.h * s.w + i * s.w + j);
      w.tap.push_back(tap);
    }
    w.divisor = s.count_include_pad ? padded : static_cast<double>(w.at.size());
    return w;
  }

  template <class T> void max(const std::vector<T>& x, std::vector<T>& y, std::vector<int>& arg) const {
    y.resize(out_size()), arg.resize(out_size());
    for (std::int64_t out = 0; out < out_size(); ++out) {
      const Window w = window(out);
      std::size_t best = 0;
      for (std::size_t i = 1; i < w.at.size(); ++i) {
        const T v = x[w.at[i]], m = x[w.at[best]];
        if (!std::isnan(m) && (std::isnan(v) || v > m)) best = i;
      }
      y[out] = x[w.at[best]], arg[out] = w.tap[best];
    }
  }
  template <class T> std::vector<double> max_backward(const std::vector<T>& dy, const std::vector<int>& arg) const {
    std::vector<double> dx(in_size());
    for (std::int64_t out = 0; out < out_size(); ++out) {
      const Window w = window(out);
      for (std::size_t i = 0; i < w.at.size(); ++i)
        if (w.tap[i] == arg[out]) dx[w.at[i]] += static_cast<double>(dy[out]);
    }
    return dx;
  }
  template <class T> std::vector<double> average(const std::vector<T>& x) const {
    std::vector<double> y(out_size());
    for (std::int64_t out = 0; out < out_size(); ++out) {
      const Window w = window(out);
      for (std::int64_t at : w.at) y[out] += static_cast<double>(x[at]);
      y[out] /= w.divisor;
    }
    return y;
  }
  template <class T> std::vector<double> average_backward(const std::vector<T>& dy) const {
    std::vector<double> dx(in_size());
    for (std::int64_t out = 0; out < out_size(); ++out) {
      const Window w = window(out);
      for (std::int64_t at : w.at) dx[at] += static_cast<double>(dy[out]) / w.divisor;
    }
    return dx;
  }
};

}  // namespace heddle::test
