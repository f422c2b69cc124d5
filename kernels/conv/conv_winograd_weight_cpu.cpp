// Winograd convolution F(4x4, 3x3), gradient of the weights: 3 x 3, stride 1, dilation 1, float.
//
// dweight = G^T [sum over tiles of (A dy A^T) * (B^T d B)] G
//
// Both x and dy are transformed, a block of tiles at a time; at each of the 36 points their outer products are added up to
// du [36][k][c]. One of c and k runs along the vectors, whichever fills them better. Blocks are dealt to at most 32 parts
// in order; each part adds up its own du and takes it back to 3 x 3 filters, and the parts are added in order, so that
// the result depends on the shape alone, never on the number of threads.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/winograd_multiply.hpp"
#include "kernels/conv/winograd_tiles.hpp"

namespace heddle::kernels {
namespace {

HD_INLINE int vectors_of(int channels) {
  return (channels + width - 1) / width;
}
HD_INLINE std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// Half vectors that the multiplication takes for `channels` along its vectors.
HD_INLINE int halves_of(int channels) {
  if (this_isa == Isa::v4 && channels > width && channels <= width + width / 2) return 3;
  return 2 * vectors_of(channels);
}

struct Plan {
  TileGrid x, dy;
  int c, k;
  bool vectors_along_c;
  int p, q;  // channels along vectors, and along rows
  std::int64_t tile_rows, block, blocks, parts;
  std::int64_t v_stride, v_points, y_points, du_stride, du_points;
  std::int64_t part_size;                                        // filters [vector of p][q][9][width], then the sums of dy
  std::size_t partials, workers, v, y, du, scratch, per_worker;  // bytes

  explicit Plan(const ConvShape& s) {
    const int rows = (s.out_h() + 3) / 4, columns = (s.out_w() + 3) / 4;
    x = {s.h, s.w, s.pad_h, s.pad_w, rows, columns};
    dy = {s.out_h(), s.out_w(), 0, 0, rows, columns};
    c = s.c, k = s.k;
    vectors_along_c = std::int64_t{halves_of(c)} * k < std::int64_t{halves_of(k)} * c;
    p = vectors_along_c ? c : k, q = vectors_along_c ? k : c;
    tile_rows = std::int64_t{s.n} * rows;
    const std::int64_t vector = points * width * static_cast<std::int64_t>(sizeof(float));
    std::int64_t tiles = (448 << 10) / (vector * (vectors_of(c) + vectors_of(k)));
    const std::int64_t share = tile_rows * columns / 16;
    if (tiles > share) tiles = share;
    if (tiles < 12) tiles = 12;
    block = tiles / columns < 1 ? 1 : tiles / columns;
    blocks = (tile_rows + block - 1) / block;
    tiles = block * columns;
    v_stride = tiles * width;
    v_points = v_stride * vectors_of(c) + width, y_points = v_stride * vectors_of(k) + width;
    du_stride = std::int64_t{q} * width, du_points = du_stride * vectors_of(p) + width;
    part_size = du_stride * vectors_of(p) * 9 + vectors_of(k) * width;
    const std::int64_t fit = (16 << 20) / (part_size * static_cast<std::int64_t>(sizeof(float)));
    parts = fit < 8 ? 8 : fit > 32 ? 32 : fit;
    if (parts > blocks) parts = blocks;
    partials = 0;
    workers = aligned(sizeof(float) * part_size * parts);
    v = 0;
    y = aligned(sizeof(float) * points * v_points);
    du = y + aligned(sizeof(float) * points * y_points);
    scratch = du + aligned(sizeof(float) * points * du_points);
    const std::int64_t pixels = x.scratch() > dy.scratch() ? x.scratch() : dy.scratch();
    per_worker = scratch + aligned(sizeof(float) * pixels);
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Plan(shape).bytes();
}

// du [point][vector of p][q][width] to filters [vector of p][q][9][width].
void finish_weights(const Plan& plan, const float* du, float* filters) {
  for (std::int64_t i = 0; i < std::int64_t{vectors_of(plan.p)} * plan.q; ++i, du += width) {
    Floats half[3][6];
    unroll<6>([&](auto b) __attribute__((always_inline)) {
      Floats r[6], g[3];
      unroll<6>([&](auto a) __attribute__((always_inline)) { r[a] = load(du + (6 * a + b) * plan.du_points); });
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

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Plan plan(s);
  char* const base = static_cast<char*>(workspace);
  auto* const partials = reinterpret_cast<float*>(base + plan.partials);
  const std::int64_t bias_at = plan.part_size - vectors_of(plan.k) * width;
  parallel_chunks(plan.parts, [&](std::int64_t part, int worker) {
    char* const mine = base + plan.workers + worker * plan.per_worker;
    auto* const v = reinterpret_cast<float*>(mine + plan.v);
    auto* const y = reinterpret_cast<float*>(mine + plan.y);
    auto* const du = reinterpret_cast<float*>(mine + plan.du);
    auto* const scratch = reinterpret_cast<float*>(mine + plan.scratch);
    float* const result = partials + part * plan.part_size;
    __builtin_memset(du, 0, sizeof(float) * points * plan.du_points);
    __builtin_memset(result + bias_at, 0, sizeof(float) * vectors_of(plan.k) * width);
    for (std::int64_t index = part * plan.blocks / plan.parts; index < (part + 1) * plan.blocks / plan.parts; ++index) {
      const std::int64_t begin = index * plan.block;
      const std::int64_t end = begin + plan.block < plan.tile_rows ? begin + plan.block : plan.tile_rows;
      const int tiles = static_cast<int>(end - begin) * plan.x.columns;
      for (int i = 0; i < vectors_of(plan.c); ++i)
        transform_rows<6>(plan.x, x, plan.c, i * width, begin, end, scratch, v + i * plan.v_stride, plan.v_points);
      for (int i = 0; i < vectors_of(plan.k); ++i)
        transform_rows<4>(plan.dy, dy, plan.k, i * width, begin, end, scratch, y + i * plan.v_stride, plan.y_points,
                          dbias ? result + bias_at + i * width : nullptr);
      for (int i = 0; i < points; ++i) {
        const float *a = v + i * plan.v_points, *b = y + i * plan.y_points;
        multiply_gradient(tiles, plan.q, plan.p, plan.vectors_along_c ? b : a, plan.v_stride, plan.vectors_along_c ? a : b,
                          plan.v_stride, du + i * plan.du_points, plan.du_stride);
      }
    }
    finish_weights(plan, du, result);
  });
  const auto total = [&](std::int64_t i) __attribute__((always_inline)) {
    Floats sum = load(partials + i);
    for (std::int64_t part = 1; part < plan.parts; ++part) sum += load(partials + part * plan.part_size + i);
    return sum;
  };
  parallel_for(std::int64_t{vectors_of(plan.p)} * plan.q, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int p0 = static_cast<int>(i / plan.q) * width, q = static_cast<int>(i % plan.q);
      const int count = plan.p - p0 < width ? plan.p - p0 : width;
      for (int tap = 0; tap < 9; ++tap) {
        alignas(64) float lane[width];
        store<float>(lane, total((i * 9 + tap) * width));
        for (int j = 0; j < count; ++j) {
          const std::int64_t filter = plan.vectors_along_c ? std::int64_t{q} * s.c + p0 + j : std::int64_t{p0 + j} * s.c + q;
          dweight[filter * 9 + tap] = lane[j];
        }
      }
    }
  });
  if (!dbias) return;
  for (int k = 0; k < s.k; k += width) {
    alignas(64) float lane[width];
    store<float>(lane, total(bias_at + k));
    for (int j = 0; j < width && k + j < s.k; ++j) dbias[k + j] = lane[j];
  }
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::grad_weight && s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.dilation_w == 1 && s.groups == 1;
}

constexpr ConvAlgorithm<float, WinogradWeightConv> table{serves, {workspace, nullptr, nullptr, grad_weight}};

}  // namespace

template <>
const ConvAlgorithm<float, WinogradWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, WinogradWeightConv>>::get(Variant) {
  return table;
}

}  // namespace heddle::kernels
