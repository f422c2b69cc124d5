// Group, layer and instance normalization on the GPU: one launch forward; backward one, and one more for the affine
// parameters.
//
// x, y, dy, dx [n, c, inner], a row being c / groups neighbouring planes; mean, rstd [n, groups]; gamma, beta [c] or
// [c, inner].
//
// A row belongs to one group of warps, a block to one long row or to several short ones. A row's planes are cut into
// segments of at most 1,024 elements, each done by a team of 1 to 32 lanes, so that sums by channel need no barrier: only the
// row's own sums cross warps. What a thread has read (and, with dropout, drawn) waits in shared memory where a row
// fits there, in the places that the same thread reads again, so a row is read once; longer rows are read again, and are
// the same to the bit. The variance is taken in a second look, around the mean.
//
// dgamma and dbeta by channel: each row leaves two sums a plane in the workspace, and a second kernel adds the images up in
// order. By element: a second kernel sums over the images.
//
// Bytes an element: forward 4 read, 4 written; backward 8 and 4, and 8 more read for an affine map by element; half of that in
// bf16, but for the affine map's.
// Operations: 12 and 20, and 25 a mask drawn.
#include <cmath>

#include "kernels/norm/group_norm_affine.cuh"
#include "kernels/norm/group_norm_rows.cuh"
#include "kernels/simt/runtime.hpp"

namespace heddle::kernels {
namespace {

template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(most_threads)
    group_forward_kernel(RowPlan p, NormFusion fusion, bool cached, const T* HD_RESTRICT x, const Wide<T>* HD_RESTRICT gamma,
                         const Wide<T>* HD_RESTRICT beta, Wide<T> eps, Wide<T>* HD_RESTRICT mean_out,
                         Wide<T>* HD_RESTRICT rstd_out, T* HD_RESTRICT y) {
  HD_SHARED(DoublePair, sums, [2][most_threads / 32]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>> neighbours(fusion);
  const Place place(p);
  const RowCache<Wide<T>> cache(carver, p, place, cached);
  const std::int64_t first = place.row * p.channels, base = first * p.inner;  // plane and element
  const auto nothing = [](int) {};
  Wide<T> before = 1, after = 1;
  int channel = 0;
  const auto begin = [&](int c) { channel = c, before = neighbours.before.plane(first + c); };
  const auto z_of = [&](std::int64_t i) {
    return cached ? cache.template load<V>(i) : neighbours.template input<V>(x, base + i, before);
  };

  DoublePair mine{0, 0};
  Wide<T> sum = 0;
  place.each<V>(
      p, [&](int c) { begin(c), sum = 0; },
      [&](std::int64_t i) {
        const simt::Vec<Wide<T>, V> z = neighbours.template input<V>(x, base + i, before);
        if (cached) cache.store(i, z);
        for (int j = 0; j < V; ++j) sum += z[j];
      },
      [&](int) { mine.a += sum, sum = 0; });
  const double size = static_cast<double>(p.size()), rough = row_sum(p, place, mine, sums[0]).a / size;

  const Wide<T> centre = static_cast<Wide<T>>(rough);
  Wide<T> squares = 0;
  mine = {0, 0};
  place.each<V>(
      p, begin,
      [&](std::int64_t i) {
        const simt::Vec<Wide<T>, V> z = z_of(i);
        for (int j = 0; j < V; ++j) sum += z[j] - centre, squares += (z[j] - centre) * (z[j] - centre);
      },
      [&](int) { mine.a += sum, mine.b += squares, sum = squares = 0; });
  const DoublePair all = row_sum(p, place, mine, sums[1]);
  const double distance = all.a / size, variance = all.b / size - distance * distance;
  const Wide<T> mean = static_cast<Wide<T>>(centre + distance),
                rstd = static_cast<Wide<T>>(1 / std::sqrt((variance > 0 ? variance : 0) + static_cast<double>(eps)));
  if (place.valid && place.thread == 0) mean_out[place.row] = mean, rstd_out[place.row] = rstd;

  place.each<V>(
      p, [&](int c) { begin(c), after = neighbours.after.plane(first + c); },
      [&](std::int64_t i) {
        const auto map = map_of<Wide<T>, V>(p, gamma, beta, first, i, channel, mean, rstd);
        simt::store_narrow(y + base + i, neighbours.template output<V>(z_of(i), map, base + i, after));
      },
      nothing);
}

// plane_sums [n, c]: sums of g and of g * xhat, where the affine map is by channel; else null. Cached are z and
// h = g * gamma * rstd.
template <class T, int V>
HD_KERNEL void HD_LAUNCH_BOUNDS(most_threads)
    group_backward_kernel(RowPlan p, NormFusion fusion, bool cached, const T* HD_RESTRICT x, const T* HD_RESTRICT dy,
                          const Wide<T>* HD_RESTRICT gamma, const Wide<T>* HD_RESTRICT beta, const Wide<T>* HD_RESTRICT mean_in,
                          const Wide<T>* HD_RESTRICT rstd_in, T* HD_RESTRICT dx, DoublePair* HD_RESTRICT plane_sums) {
  HD_SHARED(DoublePair, sums, [most_threads / 32]);
  HD_CARVER(carver);
  const DeviceNeighbours<Wide<T>> neighbours(fusion);
  const Place place(p);
  const int segments = p.channels * p.parts;
  DoublePair* const by_segment =
      plane_sums
          ? carver.template take<DoublePair>(static_cast<std::size_t>(p.rows_per_block * segments)) + place.slot * segments
          : nullptr;
  const RowCache<Wide<T>> cache_h(carver, p, place, cached), cache_z(carver, p, place, cached);
  const std::int64_t first = place.row * p.channels, base = first * p.inner;
  const Wide<T> mean = place.valid ? mean_in[place.row] : Wide<T>(0), rstd = place.valid ? rstd_in[place.row] : Wide<T>(0);
  Wide<T> before = 1, after = 1;
  int channel = 0;
  const auto begin = [&](int c) {
    channel = c, before = neighbours.before.plane(first + c), after = neighbours.after.plane(first + c);
  };

  DoublePair mine{0, 0};
  Wide<T> sum_g = 0, sum_gd = 0, sum_h = 0, sum_hd = 0;
  const auto look = [&](std::int64_t i, simt::Vec<Wide<T>, V>& z, simt::Vec<Wide<T>, V>& h, bool add) {
    const auto map = map_of<Wide<T>, V>(p, gamma, beta, first, i, channel, mean, rstd);
    z = neighbours.template input<V>(x, base + i, before);
    h = neighbours.template gradient<V>(z, map, dy, base + i, after);
    for (int j = 0; j < V; ++j) {
      const Wide<T> d = z[j] - mean;
      if (add) sum_g += h[j], sum_gd += h[j] * d;
      h[j] *= map.scale[j];
      if (add) sum_h += h[j], sum_hd += h[j] * d;
    }
  };
  place.each<V>(
      p, begin,
      [&](std::int64_t i) {
        simt::Vec<Wide<T>, V> z, h;
        look(i, z, h, true);
        if (cached) cache_z.store(i, z), cache_h.store(i, h);
      },
      [&](int segment) {
        mine.a += sum_h, mine.b += sum_hd;
        if (by_segment) {
          DoublePair s{static_cast<double>(sum_g), static_cast<double>(sum_gd) * static_cast<double>(rstd)};
          for (int offset = p.lanes / 2; offset > 0; offset /= 2) {
            s.a += __shfl_xor_sync(simt::full_warp, s.a, offset);
            s.b += __shfl_xor_sync(simt::full_warp, s.b, offset);
          }
          if (place.valid && segment < segments && place.lane == 0) by_segment[segment] = s;
        }
        sum_g = sum_gd = sum_h = sum_hd = 0;
      });
  const DoublePair all = row_sum(p, place, mine, sums);  // its barrier also stands before the sums by segment
  if (!place.valid) return;
  if (plane_sums)
    for (int c = place.thread; c < p.channels; c += p.row_threads) {
      DoublePair s{0, 0};
      for (int i = 0; i < p.parts; ++i) s.a += by_segment[c * p.parts + i].a, s.b += by_segment[c * p.parts + i].b;
      plane_sums[first + c] = s;
    }
  const double size = static_cast<double>(p.size()), r = rstd;
  const Wide<T> k2 = static_cast<Wide<T>>(all.a / size), k3 = static_cast<Wide<T>>(r * r * all.b / size);
  place.each<V>(
      p, begin,
      [&](std::int64_t i) {
        simt::Vec<Wide<T>, V> z, h;
        if (cached)
          z = cache_z.template load<V>(i), h = cache_h.template load<V>(i);
        else
          look(i, z, h, false);
        for (int j = 0; j < V; ++j) h[j] = h[j] - k2 - (z[j] - mean) * k3;
        neighbours.template input_gradient<V>(h, z, base + i, before);
        simt::store_narrow(dx + base + i, h);
      },
      [](int) {});
}

std::size_t workspace(const GroupNormShape& shape) {
  const GroupNormShape s = folded(shape);
  return s.affine == Affine::channel ? static_cast<std::size_t>(s.n * s.c) * sizeof(DoublePair) : 0;
}

// Dynamic shared memory beside the kernels' own that every launch may have.
std::size_t shared_limit() {
  static const std::size_t limit = simt::device_properties(0).shared_bytes_per_block - 1024;
  return limit;
}
unsigned blocks(const RowPlan& p) {
  return simt::blocks_for(p.rows, p.rows_per_block);
}
unsigned block_size(const RowPlan& p) {
  return static_cast<unsigned>(p.row_threads * p.rows_per_block);
}

template <class T>
void forward(Stream stream, const GroupNormShape& shape, const NormFusion& given, const T* x, const Wide<T>* gamma,
             const Wide<T>* beta, Wide<T> eps, Wide<T>* mean, Wide<T>* rstd, T* y, void*) {
  const GroupNormShape s = folded(shape);
  const NormFusion fusion = folded(shape, given);
  with_width<T>(
      s.inner,
      [&]<int V>() {
        const RowPlan p = plan_of(s, V);
        const std::size_t bytes =
            simt::SharedBytes().take<Wide<T>>(static_cast<std::size_t>(p.rows_per_block * p.size())).total;
        const bool cached = bytes <= shared_limit();
        simt::launch<group_forward_kernel<T, V>>(blocks(p), block_size(p), cached ? bytes : 0, stream, p, fusion, cached, x,
                                                 gamma, beta, eps, mean, rstd, y);
      },
      x, y, gamma, beta);
}

template <class T>
void backward(Stream stream, const GroupNormShape& shape, const NormFusion& given, const T* x, const T* dy,
              const Wide<T>* gamma, const Wide<T>* beta, const Wide<T>* mean, const Wide<T>* rstd, T* dx, Wide<T>* dgamma,
              Wide<T>* dbeta, void* workspace) {
  const GroupNormShape s = folded(shape);
  const NormFusion fusion = folded(shape, given);
  const bool by_channel = s.affine == Affine::channel;
  auto* const plane_sums = by_channel ? static_cast<DoublePair*>(workspace) : nullptr;
  with_width<T>(
      s.inner,
      [&]<int V>() {
        const RowPlan p = plan_of(s, V);
        const std::size_t size = static_cast<std::size_t>(p.rows_per_block * p.size());
        const auto segments = simt::SharedBytes().take<DoublePair>(
            by_channel ? static_cast<std::size_t>(p.rows_per_block * p.channels * p.parts) : 0);
        const auto whole = segments.template take<Wide<T>>(size).template take<Wide<T>>(size);
        const bool cached = whole.total <= shared_limit();
        simt::launch<group_backward_kernel<T, V>>(blocks(p), block_size(p), cached ? whole.total : segments.total, stream, p,
                                                  fusion, cached, x, dy, gamma, beta, mean, rstd, dx, plane_sums);
        if (s.affine != Affine::element) return;
        constexpr int width = std::min(V, 4);  // an image has few elements
        simt::launch<group_element_sums_kernel<T, width>>(simt::blocks_for(s.c * s.inner, 32 * width), 256, 0, stream, p,
                                                          fusion, s.n, x, dy, gamma, beta, mean, rstd, dgamma, dbeta);
      },
      x, dy, dx, gamma, beta);
  if (by_channel)
    simt::launch<group_add_planes_kernel<Wide<T>>>(simt::blocks_for(s.c, 32), 256, 0, stream, s.n, s.c, plane_sums, dgamma,
                                                   dbeta);
}

template <class T>
constexpr GroupNormKernels<T> table{workspace, forward<T>, backward<T>};

}  // namespace

template <class T>
const GroupNormKernels<T>& naive_group_norm_cuda();  // norm_naive_cuda.cu

template <>
const GroupNormKernels<float>& GroupNormKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_group_norm_cuda<float>() : table<float>;
}
template <>
const GroupNormKernels<double>& GroupNormKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_group_norm_cuda<double>() : table<double>;
}

template <>
const GroupNormKernels<BFloat16>& GroupNormKernels<BFloat16>::cuda(Variant) {
  return table<BFloat16>;
}

}  // namespace heddle::kernels
