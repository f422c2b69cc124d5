// Batch normalization's work in chunks, and what is done to one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/norm/norm_lines.hpp"

namespace heddle::kernels {
namespace {

inline constexpr int max_channels = 64;            // in one chunk
inline constexpr std::int64_t chunk_size = 32768;  // elements in one chunk, at least, where there are several

// How the work is divided; depends on the shape alone.
struct Partition {
  int channels, channel_blocks;  // channels in a chunk, and chunks that all channels make
  int images, image_blocks;

  explicit Partition(const BatchNormShape& s) {
    channels = std::min(max_channels, s.c);
    channel_blocks = (s.c + channels - 1) / channels;
    const std::int64_t size = std::int64_t{s.n} * s.inner * s.c;
    const int chunks = static_cast<int>(std::min<std::int64_t>(32, size / chunk_size));
    const int wanted = std::clamp(chunks / channel_blocks, 1, s.n);
    images = (s.n + wanted - 1) / wanted;
    image_blocks = (s.n + images - 1) / images;
  }
  int chunks() const { return channel_blocks * image_blocks; }
};

// One chunk's part of the tensor.
struct Block {
  int c0, c1, n0, n1;

  Block(const Partition& p, const BatchNormShape& s, std::int64_t chunk) {
    const int cb = static_cast<int>(chunk % p.channel_blocks), nb = static_cast<int>(chunk / p.channel_blocks);
    c0 = cb * p.channels, c1 = std::min(c0 + p.channels, s.c);
    n0 = nb * p.images, n1 = std::min(n0 + p.images, s.n);
  }
};

// Sums of one channel over one block of images, as they are kept between the two phases.
struct Partial {
  double a, b;
};

inline std::int64_t partial_bytes(const BatchNormShape& s) {
  return static_cast<std::int64_t>(sizeof(Partial)) * Partition(s).image_blocks * s.c;
}

template <class T, bool drop>
struct Kernel {
  using L = Lines<T, false, drop>;
  const BatchNormShape& s;
  const Neighbours<T>& neighbours;
  std::uint8_t* bits;

  // The mean and the sum of squared distances from it, of channels c0 .. c1 over images n0 .. n1.
  void moments(const Block& block, const T* x, Partial* out) const {
    PlaneWalker<T> walker(neighbours, s.inner, bits);
    walker.forward_sums();
    PairSums<T> sums[max_channels];
    T shift[max_channels];
    for (int c = block.c0; c < block.c1; ++c)
      shift[c - block.c0] = walker.template estimate<drop>(std::int64_t{block.n0} * s.c + c, x);
    for (int n = block.n0; n < block.n1; ++n)
      for (int c = block.c0; c < block.c1; ++c) {
        const std::int64_t plane = std::int64_t{n} * s.c + c;
        walker.template walk<drop, false>(plane, [&](const Piece<T>& piece, std::int64_t offset, int count) {
          Lines<T, false, drop>::moments(piece, count, x + plane * s.inner + offset, shift[c - block.c0], sums[c - block.c0]);
        });
      }
    const double count = static_cast<double>(block.n1 - block.n0) * static_cast<double>(s.inner);
    for (int c = 0; c < block.c1 - block.c0; ++c) {
      sums[c].flush();
      const double distance = sums[c].total_a / count;
      out[c] = {shift[c] + distance, std::max(0.0, sums[c].total_b - distance * sums[c].total_a)};
    }
  }

  AffineMap<T> map(int c, const T* mean, const T* rstd, const T* gamma, const T* beta) const {
    return {mean[c], gamma ? rstd[c] * gamma[c] : rstd[c], beta ? beta[c] : T(0)};
  }

  void apply(const Block& block, const T* x, const T* gamma, const T* beta, const T* mean, const T* rstd, T* y) const {
    PlaneWalker<T> walker(neighbours, s.inner, bits);
    walker.forward_result();
    for (int n = block.n0; n < block.n1; ++n)
      for (int c = block.c0; c < block.c1; ++c) {
        const std::int64_t plane = std::int64_t{n} * s.c + c;
        const AffineMap<T> affine = map(c, mean, rstd, gamma, beta);
        walker.template walk<drop>(plane, [&](const Piece<T>& piece, std::int64_t offset, int count) {
          L::apply(piece, affine, count, x + plane * s.inner + offset, y + plane * s.inner + offset);
        });
      }
  }

  void gradient_sums(const Block& block, const T* x, const T* dy, const T* gamma, const T* beta, const T* mean, const T* rstd,
                     Partial* out) const {
    PlaneWalker<T> walker(neighbours, s.inner, bits);
    walker.backward_sums();
    PairSums<T> sums[max_channels];
    for (int n = block.n0; n < block.n1; ++n)
      for (int c = block.c0; c < block.c1; ++c) {
        const std::int64_t plane = std::int64_t{n} * s.c + c;
        const AffineMap<T> affine = map(c, mean, rstd, gamma, beta);
        walker.template walk<drop>(plane, [&](const Piece<T>& piece, std::int64_t offset, int count) {
          const std::int64_t at = plane * s.inner + offset;
          L::gradient_sums(piece, affine, count, x + at, dy + at, sums[c - block.c0], nullptr, nullptr);
        });
      }
    for (int c = 0; c < block.c1 - block.c0; ++c) {
      sums[c].flush();
      out[c] = {sums[c].total_a, sums[c].total_b};
    }
  }

  // sum_g and sum_gx: a channel's sums of g and of g * (z - mean), over all images.
  void gradient(const Block& block, const T* x, const T* dy, const T* gamma, const T* beta, const T* mean, const T* rstd,
                bool fixed, const Partial* sums, T* dx) const {
    PlaneWalker<T> walker(neighbours, s.inner, bits);
    walker.backward_result();
    const double count = static_cast<double>(s.n) * static_cast<double>(s.inner);
    for (int n = block.n0; n < block.n1; ++n)
      for (int c = block.c0; c < block.c1; ++c) {
        const std::int64_t plane = std::int64_t{n} * s.c + c;
        const AffineMap<T> affine = map(c, mean, rstd, gamma, beta);
        const double r = rstd[c], k1 = affine.scale;
        const double k2 = fixed ? 0 : k1 * sums[c].a / count, k3 = fixed ? 0 : k1 * r * r * sums[c].b / count;
        walker.template walk<drop>(plane, [&](const Piece<T>& piece, std::int64_t offset, int size) {
          const std::int64_t at = plane * s.inner + offset;
          L::gradient(piece, affine, affine.scale, static_cast<T>(k2), static_cast<T>(k3), size, x + at, dy + at, dx + at);
        });
      }
  }
};

}  // namespace
}  // namespace heddle::kernels
