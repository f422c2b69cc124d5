// Winograd's filters: their way to the 36 points, and the way back of their gradient, which parts of the work add up.
#pragma once

#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv.hpp"
#include "kernels/conv/outer_products.hpp"
#include "kernels/conv/winograd_multiply.hpp"
#include "kernels/conv/winograd_transform.hpp"

namespace heddle::kernels {
namespace {

/// u[point][c][rows] of one block of output channels [k0, k0 + rows): G g G^T, where output channel k and source channel c
/// find their filter at weight + k * k_step + c * c_step. Lanes are output channels; what a store writes beyond the block's
/// rows is the next source channel's place, and is overwritten by it.
inline void transform_weights(int channels, std::int64_t u_points, const float* weight, std::int64_t k_step,
                              std::int64_t c_step, bool turned, int k0, int rows, float* u) {
  for (int c = 0; c < channels; ++c)
    for (int first = 0; first < rows; first += width) {
      const int count = rows - first < width ? rows - first : width;
      alignas(64) float taps[9][width] = {};
      for (int k = 0; k < count; ++k)
        for (int i = 0; i < 9; ++i) taps[i][k] = weight[(k0 + first + k) * k_step + c * c_step + (turned ? 8 - i : i)];
      Floats half[6][3];
      unroll<3>([&](auto j) __attribute__((always_inline)) {
        const Floats g[3] = {load(taps[j]), load(taps[3 + j]), load(taps[6 + j])};
        Floats r[6];
        transform_weight(g, r);
        for (int i = 0; i < 6; ++i) half[i][j] = r[i];
      });
      const std::int64_t at = std::int64_t{c} * rows + first;
      const bool room = at + width <= std::int64_t{channels} * rows;
      for (int i = 0; i < 6; ++i) {
        Floats r[6];
        transform_weight(half[i], r);
        for (int j = 0; j < 6; ++j) {
          float* const to = u + (6 * i + j) * u_points + at;
          if (room)
            store<float>(to, r[j]);
          else
            __builtin_memcpy(to, &r[j], sizeof(float) * count);
        }
      }
    }
}

/// u of all weights, for the forward pass or the gradient of the input, block by block of output channels.
inline void transform_weights(const ConvShape& s, ConvPass pass, const float* weight, std::int64_t u_points, float* u) {
  const bool forward = pass == ConvPass::forward;
  const int c = forward ? s.c : s.k, k = forward ? s.k : s.c;
  parallel_chunks((k + block_channels - 1) / block_channels, [&](std::int64_t block, int) {
    int k0 = 0;
    for (int i = 0; i < block; ++i) k0 += even_block(k, block_channels, i);
    transform_weights(c, u_points, weight, forward ? s.c * 9 : 9, forward ? 9 : s.c * 9, !forward, k0,
                      even_block(k, block_channels, static_cast<int>(block)), u + std::int64_t{k0} * c);
  });
}

/// Calls f(block, k0, channels) for slices of k output channels: as many blocks of the multiplication, from the given one on,
/// as `slice` has room for.
HD_INLINE void each_slice(int k, int slice, auto&& f) {
  for (int k0 = 0, block = 0; k0 < k;) {
    int channels = 0, next = block;
    while (k0 + channels < k && (channels == 0 || channels + even_block(k, block_channels, next) <= slice))
      channels += even_block(k, block_channels, next++);
    f(block, k0, channels);
    k0 += channels, block = next;
  }
}

/// Sums of outer products at every point, du [point][vector of p][q][width]: one of c and k runs along the vectors.
struct FilterSums {
  int c, k;
  bool vectors_along_c;
  int p, q;                           // channels along vectors, and along rows
  std::int64_t du_stride, du_points;  // elements
  std::int64_t part_size;             // of a part's result: filters [vector of p][q][9][width], then the sums of dy
  std::int64_t most_parts;

  explicit FilterSums(const ConvShape& s) : c(s.c), k(s.k) {
    const std::int64_t along_c = std::int64_t{halves_of(c)} * k, along_k = std::int64_t{halves_of(k)} * c;
    vectors_along_c = along_c < along_k || (along_c == along_k && c < k);
    p = vectors_along_c ? c : k, q = vectors_along_c ? k : c;
    du_stride = std::int64_t{q} * width, du_points = du_stride * vectors_of(p) + width;
    part_size = du_stride * vectors_of(p) * 9 + vectors_of(k) * width;
    // Each part clears, finishes and adds up a du of its own: the larger that is, the fewer parts pay.
    const std::int64_t part_bytes = part_size * static_cast<std::int64_t>(sizeof(float));
    most_parts = part_bytes <= (64 << 10) ? 32 : part_bytes <= (1 << 20) ? 16 : 8;
  }
};

/// du [point][vector of p][q][width] to filters [vector of p][q][9][width].
inline void finish_weights(const FilterSums& s, const float* du, float* filters) {
  for (std::int64_t i = 0; i < std::int64_t{vectors_of(s.p)} * s.q; ++i, du += width) {
    Floats half[3][6];
    unroll<6>([&](auto b) __attribute__((always_inline)) {
      Floats r[6], g[3];
      unroll<6>([&](auto a) __attribute__((always_inline)) { r[a] = load(du + (6 * a + b) * s.du_points); });
      transform_weight_gradient(r, g);
      for (int a = 0; a < 3; ++a) half[a][b] = g[a];
    });
    for (int a = 0; a < 3; ++a) {
      Floats g[3];
      transform_weight_gradient(half[a], g);
      for (int b = 0; b < 3; ++b, filters += width) store<float>(filters, g[b]);
    }
  }
}

/// sums [k][width] of dy's pixels to the end of a part's result.
inline void finish_bias(const FilterSums& s, const float* sums, float* result) {
  float* const bias = result + s.part_size - vectors_of(s.k) * width;
  for (int k = 0; k < vectors_of(s.k) * width; ++k) bias[k] = k < s.k ? lane_sum<float>(load(sums + k * width)) : 0;
}

/// The parts' results, in order, to the gradients.
inline void add_parts(const FilterSums& s, std::int64_t parts, const float* partials, float* dweight, float* dbias) {
  const auto total = [&](std::int64_t i) __attribute__((always_inline)) {
    Floats sum = load(partials + i);
    for (std::int64_t part = 1; part < parts; ++part) sum += load(partials + part * s.part_size + i);
    return sum;
  };
  parallel_for(std::int64_t{vectors_of(s.p)} * s.q, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int p0 = static_cast<int>(i / s.q) * width, q = static_cast<int>(i % s.q);
      const int count = s.p - p0 < width ? s.p - p0 : width;
      for (int tap = 0; tap < 9; ++tap) {
        alignas(64) float lane[width];
        store<float>(lane, total((i * 9 + tap) * width));
        for (int j = 0; j < count; ++j) {
          const std::int64_t filter = s.vectors_along_c ? std::int64_t{q} * s.c + p0 + j : std::int64_t{p0 + j} * s.c + q;
          dweight[filter * 9 + tap] = lane[j];
        }
      }
    }
  });
  if (!dbias) return;
  const std::int64_t bias_at = s.part_size - vectors_of(s.k) * width;
  for (int k = 0; k < s.k; k += width) {
    alignas(64) float lane[width];
    store<float>(lane, total(bias_at + k));
    for (int j = 0; j < width && k + j < s.k; ++j) dbias[k + j] = lane[j];
  }
}

}  // namespace
}  // namespace heddle::kernels
