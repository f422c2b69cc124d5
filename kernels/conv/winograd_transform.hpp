// Winograd's minimal filtering F(4x4, 3x3): a tile of 4 x 4 outputs of a 3 x 3 filter by 36 products instead of 144.
//
// Winograd, "Arithmetic complexity of computations", 1980; for convolutional networks Lavin and Gray, "Fast algorithms for
// convolutional neural networks", CVPR 2016, whose notation this is:
//
//   Y = A^T [(G g G^T) * (B^T d B)] A        d 6 x 6 inputs, g 3 x 3 weights, Y 4 x 4 outputs
//   dg = G^T [(A dY A^T) * (B^T d B)] G      its gradient with respect to g
//
// The interpolation points are 0, 5/8, -5/8, 3/2, -3/2 and infinity instead of the usual 0, 1, -1, 2, -2: rounding errors are
// half as large, because the powers of the points lie closer together, and every constant is still exact in binary.
// Each transform works on vectors, whatever their lanes are.
#pragma once

#include "kernels/conv/transpose.hpp"

namespace heddle::kernels {
namespace {

constexpr float wa = 0.625f, wb = 1.5f;  // the points
constexpr float wa2 = wa * wa, wb2 = wb * wb;
constexpr int points = 36;

/// B^T d.
HD_INLINE void transform_input(const Floats (&d)[6], Floats (&r)[6]) {
  const Floats even_a = d[4] - wb2 * d[2], even_b = d[4] - wa2 * d[2];
  const Floats odd_a = d[3] - wb2 * d[1], odd_b = d[3] - wa2 * d[1];
  r[0] = even_a - wa2 * (d[2] - wb2 * d[0]);
  r[1] = even_a + wa * odd_a;
  r[2] = even_a - wa * odd_a;
  r[3] = even_b + wb * odd_b;
  r[4] = even_b - wb * odd_b;
  r[5] = (d[5] - wb2 * d[3]) - wa2 * odd_a;
}

/// A^T m.
HD_INLINE void transform_output(const Floats (&m)[6], Floats (&y)[4]) {
  const Floats even_a = m[1] + m[2], odd_a = m[1] - m[2];
  const Floats even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + even_a + even_b;
  y[1] = wa * odd_a + wb * odd_b;
  y[2] = wa2 * even_a + wb2 * even_b;
  y[3] = m[5] + wa2 * wa * odd_a + wb2 * wb * odd_b;
}

/// A y.
HD_INLINE void transform_gradient(const Floats (&y)[4], Floats (&r)[6]) {
  const Floats even_a = y[0] + wa2 * y[2], odd_a = y[1] + wa2 * y[3];
  const Floats even_b = y[0] + wb2 * y[2], odd_b = y[1] + wb2 * y[3];
  r[0] = y[0];
  r[1] = even_a + wa * odd_a;
  r[2] = even_a - wa * odd_a;
  r[3] = even_b + wb * odd_b;
  r[4] = even_b - wb * odd_b;
  r[5] = y[3];
}

// 1 over the product of a point's differences to the others.
constexpr float wn0 = 1 / (wa2 * wb2), wna = 1 / (2 * wa2 * (wa2 - wb2)), wnb = 1 / (2 * wb2 * (wb2 - wa2));

/// G g.
HD_INLINE void transform_weight(const Floats (&g)[3], Floats (&r)[6]) {
  r[0] = wn0 * g[0];
  const Floats even_a = wna * g[0] + wna * wa2 * g[2], odd_a = wna * wa * g[1];
  const Floats even_b = wnb * g[0] + wnb * wb2 * g[2], odd_b = wnb * wb * g[1];
  r[1] = even_a + odd_a;
  r[2] = even_a - odd_a;
  r[3] = even_b + odd_b;
  r[4] = even_b - odd_b;
  r[5] = g[2];
}

/// G^T r.
HD_INLINE void transform_weight_gradient(const Floats (&r)[6], Floats (&g)[3]) {
  const Floats even_a = wna * (r[1] + r[2]), even_b = wnb * (r[3] + r[4]);
  g[0] = wn0 * r[0] + even_a + even_b;
  g[1] = wna * wa * (r[1] - r[2]) + wnb * wb * (r[3] - r[4]);
  g[2] = wa2 * even_a + wb2 * even_b + r[5];
}

/// The first half of the way back: points m[(6 * i + j) * point_stride] to half[row of outputs][j].
HD_INLINE void output_columns(const float* m, std::int64_t point_stride, Floats (&half)[4][6]) {
  unroll<6>([&](auto j) __attribute__((always_inline)) {
    Floats d[6], r[4];
    unroll<6>([&](auto i) __attribute__((always_inline)) { d[i] = load(m + (6 * i + j) * point_stride); });
    transform_output(d, r);
    unroll<4>([&](auto i) __attribute__((always_inline)) { half[i][j] = r[i]; });
  });
}

}  // namespace
}  // namespace heddle::kernels
