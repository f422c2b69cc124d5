// Normalization in float64 from its definition: z = dropout(relu(x)), two passes for the variance, then
// y = dropout(relu((z - mean) / sqrt(variance + eps) * gamma + beta)); gradients by the chain rule through xhat, mean and
// variance as separate variables (Ioffe and Szegedy, 2015, section 3), not by the closed form the kernels use.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/norm/norm.hpp"

namespace heddle::test {

/// The factor of every element of a tensor of `size` elements, `inner` a plane.
inline std::vector<double> dropout_reference(const kernels::Dropout& drop, std::int64_t size, std::int64_t inner) {
  std::vector<double> factors(size, 1.0);
  if (drop.p > 0)
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t draw = drop.planes ? i / inner : i;
      const auto block = kernels::philox(drop.key, static_cast<std::uint32_t>(draw / 4));
      const double u = static_cast<double>(block.word[draw % 4] >> 8) / 16777216.0;
      factors[i] = u < static_cast<double>(drop.p) ? 0.0 : 1.0 / (1.0 - static_cast<double>(drop.p));
    }
  return factors;
}

/// A norm over any rows: row_of[i] is the row of element i, affine_of[i] its place in gamma and beta (-1: none).
struct NormReference {
  std::vector<int> row_of, affine_of;
  int rows = 0, affine_size = 0;
  std::int64_t inner = 1;

  static NormReference batch(const kernels::BatchNormShape& s, bool affine) {
    NormReference r;
    r.rows = s.c, r.affine_size = affine ? s.c : 0, r.inner = s.inner;
    for (int n = 0; n < s.n; ++n)
      for (int c = 0; c < s.c; ++c)
        for (std::int64_t i = 0; i < s.inner; ++i) r.row_of.push_back(c), r.affine_of.push_back(affine ? c : -1);
    return r;
  }
  static NormReference group(const kernels::GroupNormShape& s) {
    NormReference r;
    r.rows = static_cast<int>(s.n * s.groups), r.affine_size = static_cast<int>(s.affine_size()), r.inner = s.inner;
    for (int n = 0; n < s.n; ++n)
      for (int c = 0; c < s.c; ++c)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          r.row_of.push_back(n * s.groups + c / (s.c / s.groups));
          r.affine_of.push_back(s.affine == kernels::Affine::none      ? -1
                                : s.affine == kernels::Affine::channel ? c
                                                                       : static_cast<int>(c * s.inner + i));
        }
    return r;
  }

  std::int64_t size() const { return static_cast<std::int64_t>(row_of.size()); }
  double count() const { return static_cast<double>(size()) / rows; }

  struct Values {
    std::vector<double> z, mean, variance, xhat, y;
  };

  /// given: use these statistics instead of the data's.
  template <class T>
  Values forward(const kernels::NormFusion& fusion, const std::vector<T>& x, const std::vector<T>& gamma, const std::vector<T>& beta,
                 double eps, const std::vector<double>* mean = nullptr, const std::vector<double>* variance = nullptr) const {
    Values v;
    const auto before = dropout_reference(fusion.before, size(), inner), after = dropout_reference(fusion.after, size(), inner);
    v.z.resize(size()), v.xhat.resize(size()), v.y.resize(size());
    for (std::int64_t i = 0; i < size(); ++i) {
      const double value = static_cast<double>(x[i]);
      v.z[i] = (fusion.relu_before ? std::max(value, 0.0) : value) * before[i];
    }
    v.mean.assign(rows, 0), v.variance.assign(rows, 0);
    for (std::int64_t i = 0; i < size(); ++i) v.mean[row_of[i]] += v.z[i];
    for (double& m : v.mean) m /= count();
    for (std::int64_t i = 0; i < size(); ++i) v.variance[row_of[i]] += std::pow(v.z[i] - v.mean[row_of[i]], 2);
    for (double& s : v.variance) s /= count();
    if (mean) v.mean = *mean, v.variance = *variance;
    for (std::int64_t i = 0; i < size(); ++i) {
      v.xhat[i] = (v.z[i] - v.mean[row_of[i]]) / std::sqrt(v.variance[row_of[i]] + eps);
      const int a = affine_of[i];
      const double u = a < 0 ? v.xhat[i] : v.xhat[i] * static_cast<double>(gamma[a]) + static_cast<double>(beta[a]);
      v.y[i] = (fusion.relu_after ? std::max(u, 0.0) : u) * after[i];
    }
    return v;
  }

  struct Gradients {
    std::vector<double> dx, dgamma, dbeta;
  };

  template <class T>
  Gradients backward(const kernels::NormFusion& fusion, const Values& v, const std::vector<T>& x, const std::vector<T>& dy,
                     const std::vector<T>& gamma, const std::vector<T>& beta, double eps, bool fixed) const {
    const auto before = dropout_reference(fusion.before, size(), inner), after = dropout_reference(fusion.after, size(), inner);
    Gradients g{std::vector<double>(size()), std::vector<double>(affine_size), std::vector<double>(affine_size)};
    std::vector<double> dxhat(size()), dvariance(rows), dmean(rows);
    for (std::int64_t i = 0; i < size(); ++i) {
      const int a = affine_of[i];
      const double u = a < 0 ? v.xhat[i] : v.xhat[i] * static_cast<double>(gamma[a]) + static_cast<double>(beta[a]);
      const double du = fusion.relu_after && u <= 0 ? 0 : static_cast<double>(dy[i]) * after[i];
      if (a >= 0) g.dgamma[a] += du * v.xhat[i], g.dbeta[a] += du;
      dxhat[i] = a < 0 ? du : du * static_cast<double>(gamma[a]);
    }
    for (std::int64_t i = 0; i < size(); ++i) {
      const int r = row_of[i];
      dvariance[r] += dxhat[i] * (v.z[i] - v.mean[r]) * -0.5 * std::pow(v.variance[r] + eps, -1.5);
      dmean[r] -= dxhat[i] / std::sqrt(v.variance[r] + eps);  // the variance does not change with the mean
    }
    for (std::int64_t i = 0; i < size(); ++i) {
      const int r = row_of[i];
      double dz = dxhat[i] / std::sqrt(v.variance[r] + eps);
      if (!fixed) dz += dvariance[r] * 2 * (v.z[i] - v.mean[r]) / count() + dmean[r] / count();
      g.dx[i] = fusion.relu_before && !(x[i] > 0) ? 0 : dz * before[i];
    }
    return g;
  }
};

}  // namespace heddle::test
