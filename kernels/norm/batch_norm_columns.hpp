// Batch normalization of a batch of vectors, x [n, c]: a chunk is a group of channels, which lie side by side in memory and
// in the lanes, over all rows. Sums are kept in double, one for each channel; the variance takes a second look at the
// columns, which the cache still holds.
#pragma once

#include <algorithm>
#include <cstdint>

#include "heddle/base/parallel.hpp"
#include "kernels/norm/norm_lines.hpp"

namespace heddle::kernels {
namespace {

inline constexpr int column_group = 128;  // channels in a chunk

// Factors of one row's share of a group of channels: `count` elements from flat index `at`. A plane is one element here, so
// that both kinds of dropout are one.
template <class T> class RowFactors {
 public:
  const T* get(const DropoutFactors<T>& drop, std::int64_t at, int count) {
    if (drop.elements() || drop.planes()) return drop.draw(at, count, buffer_);
    for (int i = 0; i < count; ++i) buffer_.data[i] = 1;
    return buffer_.data;
  }

 private:
  typename DropoutFactors<T>::Buffer buffer_;
};

// A group of channels of one tensor, row by row.
template <class T> class ColumnGroup {
 public:
  ColumnGroup(int row_length, int c0, int count, const Neighbours<T>& neighbours, const T* gamma, const T* beta)
      : count(count), row_length_(row_length), c0_(c0), neighbours_(neighbours) {
    for (int j = 0; j < count; ++j) gamma_[j] = gamma ? gamma[c0 + j] : T(1), bias_[j] = beta ? beta[c0 + j] : T(0);
  }

  const int count;
  T z[column_group];               // what the norm is applied to
  T centred[column_group], g[column_group];  // z - mean, and dy through what follows the norm

  std::int64_t at(int row) const { return std::int64_t{row} * row_length_ + c0_; }

  // The statistics that apply() and look() are to use.
  void use(const T* mean, const T* rstd) {
    for (int j = 0; j < count; ++j) mean_[j] = mean[j], scale_[j] = rstd[j] * gamma_[j];
  }
  T scale(int j) const { return scale_[j]; }

  __attribute__((noinline)) void input(int row, const T* x) {
    const T *from = x + at(row), *factors = before_.get(neighbours_.before, at(row), count);
    for (int j = 0; j < count; ++j) z[j] = at_least(from[j], neighbours_.low_before) * factors[j];
  }
  __attribute__((noinline)) void apply(int row, const T* x, T* y) {
    input(row, x);
    const T* factors = after_.get(neighbours_.after, at(row), count);
    T* out = y + at(row);
    for (int j = 0; j < count; ++j) out[j] = at_least((z[j] - mean_[j]) * scale_[j] + bias_[j], neighbours_.low_after) * factors[j];
  }
  __attribute__((noinline)) void look(int row, const T* x, const T* dy) {
    input(row, x);
    const T *from = dy + at(row), *factors = after_.get(neighbours_.after, at(row), count);
    for (int j = 0; j < count; ++j) {
      centred[j] = z[j] - mean_[j];
      g[j] = centred[j] * scale_[j] + bias_[j] > neighbours_.low_after ? from[j] * factors[j] : T(0);
    }
  }
  // dx = (g * scale - k2 - centred * k3) through what precedes the norm.
  __attribute__((noinline)) void gradient(int row, const T* x, const T* dy, const T* k2, const T* k3, T* dx) {
    look(row, x, dy);
    const T *from = x + at(row), *factors = before_.get(neighbours_.before, at(row), count);
    T* out = dx + at(row);
    for (int j = 0; j < count; ++j)
      out[j] = from[j] > neighbours_.low_before ? (g[j] * scale_[j] - k2[j] - centred[j] * k3[j]) * factors[j] : T(0);
  }

 private:
  int row_length_, c0_;
  const Neighbours<T>& neighbours_;
  RowFactors<T> before_, after_;
  T gamma_[column_group], mean_[column_group], scale_[column_group], bias_[column_group];
};

// Calls f(c0, count) for the groups of channels, from several threads.
HD_INLINE void each_group(int c, auto&& f) {
  parallel_for(c, column_group, [&](std::int64_t begin, std::int64_t end) { f(static_cast<int>(begin), static_cast<int>(end - begin)); });
}

template <class T>
void columns_forward(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* gamma, const T* beta, T* mean, T* rstd,
                     T* y, auto&& finish) {
  each_group(c, [&](int c0, int count) {
    ColumnGroup<T> group(c, c0, count, neighbours, gamma, beta);
    double m[column_group] = {}, squares[column_group] = {};
    for (int i = 0; i < n; ++i) {
      group.input(i, x);
      for (int j = 0; j < count; ++j) m[j] += group.z[j];
    }
    for (int j = 0; j < count; ++j) m[j] /= n;
    for (int i = 0; i < n; ++i) {
      group.input(i, x);
      for (int j = 0; j < count; ++j) squares[j] += (group.z[j] - m[j]) * (group.z[j] - m[j]);
    }
    for (int j = 0; j < count; ++j) finish(c0 + j, m[j], squares[j]);
    group.use(mean + c0, rstd + c0);
    for (int i = 0; i < n; ++i) group.apply(i, x, y);
  });
}

template <class T>
void columns_inference(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* gamma, const T* beta, const T* mean,
                       auto&& rstd, T* y) {
  each_group(c, [&](int c0, int count) {
    ColumnGroup<T> group(c, c0, count, neighbours, gamma, beta);
    T r[column_group];
    for (int j = 0; j < count; ++j) r[j] = rstd(c0 + j);
    group.use(mean + c0, r);
    for (int i = 0; i < n; ++i) group.apply(i, x, y);
  });
}

template <class T>
void columns_backward(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* dy, const T* gamma, const T* beta,
                      const T* mean, const T* rstd, bool fixed, T* dx, T* dgamma, T* dbeta) {
  each_group(c, [&](int c0, int count) {
    ColumnGroup<T> group(c, c0, count, neighbours, gamma, beta);
    group.use(mean + c0, rstd + c0);
    double sum_g[column_group] = {}, sum_gx[column_group] = {};
    for (int i = 0; i < n; ++i) {
      group.look(i, x, dy);
      for (int j = 0; j < count; ++j) sum_g[j] += group.g[j], sum_gx[j] += static_cast<double>(group.g[j]) * group.centred[j];
    }
    T k2[column_group] = {}, k3[column_group] = {};
    for (int j = 0; j < count; ++j) {
      const double r = rstd[c0 + j], scale = group.scale(j);
      if (!fixed) k2[j] = static_cast<T>(scale * sum_g[j] / n), k3[j] = static_cast<T>(scale * r * r * sum_gx[j] / n);
      if (dgamma) dgamma[c0 + j] = static_cast<T>(sum_gx[j] * r);
      if (dbeta) dbeta[c0 + j] = static_cast<T>(sum_g[j]);
    }
    for (int i = 0; i < n; ++i) group.gradient(i, x, dy, k2, k3, dx);
  });
}

}  // namespace
}  // namespace heddle::kernels
