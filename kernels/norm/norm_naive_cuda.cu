// Normalization on the GPU from its definition, in double: what the fast kernels are compared with. One thread a statistic
// or a parameter, which walks over all of its elements; one thread an element for everything else. Pointers as in norm.hpp.
#include <cmath>

#include "kernels/norm/norm_device.cuh"

namespace heddle::kernels {
namespace {

constexpr unsigned threads = 128;

// Which row and which affine pair an element belongs to, and the other way round. A batch norm's rows are channels.
struct Layout {
  bool batch;
  std::int64_t n, c, inner, rows, row_size;
  Affine affine;

  HD_HOST_DEVICE std::int64_t size() const { return n * c * inner; }
  HD_HOST_DEVICE std::int64_t affine_size() const {
    return affine == Affine::none ? 0 : affine == Affine::channel ? c : c * inner;
  }
  HD_DEVICE std::int64_t row_of(std::int64_t i) const { return batch ? i / inner % c : i / row_size; }
  HD_DEVICE std::int64_t in_row(std::int64_t row, std::int64_t k) const {
    return batch ? in_channel(row, k) : row * row_size + k;
  }
  HD_DEVICE std::int64_t affine_of(std::int64_t i) const { return affine == Affine::channel ? i / inner % c : i % (c * inner); }
  HD_DEVICE std::int64_t in_affine(std::int64_t a, std::int64_t k) const {
    return affine == Affine::channel ? in_channel(a, k) : k * c * inner + a;
  }
  HD_DEVICE std::int64_t in_channel(std::int64_t channel, std::int64_t k) const {
    return (k / inner * c + channel) * inner + k % inner;
  }
};

Layout layout_of(const BatchNormShape& s, bool affine) {
  return {true, s.n, s.c, s.inner, s.c, s.n * s.inner, affine ? Affine::channel : Affine::none};
}
Layout layout_of(const GroupNormShape& s) {
  return {false, s.n, s.c, s.inner, s.rows(), s.row_size(), s.affine};
}

HD_DEVICE double factor(const Dropout& drop, std::int64_t i, std::int64_t inner) {
  if (drop.p == 0) return 1;
  const std::int64_t index = drop.planes ? i / inner : i;
  const std::uint32_t word = word_of(philox(drop.key, static_cast<std::uint32_t>(index / 4)), static_cast<int>(index % 4));
  return keeps(word, drop.p) ? 1 / (1 - static_cast<double>(drop.p)) : 0;
}

template <class T>
struct Norm {
  Layout layout;
  NormFusion fusion;
  const T *x, *dy, *gamma, *beta, *mean, *rstd;

  HD_DEVICE double z(std::int64_t i) const {
    return (fusion.relu_before && x[i] < 0 ? 0 : static_cast<double>(x[i])) * factor(fusion.before, i, layout.inner);
  }
  HD_DEVICE double xhat(std::int64_t i) const {
    const std::int64_t row = layout.row_of(i);
    return (z(i) - static_cast<double>(mean[row])) * static_cast<double>(rstd[row]);
  }
  HD_DEVICE double scale(std::int64_t i) const { return gamma ? static_cast<double>(gamma[layout.affine_of(i)]) : 1; }
  HD_DEVICE double normal(std::int64_t i) const {
    return xhat(i) * scale(i) + (beta ? static_cast<double>(beta[layout.affine_of(i)]) : 0);
  }
  // dy through what follows the norm.
  HD_DEVICE double g(std::int64_t i) const {
    return fusion.relu_after && !(normal(i) > 0) ? 0 : static_cast<double>(dy[i]) * factor(fusion.after, i, layout.inner);
  }
};

template <class T>
HD_KERNEL void naive_statistics_kernel(Norm<T> norm, T eps, RunningStatistics<T> running, T* mean, T* rstd) {
  const std::int64_t row = simt::thread_number();
  if (row >= norm.layout.rows) return;
  const std::int64_t size = norm.layout.row_size;
  const double count = static_cast<double>(size);
  double m = 0, v = 0;
  for (std::int64_t k = 0; k < size; ++k) m += norm.z(norm.layout.in_row(row, k)) / count;
  for (std::int64_t k = 0; k < size; ++k) {
    const double d = norm.z(norm.layout.in_row(row, k)) - m;
    v += d * d / count;
  }
  mean[row] = static_cast<T>(m);
  rstd[row] = static_cast<T>(1 / std::sqrt(v + static_cast<double>(eps)));
  if (running.batches && row == 0) ++*running.batches;
  if (!running.mean) return;
  const double part = running.momentum, unbiased = count > 1 ? v * count / (count - 1) : v;
  running.mean[row] = static_cast<T>((1 - part) * static_cast<double>(running.mean[row]) + part * m);
  running.var[row] = static_cast<T>((1 - part) * static_cast<double>(running.var[row]) + part * unbiased);
}

template <class T>
HD_KERNEL void naive_output_kernel(Norm<T> norm, T* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= norm.layout.size()) return;
  const double v = norm.normal(i);
  y[i] = static_cast<T>((norm.fusion.relu_after && v < 0 ? 0 : v) * factor(norm.fusion.after, i, norm.layout.inner));
}

// means [rows]: of h and of h * xhat, h = g * gamma.
template <class T>
HD_KERNEL void naive_row_means_kernel(Norm<T> norm, DoublePair* means) {
  const std::int64_t row = simt::thread_number();
  if (row >= norm.layout.rows) return;
  DoublePair sum{0, 0};
  for (std::int64_t k = 0; k < norm.layout.row_size; ++k) {
    const std::int64_t i = norm.layout.in_row(row, k);
    const double h = norm.g(i) * norm.scale(i);
    sum.a += h, sum.b += h * norm.xhat(i);
  }
  const double count = static_cast<double>(norm.layout.row_size);
  means[row] = {sum.a / count, sum.b / count};
}

// means is null where the statistics do not depend on x.
template <class T>
HD_KERNEL void naive_gradient_kernel(Norm<T> norm, const DoublePair* means, T* dx) {
  const std::int64_t i = simt::thread_number();
  if (i >= norm.layout.size()) return;
  const std::int64_t row = norm.layout.row_of(i);
  double h = norm.g(i) * norm.scale(i);
  if (means) h -= means[row].a + norm.xhat(i) * means[row].b;
  const double dz = h * static_cast<double>(norm.rstd[row]);
  dx[i] = static_cast<T>(norm.fusion.relu_before && norm.x[i] <= 0 ? 0 : dz * factor(norm.fusion.before, i, norm.layout.inner));
}

template <class T>
HD_KERNEL void naive_affine_kernel(Norm<T> norm, T* dgamma, T* dbeta) {
  const std::int64_t a = simt::thread_number(), count = norm.layout.affine_size();
  if (a >= count) return;
  double gx = 0, g = 0;
  for (std::int64_t k = 0; k < norm.layout.size() / count; ++k) {
    const std::int64_t i = norm.layout.in_affine(a, k);
    g += norm.g(i), gx += norm.g(i) * norm.xhat(i);
  }
  dgamma[a] = static_cast<T>(gx);
  dbeta[a] = static_cast<T>(g);
}

template <class T>
void forward(Stream stream, const Norm<T>& norm, T eps, const RunningStatistics<T>& running, T* mean, T* rstd, T* y) {
  const Layout& s = norm.layout;
  simt::launch<naive_statistics_kernel<T>>(simt::blocks_for(s.rows, threads), threads, 0, stream, norm, eps, running, mean,
                                           rstd);
  simt::launch<naive_output_kernel<T>>(simt::blocks_for(s.size(), threads), threads, 0, stream, norm, y);
}
template <class T>
void backward(Stream stream, const Norm<T>& norm, bool fixed, T* dx, T* dgamma, T* dbeta, void* workspace) {
  const Layout& s = norm.layout;
  auto* const means = fixed ? nullptr : static_cast<DoublePair*>(workspace);
  if (means) simt::launch<naive_row_means_kernel<T>>(simt::blocks_for(s.rows, threads), threads, 0, stream, norm, means);
  simt::launch<naive_gradient_kernel<T>>(simt::blocks_for(s.size(), threads), threads, 0, stream, norm, means, dx);
  if (dgamma)
    simt::launch<naive_affine_kernel<T>>(simt::blocks_for(s.affine_size(), threads), threads, 0, stream, norm, dgamma, dbeta);
}

std::size_t batch_workspace(const BatchNormShape& s) {
  return static_cast<std::size_t>(s.c) * sizeof(DoublePair);
}
std::size_t group_workspace(const GroupNormShape& s) {
  return static_cast<std::size_t>(s.rows()) * sizeof(DoublePair);
}

template <class T>
void batch_forward(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta,
                   T eps, const RunningStatistics<T>& running, T* mean, T* rstd, T* y, void*) {
  forward<T>(stream, {layout_of(s, gamma), fusion, x, nullptr, gamma, beta, mean, rstd}, eps, running, mean, rstd, y);
}
template <class T>
HD_KERNEL void naive_inference_kernel(Norm<T> norm, T eps, const T* variance, T* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= norm.layout.size()) return;
  const std::int64_t row = norm.layout.row_of(i);
  const double rstd = 1 / std::sqrt(static_cast<double>(variance[row]) + static_cast<double>(eps));
  const double v = (norm.z(i) - static_cast<double>(norm.mean[row])) * rstd * norm.scale(i) +
                   (norm.beta ? static_cast<double>(norm.beta[norm.layout.affine_of(i)]) : 0);
  y[i] = static_cast<T>((norm.fusion.relu_after && v < 0 ? 0 : v) * factor(norm.fusion.after, i, norm.layout.inner));
}
template <class T>
void batch_inference(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma,
                     const T* beta, T eps, const T* mean, const T* variance, T* y) {
  const Norm<T> norm{layout_of(s, gamma), fusion, x, nullptr, gamma, beta, mean, nullptr};
  simt::launch<naive_inference_kernel<T>>(simt::blocks_for(norm.layout.size(), threads), threads, 0, stream, norm, eps,
                                          variance, y);
}
template <class T>
void batch_backward(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const T* gamma,
                    const T* beta, const T* mean, const T* rstd, bool fixed, T* dx, T* dgamma, T* dbeta, void* workspace) {
  backward<T>(stream, {layout_of(s, gamma), fusion, x, dy, gamma, beta, mean, rstd}, fixed, dx, dgamma, dbeta, workspace);
}

template <class T>
void group_forward(Stream stream, const GroupNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta,
                   T eps, T* mean, T* rstd, T* y, void*) {
  forward<T>(stream, {layout_of(s), fusion, x, nullptr, gamma, beta, mean, rstd}, eps, {}, mean, rstd, y);
}
template <class T>
void group_backward(Stream stream, const GroupNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const T* gamma,
                    const T* beta, const T* mean, const T* rstd, T* dx, T* dgamma, T* dbeta, void* workspace) {
  backward<T>(stream, {layout_of(s), fusion, x, dy, gamma, beta, mean, rstd}, false, dx, gamma ? dgamma : nullptr, dbeta,
              workspace);
}

template <class T>
constexpr BatchNormKernels<T> batch_table{batch_workspace, batch_forward<T>, batch_inference<T>, batch_backward<T>};
template <class T>
constexpr GroupNormKernels<T> group_table{group_workspace, group_forward<T>, group_backward<T>};

}  // namespace

template <class T>
const BatchNormKernels<T>& naive_batch_norm_cuda() {
  return batch_table<T>;
}
template <class T>
const GroupNormKernels<T>& naive_group_norm_cuda() {
  return group_table<T>;
}
template const BatchNormKernels<float>& naive_batch_norm_cuda<float>();
template const BatchNormKernels<double>& naive_batch_norm_cuda<double>();
template const GroupNormKernels<float>& naive_group_norm_cuda<float>();
template const GroupNormKernels<double>& naive_group_norm_cuda<double>();

}  // namespace heddle::kernels
