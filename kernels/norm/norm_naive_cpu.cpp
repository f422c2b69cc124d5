// Normalization written from its definition, in double: what the fast kernels are compared with. Two passes for the
// variance, single elements by index, one thread. A batch norm is here a group norm whose rows are channels.
#include "heddle/base/isa.hpp"

#if HEDDLE_ISA_IS_BASE

#include <cmath>
#include <functional>
#include <vector>

#include "kernels/norm/norm.hpp"

namespace heddle::kernels {
namespace {

// The factor that dropout gives element i of a tensor of `inner` elements a plane.
double factor(const Dropout& drop, std::int64_t i, std::int64_t inner) {
  if (drop.p == 0) return 1;
  const std::int64_t index = drop.first + (drop.planes ? i / inner : i);
  const std::uint32_t word = philox(drop.key, static_cast<std::uint32_t>(index / 4)).word[index % 4];
  return keeps(word, drop.p) ? 1 / (1 - static_cast<double>(drop.p)) : 0;
}

// What every norm has in common: which row and which affine pair an element belongs to.
struct Layout {
  std::int64_t size, rows, inner;
  std::function<std::int64_t(std::int64_t)> row, affine;
};

template <class T> struct Norm {
  const Layout& layout;
  const NormFusion& fusion;
  const T *x, *gamma, *beta;

  double z(std::int64_t i) const {
    const double v = fusion.relu_before && x[i] < 0 ? 0 : static_cast<double>(x[i]);
    return v * factor(fusion.before, i, layout.inner);
  }
  double normal(std::int64_t i, double mean, double rstd) const {
    const double xhat = (z(i) - mean) * rstd;
    return gamma ? xhat * gamma[layout.affine(i)] + beta[layout.affine(i)] : xhat;
  }
  T output(std::int64_t i, double mean, double rstd) const {
    const double v = normal(i, mean, rstd);
    return static_cast<T>((fusion.relu_after && v < 0 ? 0 : v) * factor(fusion.after, i, layout.inner));
  }

  void statistics(std::vector<double>& mean, std::vector<double>& variance) const {
    const double count = static_cast<double>(layout.size / layout.rows);
    mean.assign(layout.rows, 0);
    variance.assign(layout.rows, 0);
    for (std::int64_t i = 0; i < layout.size; ++i) mean[layout.row(i)] += z(i) / count;
    for (std::int64_t i = 0; i < layout.size; ++i) {
      const double d = z(i) - mean[layout.row(i)];
      variance[layout.row(i)] += d * d / count;
    }
  }

  void backward(const T* dy, const T* mean, const T* rstd, bool fixed, std::int64_t affine_size, T* dx, T* dgamma, T* dbeta) const {
    const double count = static_cast<double>(layout.size / layout.rows);
    std::vector<double> g(layout.size), xhat(layout.size), sum(layout.rows), dot(layout.rows);
    std::vector<double> sum_gamma(affine_size), sum_beta(affine_size);
    for (std::int64_t i = 0; i < layout.size; ++i) {
      const std::int64_t row = layout.row(i);
      const bool passes = !fusion.relu_after || normal(i, mean[row], rstd[row]) > 0;
      g[i] = passes ? dy[i] * factor(fusion.after, i, layout.inner) : 0;
      xhat[i] = (z(i) - mean[row]) * rstd[row];
      if (gamma) {
        sum_beta[layout.affine(i)] += g[i];
        sum_gamma[layout.affine(i)] += g[i] * xhat[i];
        g[i] *= gamma[layout.affine(i)];
      }
      sum[row] += g[i] / count;
      dot[row] += g[i] * xhat[i] / count;
    }
    for (std::int64_t i = 0; i < layout.size; ++i) {
      const std::int64_t row = layout.row(i);
      const double dz = rstd[row] * (fixed ? g[i] : g[i] - sum[row] - xhat[i] * dot[row]);
      dx[i] = static_cast<T>(fusion.relu_before && x[i] <= 0 ? 0 : dz * factor(fusion.before, i, layout.inner));
    }
    for (std::int64_t a = 0; dgamma && a < affine_size; ++a) {
      dgamma[a] = static_cast<T>(sum_gamma[a]);
      dbeta[a] = static_cast<T>(sum_beta[a]);
    }
  }
};

Layout layout_of(const BatchNormShape& s) {
  const auto channel = [s](std::int64_t i) { return i / s.inner % s.c; };
  return {s.n * s.c * s.inner, s.c, s.inner, channel, channel};
}
Layout layout_of(const GroupNormShape& s) {
  return {s.n * s.c * s.inner, s.rows(), s.inner, [s](std::int64_t i) { return i / s.row_size(); },
          [s](std::int64_t i) { return s.affine == Affine::channel ? i / s.inner % s.c : i % (s.c * s.inner); }};
}

std::size_t batch_workspace(const BatchNormShape&) { return 0; }
std::size_t group_workspace(const GroupNormShape&) { return 0; }

template <class T>
void batch_forward(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
                   const RunningStatistics<T>& running, T* mean, T* rstd, T* y, void*) {
  if (running.batches) ++*running.batches;
  const Layout layout = layout_of(s);
  const Norm<T> norm{layout, fusion, x, gamma, beta};
  std::vector<double> m, v;
  norm.statistics(m, v);
  const double count = static_cast<double>(s.n * s.inner);
  for (int c = 0; c < s.c; ++c) {
    mean[c] = static_cast<T>(m[c]);
    rstd[c] = static_cast<T>(1 / std::sqrt(v[c] + eps));
    if (!running.mean) continue;
    const double unbiased = count > 1 ? v[c] * count / (count - 1) : v[c];
    running.mean[c] = static_cast<T>((1 - double{running.momentum}) * running.mean[c] + running.momentum * m[c]);
    running.var[c] = static_cast<T>((1 - double{running.momentum}) * running.var[c] + running.momentum * unbiased);
  }
  for (std::int64_t i = 0; i < layout.size; ++i) y[i] = norm.output(i, mean[layout.row(i)], rstd[layout.row(i)]);
}

template <class T>
void batch_inference(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
                     const T* mean, const T* variance, T* y) {
  const Layout layout = layout_of(s);
  const Norm<T> norm{layout, fusion, x, gamma, beta};
  for (std::int64_t i = 0; i < layout.size; ++i)
    y[i] = norm.output(i, mean[layout.row(i)], 1 / std::sqrt(double{variance[layout.row(i)]} + eps));
}

template <class T>
void batch_backward(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const T* gamma,
                    const T* beta, const T* mean, const T* rstd, bool fixed, T* dx, T* dgamma, T* dbeta, void*) {
  const Layout layout = layout_of(s);
  Norm<T>{layout, fusion, x, gamma, beta}.backward(dy, mean, rstd, fixed, s.c, dx, dgamma, dbeta);
}

template <class T>
void group_forward(Stream, const GroupNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
                   T* mean, T* rstd, T* y, void*) {
  const Layout layout = layout_of(s);
  const Norm<T> norm{layout, fusion, x, gamma, beta};
  std::vector<double> m, v;
  norm.statistics(m, v);
  for (std::int64_t r = 0; r < layout.rows; ++r) {
    mean[r] = static_cast<T>(m[r]);
    rstd[r] = static_cast<T>(1 / std::sqrt(v[r] + eps));
  }
  for (std::int64_t i = 0; i < layout.size; ++i) y[i] = norm.output(i, mean[layout.row(i)], rstd[layout.row(i)]);
}

template <class T>
void group_backward(Stream, const GroupNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const T* gamma,
                    const T* beta, const T* mean, const T* rstd, T* dx, T* dgamma, T* dbeta, void*) {
  const Layout layout = layout_of(s);
  Norm<T>{layout, fusion, x, gamma, beta}.backward(dy, mean, rstd, false, s.affine_size(), dx, dgamma, dbeta);
}

template <class T>
constexpr BatchNormKernels<T> batch_table{batch_workspace, batch_forward<T>, batch_inference<T>, batch_backward<T>};
template <class T> constexpr GroupNormKernels<T> group_table{group_workspace, group_forward<T>, group_backward<T>};

template <class Table> const Table& choose(Variant variant, const Table& naive) {
  return variant == Variant::naive ? naive : cpu_table<Table>(variant);
}

}  // namespace

template <> const BatchNormKernels<float>& BatchNormKernels<float>::cpu(Variant v) { return choose(v, batch_table<float>); }
template <> const BatchNormKernels<double>& BatchNormKernels<double>::cpu(Variant v) { return choose(v, batch_table<double>); }
template <> const GroupNormKernels<float>& GroupNormKernels<float>::cpu(Variant v) { return choose(v, group_table<float>); }
template <> const GroupNormKernels<double>& GroupNormKernels<double>::cpu(Variant v) { return choose(v, group_table<double>); }

}  // namespace heddle::kernels

#endif
