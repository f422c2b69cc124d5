// Batch normalization on the GPU: two launches forward, or one behind a convolution that left the moments of what it wrote;
// two backward; whatever the neighbours.
//
// x, y, dy, dx [n, c, inner]; mean, rstd, gamma, beta [c]; partial sums [c, splits] in the workspace.
//
// The tensor is cut into blocks of one channel (32 neighbouring ones where planes are shorter than eight elements) by a
// range of images by a part of a plane, about 4,096 elements (of bf16 8,192). The first launch leaves each block's sums in the
// workspace. In the second, each block first adds up its channel's partial sums, all blocks in the same order, then does the
// arithmetic on its own elements; the block of a channel's first part also writes what is kept of it. So no third launch
// waits between the two, and the result is the same to the bit on every device. Behind a convolution the first launch is
// left out: its tiles' moments are joined instead, 12 bytes for each 256 pixels or so.
//
// Variance: a thread sums z - K and (z - K)^2 of about 16 elements (of bf16 32, in float), K being its first; count, mean and sum of
// squared distances of threads, then of blocks, are joined in double by Chan, Golub and LeVeque's formula.
//
// Threads take 4 neighbouring elements where planes are a multiple of 4, and 8 of bf16 where they are one of 8. Bytes: forward
// 8 read (4 of them from the L2 cache where the tensor fits) and 4 written an element, backward 16 and 4; half of that in bf16,
// with everything a channel has one of in float. Operations: 9 and 20, and 25 a mask drawn.
#include <cmath>

#include "kernels/norm/batch_norm_cut.cuh"

namespace heddle::kernels {
namespace {

template <class T, int V>
HD_DEVICE AffineMap<T, V> map_of(const T* gamma, const T* beta, int channel, T mean, T rstd) {
  AffineMap<T, V> map{mean, {}, {}};
  for (int j = 0; j < V; ++j) map.scale[j] = gamma ? rstd * gamma[channel] : rstd, map.bias[j] = beta ? beta[channel] : T(0);
  return map;
}

template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    batch_moments_kernel(Cut cut, NormFusion fusion, const T* HD_RESTRICT x, Moments* HD_RESTRICT partial) {
  HD_SHARED(Moments, shared, [threads]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>, true> neighbours(fusion);
  const Share share(cut);
  const PlaneFactors<Wide<T>> before(cut, share, neighbours.before, carver.template take<Wide<T>>(cut.images));
  __syncthreads();
  int count = 0;
  Wide<T> shift = 0, sum = 0, squares = 0;
  share.template each<V>(cut, [&](int image, std::int64_t i) {
    const simt::Vec<Wide<T>, V> z = neighbours.template input<V>(x, i, before(image));
    if (count == 0) shift = z[0];
    count += V;
    for (int j = 0; j < V; ++j) sum += z[j] - shift, squares += (z[j] - shift) * (z[j] - shift);
  });
  Moments mine{static_cast<double>(count), 0, 0};
  if (count > 0) {
    const double s = sum, distance = s / count, rest = squares - s * distance;
    mine.mean = shift + distance;
    mine.squares = rest < 0 ? 0 : rest;
  }
  const Moments all = simt::join_block<threads>(mine, shared, cut.group);
  if (threadIdx.x < static_cast<unsigned>(cut.group) && share.channel < cut.c)
    partial[std::int64_t{share.channel} * cut.splits + share.split] = all;
}

// What is known of the statistics: `parts` moments a channel, of this file's own kernel or of a convolution, or mean and
// variance themselves.
template <class T>
struct Statistics {
  const Moments* partial = nullptr;
  const PartialMoments<T>* of_conv = nullptr;
  int parts = 0;
  const T *given_mean = nullptr, *given_variance = nullptr;
  T eps = 0;
  RunningStatistics<T> running = {};
  T *mean = nullptr, *rstd = nullptr;
};

template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    batch_apply_kernel(Cut cut, NormFusion fusion, const T* HD_RESTRICT x, const Wide<T>* HD_RESTRICT gamma,
                       const Wide<T>* HD_RESTRICT beta, Statistics<Wide<T>> s, T* HD_RESTRICT y) {
  HD_SHARED(Moments, shared, [threads]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>, true> neighbours(fusion);
  const Share share(cut);
  auto* const factors = carver.template take<Wide<T>>(2 * cut.images);
  const PlaneFactors<Wide<T>> before(cut, share, neighbours.before, factors),
      after(cut, share, neighbours.after, factors + cut.images);
  const bool valid = share.channel < cut.c;
  double mean = 0, rstd = 1;
  if (s.parts > 0) {
    const Moments all = s.of_conv ? joined_splits<Moments>(cut, share, s.parts, s.of_conv, shared)
                                  : joined_splits<Moments>(cut, share, s.parts, s.partial, shared);
    const double variance = all.squares / static_cast<double>(cut.count());
    mean = all.mean;
    rstd = 1 / std::sqrt(variance + static_cast<double>(s.eps));
    if (valid && share.split == 0 && threadIdx.x < static_cast<unsigned>(cut.group)) {
      s.mean[share.channel] = static_cast<Wide<T>>(mean);
      s.rstd[share.channel] = static_cast<Wide<T>>(rstd);
      if (s.running.batches && share.channel == 0) ++*s.running.batches;
      if (s.running.mean) {
        const double count = static_cast<double>(cut.count()), unbiased = count > 1 ? all.squares / (count - 1) : variance;
        const double momentum = s.running.momentum;
        Wide<T>&running_mean = s.running.mean[share.channel], &running_var = s.running.var[share.channel];
        running_mean = static_cast<Wide<T>>((1 - momentum) * static_cast<double>(running_mean) + momentum * mean);
        running_var = static_cast<Wide<T>>((1 - momentum) * static_cast<double>(running_var) + momentum * unbiased);
      }
    }
  } else {
    __syncthreads();
    if (valid) {
      mean = s.given_mean[share.channel];
      rstd = 1 / std::sqrt(static_cast<double>(s.given_variance[share.channel]) + static_cast<double>(s.eps));
    }
  }
  if (!valid) return;
  const auto map = map_of<Wide<T>, V>(gamma, beta, share.channel, static_cast<Wide<T>>(mean), static_cast<Wide<T>>(rstd));
  share.template each<V>(cut, [&](int image, std::int64_t i) {
    simt::store_narrow(y + i,
                       neighbours.template output<V>(neighbours.template input<V>(x, i, before(image)), map, i, after(image)));
  });
}

template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    batch_sums_kernel(Cut cut, NormFusion fusion, const T* HD_RESTRICT x, const T* HD_RESTRICT dy,
                      const Wide<T>* HD_RESTRICT gamma, const Wide<T>* HD_RESTRICT beta, const Wide<T>* HD_RESTRICT mean,
                      const Wide<T>* HD_RESTRICT rstd, GradientSums* HD_RESTRICT partial) {
  HD_SHARED(GradientSums, shared, [threads]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>, true> neighbours(fusion);
  const Share share(cut);
  auto* const factors = carver.template take<Wide<T>>(2 * cut.images);
  const PlaneFactors<Wide<T>> before(cut, share, neighbours.before, factors),
      after(cut, share, neighbours.after, factors + cut.images);
  __syncthreads();
  Wide<T> sum = 0, dot = 0;
  if (share.channel < cut.c) {
    const auto map = map_of<Wide<T>, V>(gamma, beta, share.channel, mean[share.channel], rstd[share.channel]);
    share.template each<V>(cut, [&](int image, std::int64_t i) {
      const simt::Vec<Wide<T>, V> z = neighbours.template input<V>(x, i, before(image));
      const simt::Vec<Wide<T>, V> g = neighbours.template gradient<V>(z, map, dy, i, after(image));
      for (int j = 0; j < V; ++j) sum += g[j], dot += g[j] * (z[j] - map.mean);
    });
  }
  const GradientSums all =
      simt::join_block<threads>(GradientSums{static_cast<double>(sum), static_cast<double>(dot)}, shared, cut.group);
  if (threadIdx.x < static_cast<unsigned>(cut.group) && share.channel < cut.c)
    partial[std::int64_t{share.channel} * cut.splits + share.split] = all;
}

// dz = g * scale - k2 - (z - mean) * k3; see docs/kernels/norm.md.
template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    batch_gradient_kernel(Cut cut, NormFusion fusion, const T* HD_RESTRICT x, const T* HD_RESTRICT dy,
                          const Wide<T>* HD_RESTRICT gamma, const Wide<T>* HD_RESTRICT beta, const Wide<T>* HD_RESTRICT mean,
                          const Wide<T>* HD_RESTRICT rstd, bool fixed, const GradientSums* HD_RESTRICT partial,
                          T* HD_RESTRICT dx, Wide<T>* HD_RESTRICT dgamma, Wide<T>* HD_RESTRICT dbeta) {
  HD_SHARED(GradientSums, shared, [threads]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>, true> neighbours(fusion);
  const Share share(cut);
  auto* const factors = carver.template take<Wide<T>>(2 * cut.images);
  const PlaneFactors<Wide<T>> before(cut, share, neighbours.before, factors),
      after(cut, share, neighbours.after, factors + cut.images);
  const GradientSums all = joined_splits<GradientSums>(cut, share, cut.splits, partial, shared);
  if (share.channel >= cut.c) return;
  const auto map = map_of<Wide<T>, V>(gamma, beta, share.channel, mean[share.channel], rstd[share.channel]);
  const double r = rstd[share.channel], scale = map.scale[0], count = static_cast<double>(cut.count());
  if (dgamma && share.split == 0 && threadIdx.x < static_cast<unsigned>(cut.group)) {
    dgamma[share.channel] = static_cast<Wide<T>>(all.gx * r);
    dbeta[share.channel] = static_cast<Wide<T>>(all.g);
  }
  const Wide<T> k2 = static_cast<Wide<T>>(fixed ? 0 : scale * all.g / count),
                k3 = static_cast<Wide<T>>(fixed ? 0 : scale * r * r * all.gx / count);
  share.template each<V>(cut, [&](int image, std::int64_t i) {
    const Wide<T> before_factor = before(image);
    const simt::Vec<Wide<T>, V> z = neighbours.template input<V>(x, i, before_factor);
    simt::Vec<Wide<T>, V> d = neighbours.template gradient<V>(z, map, dy, i, after(image));
    for (int j = 0; j < V; ++j) d[j] = d[j] * map.scale[j] - k2 - (z[j] - map.mean) * k3;
    neighbours.template input_gradient<V>(d, z, i, before_factor);
    simt::store_narrow(dx + i, d);
  });
}

template <class T>
std::size_t workspace(const BatchNormShape& s) {
  const Cut cut = cut_of<T>(s);
  return static_cast<std::size_t>(cut.c) * static_cast<std::size_t>(cut.splits) * sizeof(Moments);
}

unsigned blocks(const Cut& cut) {
  return static_cast<unsigned>(cut.splits) * static_cast<unsigned>(cut.groups);
}

// What an access may not reach beyond: channels side by side are read one element a thread.
std::int64_t whole_planes(const Cut& cut) {
  return cut.group == 1 ? cut.inner : 1;
}

template <class T>
void apply(Stream stream, const Cut& cut, const NormFusion& fusion, const T* x, const Wide<T>* gamma, const Wide<T>* beta,
           const Statistics<Wide<T>>& s, T* y) {
  const std::size_t bytes = simt::SharedBytes().take<Wide<T>>(2 * static_cast<std::size_t>(cut.images)).total;
  with_width<T>(
      whole_planes(cut),
      [&]<int V>() {
        simt::launch<batch_apply_kernel<T, V>>(blocks(cut), threads, bytes, stream, cut, fusion, x, gamma, beta, s, y);
      },
      x, y);
}

template <class T>
void forward(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const Wide<T>* gamma,
             const Wide<T>* beta, Wide<T> eps, const RunningStatistics<Wide<T>>& running, Wide<T>* mean, Wide<T>* rstd, T* y,
             void* workspace) {
  const Cut cut = cut_of<T>(s);
  auto* const partial = static_cast<Moments*>(workspace);
  const std::size_t bytes = simt::SharedBytes().take<Wide<T>>(static_cast<std::size_t>(cut.images)).total;
  with_width<T>(
      whole_planes(cut),
      [&]<int V>() { simt::launch<batch_moments_kernel<T, V>>(blocks(cut), threads, bytes, stream, cut, fusion, x, partial); },
      x);
  apply<T>(stream, cut, fusion, x, gamma, beta,
           {.partial = partial, .parts = cut.splits, .eps = eps, .running = running, .mean = mean, .rstd = rstd}, y);
}

template <class T>
void forward_from_moments(Stream stream, const BatchNormShape& s, const NormFusion& fusion,
                          const PartialMoments<Wide<T>>* moments, int parts, const T* x, const Wide<T>* gamma,
                          const Wide<T>* beta, Wide<T> eps, const RunningStatistics<Wide<T>>& running, Wide<T>* mean,
                          Wide<T>* rstd, T* y) {
  apply<T>(stream, cut_of<T>(s), fusion, x, gamma, beta,
           {.of_conv = moments, .parts = parts, .eps = eps, .running = running, .mean = mean, .rstd = rstd}, y);
}

template <class T>
void inference(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const Wide<T>* gamma,
               const Wide<T>* beta, Wide<T> eps, const Wide<T>* mean, const Wide<T>* variance, T* y) {
  apply<T>(stream, cut_of<T>(s), fusion, x, gamma, beta, {.given_mean = mean, .given_variance = variance, .eps = eps}, y);
}

template <class T>
void backward(Stream stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const Wide<T>* gamma,
              const Wide<T>* beta, const Wide<T>* mean, const Wide<T>* rstd, bool fixed, T* dx, Wide<T>* dgamma, Wide<T>* dbeta,
              void* workspace) {
  const Cut cut = cut_of<T>(s);
  auto* const partial = static_cast<GradientSums*>(workspace);
  const std::size_t bytes = simt::SharedBytes().take<Wide<T>>(2 * static_cast<std::size_t>(cut.images)).total;
  with_width<T>(
      whole_planes(cut),
      [&]<int V>() {
        simt::launch<batch_sums_kernel<T, V>>(blocks(cut), threads, bytes, stream, cut, fusion, x, dy, gamma, beta, mean, rstd,
                                              partial);
        simt::launch<batch_gradient_kernel<T, V>>(blocks(cut), threads, bytes, stream, cut, fusion, x, dy, gamma, beta, mean,
                                                  rstd, fixed, partial, dx, dgamma, dbeta);
      },
      x, dy, dx);
}

template <class T>
constexpr BatchNormKernels<T> table{workspace<T>, forward<T>, inference<T>, backward<T>, forward_from_moments<T>};

}  // namespace

template <class T>
const BatchNormKernels<T>& naive_batch_norm_cuda();  // norm_naive_cuda.cu

template <>
const BatchNormKernels<float>& BatchNormKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_batch_norm_cuda<float>() : table<float>;
}
template <>
const BatchNormKernels<double>& BatchNormKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_batch_norm_cuda<double>() : table<double>;
}

template <>
const BatchNormKernels<BFloat16>& BatchNormKernels<BFloat16>::cuda(Variant) {
  return table<BFloat16>;
}

}  // namespace heddle::kernels
