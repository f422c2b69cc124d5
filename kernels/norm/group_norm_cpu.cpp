// Group, layer and instance normalization on the CPU. x, y, dy, dx [n, c, inner]; mean, rstd [n, groups]; gamma, beta [c] or
// [c, inner].
//
// A row, the elements that share statistics, is contiguous and small (64 KiB for 16 channels of 32 x 32 floats), so that it
// stays in the second cache between the sums and the result: memory sees one read and one write (two reads and one write
// backward). Rows are independent but for dgamma and dbeta: by channel each plane leaves its two sums in the workspace, by
// element each block of images has sums of its own there, and these are added up in order at the end.
#include <algorithm>
#include <cmath>
#include <optional>

#include "heddle/base/parallel.hpp"
#include "kernels/norm/norm_lines.hpp"

namespace heddle::kernels {
namespace {

// Planes of one element are the same as one plane of the whole row with an affine map by element, and dropping planes is
// dropping elements.
GroupNormShape folded(const GroupNormShape& s) {
  if (s.inner != 1) return s;
  return {s.n, s.groups, s.c / s.groups, s.groups, s.affine == Affine::none ? Affine::none : Affine::element};
}
NormFusion folded(const GroupNormShape& s, NormFusion fusion) {
  if (s.inner == 1) fusion.before.planes = fusion.after.planes = false, fusion.kept = nullptr;
  return fusion;
}

// Images in a block; depends on the shape alone.
std::int64_t images_per_block(const GroupNormShape& s) {
  const std::int64_t size = s.c * s.inner;
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / size);
  return s.affine == Affine::element ? std::max(grain, (s.n + 15) / 16) : grain;
}
std::int64_t blocks(const GroupNormShape& s) { return (s.n + images_per_block(s) - 1) / images_per_block(s); }

struct PlaneSums {
  double g, gx;  // sums of g and of g * xhat
};

template <class T> std::size_t workspace(const GroupNormShape& shape) {
  const GroupNormShape s = folded(shape);
  if (s.affine == Affine::none) return 0;
  if (s.affine == Affine::channel) return static_cast<std::size_t>(s.n * s.c) * sizeof(PlaneSums);
  return static_cast<std::size_t>(blocks(s) * s.c * s.inner) * 2 * sizeof(T);
}

template <class T> struct Pointers {
  const T *x, *dy, *gamma, *beta;
  T *mean, *rstd, *y, *dx;
};

template <class T, bool element, bool drop> struct Kernel {
  using L = Lines<T, element, drop>;
  const GroupNormShape& s;
  const Neighbours<T>& neighbours;
  int channels = s.c / s.groups;  // in a row

  AffineMap<T> map(const Pointers<T>& p, int channel, T mean, T rstd) const {
    if constexpr (element) return {mean, rstd, T(0), p.gamma + channel * s.inner, p.beta + channel * s.inner};
    return {mean, p.gamma ? rstd * p.gamma[channel] : rstd, p.beta ? p.beta[channel] : T(0)};
  }
  static AffineMap<T> advanced(AffineMap<T> map, std::int64_t offset) {
    if constexpr (element) map.gamma += offset, map.beta += offset;
    return map;
  }

  void forward(PlaneWalker<T>& walker, std::int64_t row, const Pointers<T>& p, T eps) const {
    const std::int64_t first = row * channels;  // plane
    const int channel = static_cast<int>(row % s.groups) * channels;
    PairSums<T> sums;
    walker.begin_at(first);
    walker.forward_sums();
    const T shift = walker.template estimate<drop>(first, p.x);
    for (int c = 0; c < channels; ++c)
      walker.template walk<drop, false>(first + c, [&](const Piece<T>& piece, std::int64_t offset, int count) {
        L::moments(piece, count, p.x + (first + c) * s.inner + offset, shift, sums);
      });
    sums.flush();
    const double size = static_cast<double>(s.row_size()), distance = sums.total_a / size;
    const double variance = std::max(0.0, sums.total_b / size - distance * distance);
    p.mean[row] = static_cast<T>(shift + distance);
    p.rstd[row] = static_cast<T>(1 / std::sqrt(variance + static_cast<double>(eps)));
    walker.forward_result();
    for (int c = 0; c < channels; ++c) {
      const AffineMap<T> affine = map(p, channel + c, p.mean[row], p.rstd[row]);
      walker.template walk<drop>(first + c, [&](const Piece<T>& piece, std::int64_t offset, int count) {
        const std::int64_t at = (first + c) * s.inner + offset;
        L::apply(piece, advanced(affine, offset), count, p.x + at, p.y + at);
      });
    }
  }

  // plane_sums [n, c] where the affine map is by channel; dgamma and dbeta [c, inner] of this block where by element.
  void backward(PlaneWalker<T>& walker, std::int64_t row, const Pointers<T>& p, PlaneSums* plane_sums, T* dgamma, T* dbeta) const {
    const std::int64_t first = row * channels;
    const int channel = static_cast<int>(row % s.groups) * channels;
    const double rstd = p.rstd[row], size = static_cast<double>(s.row_size());
    double sum_g = 0, sum_gx = 0;  // of g * gamma and g * gamma * (z - mean)
    PairSums<T> sums;
    walker.begin_at(first);
    walker.backward_sums();
    for (int c = 0; c < channels; ++c) {
      const AffineMap<T> affine = map(p, channel + c, p.mean[row], p.rstd[row]);
      walker.template walk<drop>(first + c, [&](const Piece<T>& piece, std::int64_t offset, int count) {
        const std::int64_t at = (first + c) * s.inner + offset, place = (channel + c) * s.inner + offset;
        L::gradient_sums(piece, advanced(affine, offset), count, p.x + at, p.dy + at, sums, element ? dgamma + place : nullptr,
                         element ? dbeta + place : nullptr);
      });
      if constexpr (!element) {
        if (!p.gamma) continue;
        sums.flush();
        plane_sums[first + c] = {sums.total_a, sums.total_b * rstd};
        sum_g += sums.total_a * p.gamma[channel + c];
        sum_gx += sums.total_b * p.gamma[channel + c];
        sums.total_a = sums.total_b = 0;
      }
    }
    sums.flush();
    sum_g += sums.total_a;
    sum_gx += sums.total_b;
    const T k2 = static_cast<T>(rstd * sum_g / size), k3 = static_cast<T>(rstd * rstd * rstd * sum_gx / size);
    walker.backward_result();
    for (int c = 0; c < channels; ++c) {
      const AffineMap<T> affine = map(p, channel + c, p.mean[row], p.rstd[row]);
      walker.template walk<drop>(first + c, [&](const Piece<T>& piece, std::int64_t offset, int count) {
        const std::int64_t at = (first + c) * s.inner + offset;
        L::gradient(piece, advanced(affine, offset), affine.scale, k2, k3, count, p.x + at, p.dy + at, p.dx + at);
      });
    }
  }
};

template <class T>
void forward(Stream, const GroupNormShape& shape, const NormFusion& fusion, const T* x, const T* gamma, const T* beta, T eps,
             T* mean, T* rstd, T* y, void*) {
  const GroupNormShape s = folded(shape);
  const Neighbours<T> neighbours(folded(shape, fusion));
  const Pointers<T> p{x, nullptr, gamma, beta, mean, rstd, y, nullptr};
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / s.row_size());
  with_drop(neighbours, [&]<bool drop>() {
    const auto run = [&](const auto& kernel) {
      parallel_for(s.rows(), grain, [&](std::int64_t begin, std::int64_t end) {
        std::optional<Scratch<std::uint8_t>> bits;
        if constexpr (drop) bits.emplace(bits_for<T>(s.c / s.groups, s.inner));
        PlaneWalker<T> walker(neighbours, s.inner, bits ? bits->get() : nullptr);
        for (std::int64_t row = begin; row < end; ++row) kernel.forward(walker, row, p, eps);
      });
    };
    if (s.affine == Affine::element) return run(Kernel<T, true, drop>{s, neighbours});
    run(Kernel<T, false, drop>{s, neighbours});
  });
}

// dgamma and dbeta from what the rows left in the workspace.
template <class T> void add_up(const GroupNormShape& s, const PlaneSums* planes, T* dgamma, T* dbeta) {
  parallel_for(s.c, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      double g = 0, gx = 0;
      for (std::int64_t n = 0; n < s.n; ++n) g += planes[n * s.c + c].g, gx += planes[n * s.c + c].gx;
      dgamma[c] = static_cast<T>(gx);
      dbeta[c] = static_cast<T>(g);
    }
  });
}
template <class T> void add_up(const GroupNormShape& s, const T* partials, T* dgamma, T* dbeta) {
  const std::int64_t size = s.c * s.inner, count = blocks(s);  // partials [blocks, 2, size]
  parallel_for(size, 4096, [&](std::int64_t begin, std::int64_t end) {
    std::copy(partials + begin, partials + end, dgamma + begin);
    std::copy(partials + size + begin, partials + size + end, dbeta + begin);
    for (std::int64_t b = 1; b < count; ++b) {
      const T *gx = partials + 2 * b * size, *g = gx + size;
      for (std::int64_t i = begin; i < end; ++i) dgamma[i] += gx[i], dbeta[i] += g[i];
    }
  });
}

template <class T>
void backward(Stream, const GroupNormShape& shape, const NormFusion& fusion, const T* x, const T* dy, const T* gamma,
              const T* beta, const T* mean, const T* rstd, T* dx, T* dgamma, T* dbeta, void* workspace) {
  const GroupNormShape s = folded(shape);
  const Neighbours<T> neighbours(folded(shape, fusion));
  const Pointers<T> p{x, dy, gamma, beta, const_cast<T*>(mean), const_cast<T*>(rstd), nullptr, dx};
  const std::int64_t size = s.c * s.inner, images = images_per_block(s);
  with_drop(neighbours, [&]<bool drop>() {
    const auto run = [&](const auto& kernel) {
      parallel_for(s.n, images, [&](std::int64_t begin, std::int64_t end) {
        std::optional<Scratch<std::uint8_t>> bits;
        if constexpr (drop) bits.emplace(bits_for<T>(s.c / s.groups, s.inner));
        PlaneWalker<T> walker(neighbours, s.inner, bits ? bits->get() : nullptr);
        T* sums = static_cast<T*>(workspace) + begin / images * 2 * size;
        if (s.affine == Affine::element) std::fill_n(sums, 2 * size, T(0));
        for (std::int64_t row = begin * s.groups; row < end * s.groups; ++row)
          kernel.backward(walker, row, p, static_cast<PlaneSums*>(workspace), sums, sums + size);
      });
    };
    if (s.affine == Affine::element) return run(Kernel<T, true, drop>{s, neighbours});
    run(Kernel<T, false, drop>{s, neighbours});
  });
  if (s.affine == Affine::channel) add_up(s, static_cast<const PlaneSums*>(workspace), dgamma, dbeta);
  if (s.affine == Affine::element) add_up(s, static_cast<const T*>(workspace), dgamma, dbeta);
}

template <class T> constexpr GroupNormKernels<T> table{workspace<T>, forward<T>, backward<T>};

}  // namespace

template <> const GroupNormKernels<float>& CpuTable<this_isa, GroupNormKernels<float>>::get(Variant) { return table<float>; }
template <> const GroupNormKernels<double>& CpuTable<this_isa, GroupNormKernels<double>>::get(Variant) { return table<double>; }

}  // namespace heddle::kernels
