// Batch normalization on the CPU. x, y, dy, dx [n, c, inner]; mean, rstd, gamma, beta [c].
//
// A chunk of work is a block of images with up to 64 channels, in the order of memory: planes follow each other, so that
// pages and prefetching come for nothing (going down one channel through all images, whose data would then still lie in the
// second cache for the second look, takes twice as long: every plane begins on a page of its own). First the sums of every
// chunk, combined in order, then, beginning with the chunk that was read last, the result. Memory sees two reads and one
// write (backward: four and one), less what the last cache still holds of the first look.
// Planes of one element (a batch of vectors) have kernels of their own, with channels in the lanes: batch_norm_columns.hpp.
// Operations: 9 an element forward, about 20 backward; at 12 bytes (20 backward) an element it is bound by memory.
#include <algorithm>
#include <cmath>

#include "heddle/base/parallel.hpp"
#include "kernels/norm/batch_norm_chunks.hpp"
#include "kernels/norm/batch_norm_columns.hpp"

namespace heddle::kernels {
namespace {

// Workspace: partials [image_blocks, c], then the bits of dropout.
template <class T> std::size_t workspace(const BatchNormShape& s) {
  return s.inner == 1 ? 0 : static_cast<std::size_t>(partial_bytes(s) + bits_for<T>(std::int64_t{s.n} * s.c, s.inner));
}

template <class T> struct Statistics {
  T eps;
  RunningStatistics<T> running;
  T *mean, *rstd;

  // What the whole batch says about channel c.
  void finish(int c, double count, double channel_mean, double squares) const {
    mean[c] = static_cast<T>(channel_mean);
    rstd[c] = static_cast<T>(1 / std::sqrt(squares / count + static_cast<double>(eps)));
    if (!running.mean) return;
    const double m = running.momentum, unbiased = squares / std::max(count - 1, 1.0);
    running.mean[c] = static_cast<T>((1 - m) * running.mean[c] + m * channel_mean);
    running.var[c] = static_cast<T>((1 - m) * running.var[c] + m * unbiased);
  }
};

// Of several parts of a channel.
struct JoinedMoments {
  double count = 0, mean = 0, squares = 0;

  // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
  void add(double size, double part_mean, double part_squares) {
    const double distance = part_mean - mean;
    mean += distance * size / (count + size);
    squares += part_squares + distance * distance * count * size / (count + size);
    count += size;
  }
};

// Begins with what was read or written last: the likeliest to be in a cache.
template <class T, bool drop>
void apply_backwards(const Kernel<T, drop>& kernel, const Partition& partition, const T* x, const T* gamma, const T* beta,
                     const T* mean, const T* rstd, T* y) {
  parallel_chunks(partition.chunks(), [&](std::int64_t chunk, int) {
    kernel.apply(Block(partition, kernel.s, partition.chunks() - 1 - chunk), x, gamma, beta, mean, rstd, y);
  });
}

template <class T>
void forward(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
             const RunningStatistics<T>& running, T* mean, T* rstd, T* y, void* workspace) {
  const Neighbours<T> neighbours(fusion);
  const Statistics<T> statistics{eps, running, mean, rstd};
  if (running.batches) ++*running.batches;
  const double count = static_cast<double>(s.n) * static_cast<double>(s.inner);
  if (s.inner == 1) {
    columns_forward(s.n, s.c, neighbours, x, gamma, beta, mean, rstd, y,
                    [&](int c, double m, double squares) { statistics.finish(c, count, m, squares); });
    return;
  }
  const Partition partition(s);
  with_drop(neighbours, [&]<bool drop>() {
    const Kernel<T, drop> kernel{s, neighbours, static_cast<std::uint8_t*>(workspace) + partial_bytes(s)};
    Partial* partials = static_cast<Partial*>(workspace);  // [image_blocks, c]
    parallel_chunks(partition.chunks(), [&](std::int64_t chunk, int) {
      const Block block(partition, s, chunk);
      Partial local[max_channels];
      kernel.moments(block, x, local);
      if (partition.image_blocks > 1) {
        std::copy_n(local, block.c1 - block.c0, partials + chunk / partition.channel_blocks * s.c + block.c0);
        return;
      }
      for (int c = block.c0; c < block.c1; ++c) statistics.finish(c, count, local[c - block.c0].a, local[c - block.c0].b);
      kernel.apply(block, x, gamma, beta, mean, rstd, y);
    });
    if (partition.image_blocks == 1) return;
    for (int c = 0; c < s.c; ++c) {
      JoinedMoments joined;
      for (int b = 0; b < partition.image_blocks; ++b) {
        const Partial& partial = partials[std::int64_t{b} * s.c + c];
        const int images = std::min(partition.images, s.n - b * partition.images);
        joined.add(static_cast<double>(images) * static_cast<double>(s.inner), partial.a, partial.b);
      }
      statistics.finish(c, count, joined.mean, joined.squares);
    }
    apply_backwards(kernel, partition, x, gamma, beta, mean, rstd, y);
  });
}

template <class T>
void forward_from_moments(Stream, const BatchNormShape& s, const NormFusion& fusion, const PartialMoments<T>* moments, int parts,
                          const T* x, const T* gamma, const T* beta, T eps, const RunningStatistics<T>& running, T* mean, T* rstd,
                          T* y) {
  const Neighbours<T> neighbours(fusion);
  const Statistics<T> statistics{eps, running, mean, rstd};
  if (running.batches) ++*running.batches;
  for (int c = 0; c < s.c; ++c) {
    JoinedMoments joined;
    for (int i = 0; i < parts; ++i, ++moments) joined.add(moments->count, moments->mean, moments->squares);
    statistics.finish(c, joined.count, joined.mean, joined.squares);
  }
  with_drop(neighbours, [&]<bool drop>() {
    apply_backwards(Kernel<T, drop>{s, neighbours, nullptr}, Partition(s), x, gamma, beta, mean, rstd, y);
  });
}

template <class T>
void inference(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
               const T* mean, const T* variance, T* y) {
  const Neighbours<T> neighbours(fusion);
  const auto rstd = [&](int c) { return static_cast<T>(1 / std::sqrt(static_cast<double>(variance[c]) + static_cast<double>(eps))); };
  if (s.inner == 1) return columns_inference(s.n, s.c, neighbours, x, gamma, beta, mean, rstd, y);
  // A chunk is a run of planes, in the order of memory.
  const std::int64_t planes = std::int64_t{s.n} * s.c, grain = std::max<std::int64_t>(1, 32768 / s.inner);
  with_drop(neighbours, [&]<bool drop>() {
    parallel_for(planes, grain, [&](std::int64_t begin, std::int64_t end) {
      PlaneWalker<T> walker(neighbours, s.inner);
      for (std::int64_t plane = begin; plane < end; ++plane) {
        const int c = static_cast<int>(plane % s.c);
        const T r = rstd(c);
        const AffineMap<T> affine{mean[c], gamma ? r * gamma[c] : r, beta ? beta[c] : T(0)};
        walker.template walk<drop>(plane, [&](const Piece<T>& piece, std::int64_t offset, int count) {
          const std::int64_t at = plane * s.inner + offset;
          Lines<T, false, drop>::apply(piece, affine, count, x + at, y + at);
        });
      }
    });
  });
}

template <class T>
void backward(Stream, const BatchNormShape& s, const NormFusion& fusion, const T* x, const T* dy, const T* gamma, const T* beta,
              const T* mean, const T* rstd, bool fixed, T* dx, T* dgamma, T* dbeta, void* workspace) {
  const Neighbours<T> neighbours(fusion);
  if (s.inner == 1) return columns_backward(s.n, s.c, neighbours, x, dy, gamma, beta, mean, rstd, fixed, dx, dgamma, dbeta);
  const Partition partition(s);
  const auto finish = [&](int c, const Partial& sums) {
    if (dgamma) dgamma[c] = static_cast<T>(sums.b * rstd[c]);
    if (dbeta) dbeta[c] = static_cast<T>(sums.a);
  };
  with_drop(neighbours, [&]<bool drop>() {
    const Kernel<T, drop> kernel{s, neighbours, static_cast<std::uint8_t*>(workspace) + partial_bytes(s)};
    Partial* partials = static_cast<Partial*>(workspace);  // [image_blocks, c]
    parallel_chunks(partition.chunks(), [&](std::int64_t chunk, int) {
      const Block block(partition, s, chunk);
      Partial local[max_channels];
      kernel.gradient_sums(block, x, dy, gamma, beta, mean, rstd, local);
      if (partition.image_blocks > 1) {
        std::copy_n(local, block.c1 - block.c0, partials + chunk / partition.channel_blocks * s.c + block.c0);
        return;
      }
      for (int c = block.c0; c < block.c1; ++c) finish(c, local[c - block.c0]);
      kernel.gradient(block, x, dy, gamma, beta, mean, rstd, fixed, local - block.c0, dx);
    });
    if (partition.image_blocks == 1) return;
    for (int c = 0; c < s.c; ++c) {
      for (int b = 1; b < partition.image_blocks; ++b) {
        partials[c].a += partials[std::int64_t{b} * s.c + c].a;
        partials[c].b += partials[std::int64_t{b} * s.c + c].b;
      }
      finish(c, partials[c]);
    }
    parallel_chunks(partition.chunks(), [&](std::int64_t chunk, int) {
      kernel.gradient(Block(partition, s, partition.chunks() - 1 - chunk), x, dy, gamma, beta, mean, rstd, fixed, partials, dx);
    });
  });
}

template <class T> constexpr BatchNormKernels<T> table{workspace<T>, forward<T>, inference<T>, backward<T>, forward_from_moments<T>};

}  // namespace

template <> const BatchNormKernels<float>& CpuTable<this_isa, BatchNormKernels<float>>::get(Variant) { return table<float>; }
template <> const BatchNormKernels<double>& CpuTable<this_isa, BatchNormKernels<double>>::get(Variant) { return table<double>; }

}  // namespace heddle::kernels
