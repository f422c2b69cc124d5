// The gradients of group normalization's affine parameters, which are sums over images, for group_norm_cuda.cu: by channel
// from the sums of planes that the rows left, by element from x and dy.
#pragma once

#include "kernels/norm/group_norm_rows.cuh"

namespace heddle::kernels {
namespace {

// dgamma, dbeta [c] from plane_sums [n, c]: 32 channels a block, 8 threads a channel.
template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(256) group_add_planes_kernel(std::int64_t n, int c, const DoublePair* HD_RESTRICT plane_sums,
                                                             T* HD_RESTRICT dgamma, T* HD_RESTRICT dbeta) {
  HD_SHARED(DoublePair, shared, [8][32]);
  const int lane = static_cast<int>(threadIdx.x) % 32, row = static_cast<int>(threadIdx.x) / 32;
  const std::int64_t channel = std::int64_t{blockIdx.x} * 32 + lane;
  DoublePair sum{0, 0};
  if (channel < c)
    for (std::int64_t i = row; i < n; i += 8) sum.a += plane_sums[i * c + channel].a, sum.b += plane_sums[i * c + channel].b;
  shared[row][lane] = sum;
  __syncthreads();
  if (row != 0 || channel >= c) return;
  for (int r = 1; r < 8; ++r) sum.a += shared[r][lane].a, sum.b += shared[r][lane].b;
  dgamma[channel] = static_cast<T>(sum.b);
  dbeta[channel] = static_cast<T>(sum.a);
}

// dgamma, dbeta [size]: sums of g * xhat and of g for each element of an image, over the images. A block has 32 units of V
// elements; 8 threads share a unit's images, and are added up in order.
template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(256)
    group_element_sums_kernel(RowPlan p, NormFusion fusion, std::int64_t n, const T* HD_RESTRICT x, const T* HD_RESTRICT dy,
                              const Wide<T>* HD_RESTRICT gamma, const Wide<T>* HD_RESTRICT beta,
                              const Wide<T>* HD_RESTRICT mean, const Wide<T>* HD_RESTRICT rstd, Wide<T>* HD_RESTRICT dgamma,
                              Wide<T>* HD_RESTRICT dbeta) {
  HD_SHARED(Wide<T>, sums, [2][V][8][32]);
  const DeviceNeighbours<Wide<T>> neighbours(fusion);
  const int lane = static_cast<int>(threadIdx.x) % 32, turn = static_cast<int>(threadIdx.x) / 32;
  const std::int64_t size = p.groups * p.size(), at = (std::int64_t{blockIdx.x} * 32 + lane) * V;
  simt::Vec<Wide<T>, V> sum_gx{}, sum_g{};
  if (at < size) {
    const std::int64_t group = at / p.size(), plane = at / p.inner, planes = std::int64_t{p.groups} * p.channels;
    const simt::Vec<Wide<T>, V> scale = simt::load_vec<V>(gamma + at);
    AffineMap<Wide<T>, V> map{0, {}, simt::load_vec<V>(beta + at)};
    for (std::int64_t image = turn; image < n; image += 8) {
      const std::int64_t row = image * p.groups + group, i = image * size + at;
      const Wide<T> r = rstd[row];
      map.mean = mean[row];
      for (int j = 0; j < V; ++j) map.scale[j] = scale[j] * r;
      const simt::Vec<Wide<T>, V> z = neighbours.template input<V>(x, i, neighbours.before.plane(image * planes + plane));
      const simt::Vec<Wide<T>, V> g =
          neighbours.template gradient<V>(z, map, dy, i, neighbours.after.plane(image * planes + plane));
      for (int j = 0; j < V; ++j) sum_g[j] += g[j], sum_gx[j] += g[j] * (z[j] - map.mean) * r;
    }
  }
  for (int j = 0; j < V; ++j) sums[0][j][turn][lane] = sum_gx[j], sums[1][j][turn][lane] = sum_g[j];
  __syncthreads();
  if (turn >= 2 || at >= size) return;
  simt::Vec<Wide<T>, V> all{};
  for (int t = 0; t < 8; ++t)
    for (int j = 0; j < V; ++j) all[j] += sums[turn][j][t][lane];
  for (int j = 0; j < V; ++j) (turn == 0 ? dgamma : dbeta)[at + j] = all[j];
}

}  // namespace
}  // namespace heddle::kernels
