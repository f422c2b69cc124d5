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

// One row's share of a group of channels: `count` elements from flat index `at`.
template <class T> class RowPieces {
 public:
  explicit RowPieces(const Neighbours<T>& neighbours) : neighbours_(neighbours) {}

  // z of the row's elements.
  const T* inputs(const T* x, std::int64_t at, int count) {
    before(at, count);
    for (int i = 0; i < count; ++i) z_[i] = at_least(x[at + i], neighbours_.low_before) * before_[i];
    return z_;
  }
  // The factor of each element before and after the norm. A plane is one element here: both kinds of dropout are one.
  const T* before(std::int64_t at, int count) { return fill(neighbours_.before, at, count, before_, before_buffer_); }
  const T* after(std::int64_t at, int count) { return fill(neighbours_.after, at, count, after_, after_buffer_); }

 private:
  using Factors = DropoutFactors<T>;
  static const T* fill(const Factors& drop, std::int64_t at, int count, T* out, typename Factors::Buffer& buffer) {
    const T* factors = drop.piece(at, count, buffer);
    for (int i = 0; i < count; ++i) out[i] = factors ? factors[i] : drop.plane(at + i);
    return out;
  }

  const Neighbours<T>& neighbours_;
  typename Factors::Buffer before_buffer_, after_buffer_;
  T z_[column_group], before_[column_group], after_[column_group];
};

// Calls f(c0, count) for the groups of channels, from several threads.
HD_INLINE void each_group(int c, auto&& f) {
  parallel_for(c, column_group, [&](std::int64_t begin, std::int64_t end) { f(static_cast<int>(begin), static_cast<int>(end - begin)); });
}

template <class T>
void columns_apply(int n, int c, int c0, int count, const Neighbours<T>& neighbours, const T* x, const T* gamma, const T* beta,
                   const T* mean, const T* rstd, T* y) {
  RowPieces<T> row(neighbours);
  for (int i = 0; i < n; ++i) {
    const std::int64_t at = std::int64_t{i} * c + c0;
    const T *z = row.inputs(x, at, count), *after = row.after(at, count);
    for (int j = 0; j < count; ++j) {
      const T scale = gamma ? rstd[j] * gamma[c0 + j] : rstd[j];
      y[at + j] = at_least((z[j] - mean[j]) * scale + (beta ? beta[c0 + j] : T(0)), neighbours.low_after) * after[j];
    }
  }
}

template <class T>
void columns_forward(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* gamma, const T* beta, T* mean, T* rstd,
                     T* y, auto&& finish) {
  each_group(c, [&](int c0, int count) {
    RowPieces<T> row(neighbours);
    double m[column_group] = {}, squares[column_group] = {};
    for (int i = 0; i < n; ++i) {
      const T* z = row.inputs(x, std::int64_t{i} * c + c0, count);
      for (int j = 0; j < count; ++j) m[j] += z[j];
    }
    for (int j = 0; j < count; ++j) m[j] /= n;
    for (int i = 0; i < n; ++i) {
      const T* z = row.inputs(x, std::int64_t{i} * c + c0, count);
      for (int j = 0; j < count; ++j) squares[j] += (z[j] - m[j]) * (z[j] - m[j]);
    }
    for (int j = 0; j < count; ++j) finish(c0 + j, m[j], squares[j]);
    columns_apply(n, c, c0, count, neighbours, x, gamma, beta, mean + c0, rstd + c0, y);
  });
}

template <class T>
void columns_inference(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* gamma, const T* beta, const T* mean,
                       auto&& rstd, T* y) {
  each_group(c, [&](int c0, int count) {
    T r[column_group];
    for (int j = 0; j < count; ++j) r[j] = rstd(c0 + j);
    columns_apply(n, c, c0, count, neighbours, x, gamma, beta, mean + c0, r, y);
  });
}

template <class T>
void columns_backward(int n, int c, const Neighbours<T>& neighbours, const T* x, const T* dy, const T* gamma, const T* beta,
                      const T* mean, const T* rstd, bool fixed, T* dx, T* dgamma, T* dbeta) {
  each_group(c, [&](int c0, int count) {
    RowPieces<T> row(neighbours);
    T centred[column_group], g[column_group];
    // centred = z - mean and g = dy through what follows the norm, of row i.
    const auto look = [&](int i) {
      const std::int64_t at = std::int64_t{i} * c + c0;
      const T *z = row.inputs(x, at, count), *after = row.after(at, count);
      for (int j = 0; j < count; ++j) {
        const T scale = gamma ? rstd[c0 + j] * gamma[c0 + j] : rstd[c0 + j];
        centred[j] = z[j] - mean[c0 + j];
        g[j] = centred[j] * scale + (beta ? beta[c0 + j] : T(0)) > neighbours.low_after ? dy[at + j] * after[j] : T(0);
      }
    };
    double sum_g[column_group] = {}, sum_gx[column_group] = {};
    for (int i = 0; i < n; ++i) {
      look(i);
      for (int j = 0; j < count; ++j) sum_g[j] += g[j], sum_gx[j] += static_cast<double>(g[j]) * centred[j];
    }
    T k1[column_group], k2[column_group], k3[column_group];
    for (int j = 0; j < count; ++j) {
      const double r = rstd[c0 + j], scale = gamma ? r * gamma[c0 + j] : r;
      k1[j] = static_cast<T>(scale);
      k2[j] = fixed ? T(0) : static_cast<T>(scale * sum_g[j] / n);
      k3[j] = fixed ? T(0) : static_cast<T>(scale * r * r * sum_gx[j] / n);
      if (dgamma) dgamma[c0 + j] = static_cast<T>(sum_gx[j] * r);
      if (dbeta) dbeta[c0 + j] = static_cast<T>(sum_g[j]);
    }
    for (int i = 0; i < n; ++i) {
      const std::int64_t at = std::int64_t{i} * c + c0;
      look(i);
      const T* before = row.before(at, count);
      for (int j = 0; j < count; ++j)
        dx[at + j] = x[at + j] > neighbours.low_before ? (g[j] * k1[j] - k2[j] - centred[j] * k3[j]) * before[j] : T(0);
    }
  });
}

}  // namespace
}  // namespace heddle::kernels
