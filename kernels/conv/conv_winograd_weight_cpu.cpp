// Winograd convolution F(4x4, 3x3), gradient of the weights: 3 x 3, stride 1, dilation 1, float.
//
// dweight = G^T [sum over tiles of (A dy A^T) * (B^T d B)] G
//
// Both x and dy are transformed, a block of tiles at a time; at each of the 36 points their outer products are added up to
// du [36][k][c]. One of c and k runs along the vectors, whichever fills them better; its points are transposed, a group of
// tiles and a vector of channels at a time, from the first-level cache. Blocks are dealt to at most 32 parts in order; each
// part adds up its own du and takes it back to 3 x 3 filters, and the parts are added in order, so that the result depends on
// the shape alone, never on the number of threads.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/outer_products.hpp"
#include "kernels/conv/winograd_tiles.hpp"

namespace heddle::kernels {
namespace {

HD_INLINE std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// One group's points of a vector of channels before they are transposed: [point][channel][tile].
constexpr std::int64_t square_points = width * width + width;

struct Plan {
  TileGrid x, dy;
  int c, k;
  bool vectors_along_c;
  int p, q;  // channels along vectors, and along rows
  std::int64_t tile_rows, block, blocks, parts;
  int groups;                                                       // of tiles, of a block
  std::int64_t p_stride, p_points, q_points, du_stride, du_points;  // elements
  std::int64_t part_size;                                           // filters [vector of p][q][9][width], then the sums of dy
  std::size_t partials, workers, at_p, at_q, du, sums, square, x_table, dy_table, per_worker;  // bytes

  explicit Plan(const ConvShape& s) {
    const int rows = (s.out_h() + 3) / 4, columns = (s.out_w() + 3) / 4;
    x = {s.h, s.w, s.pad_h, 1 - s.pad_w, rows, columns};
    dy = {s.out_h(), s.out_w(), 0, 0, rows, columns};
    c = s.c, k = s.k;
    const std::int64_t along_c = std::int64_t{halves_of(c)} * k, along_k = std::int64_t{halves_of(k)} * c;
    vectors_along_c = along_c < along_k || (along_c == along_k && c < k);
    p = vectors_along_c ? c : k, q = vectors_along_c ? k : c;
    tile_rows = std::int64_t{s.n} * rows;
    block = x.block_rows((448 << 10) / (points * sizeof(float) * (vectors_of(p) * width + q)), tile_rows * columns / 16);
    if (block > tile_rows) block = tile_rows;
    blocks = (tile_rows + block - 1) / block;
    groups = static_cast<int>((block * columns + width - 1) / width);
    p_stride = std::int64_t{groups} * width * width, p_points = p_stride * vectors_of(p) + width;
    q_points = std::int64_t{groups} * width * q + width;
    du_stride = std::int64_t{q} * width, du_points = du_stride * vectors_of(p) + width;
    part_size = du_stride * vectors_of(p) * 9 + vectors_of(k) * width;
    // Each part clears, finishes and adds up a du of its own: the larger that is, the fewer parts pay.
    const std::int64_t part_bytes = part_size * static_cast<std::int64_t>(sizeof(float));
    parts = part_bytes <= (64 << 10) ? 32 : part_bytes <= (1 << 20) ? 16 : 8;
    if (parts > blocks) parts = blocks;
    partials = 0;
    workers = aligned(sizeof(float) * part_size * parts);
    at_p = 0;
    at_q = aligned(sizeof(float) * points * p_points);
    du = at_q + aligned(sizeof(float) * points * q_points);
    sums = du + aligned(sizeof(float) * points * du_points);
    square = sums + aligned(sizeof(float) * k * width);
    x_table = square + aligned(sizeof(float) * points * square_points);
    dy_table = x_table + aligned(TileBlock<6>::bytes(groups));
    per_worker = dy_table + aligned(TileBlock<4>::bytes(groups));
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

// q's points [point][group][q][width]; adds the sums of pixels of each channel to sums [q][width].
template <int in, int run>
void transform_rows(const Plan& plan, const TileBlock<in>& block, const float* planes, float* to, float* sums) {
  for (int q = 0; q < plan.q; ++q)
    for (int g = 0; g < plan.groups; ++g)
      transform_group<in, run>(block, planes + q * block.grid().area(), g, to + (std::int64_t{g} * plan.q + q) * width,
                               plan.q_points, sums ? sums + q * width : nullptr, 2 * block.grid().area() * sizeof(float));
}

// p's points [point][vector of p][tile][width], the same sums.
template <int in, int run>
void transform_columns(const Plan& plan, const TileBlock<in>& block, const float* planes, float* square, float* to,
                       float* sums) {
  for (int p0 = 0; p0 < plan.p; p0 += width, to += plan.p_stride) {
    const int count = plan.p - p0 < width ? plan.p - p0 : width;
    for (int i = 0; i < points && count < width; ++i)
      __builtin_memset(square + i * square_points + count * width, 0, sizeof(float) * (width - count) * width);
    for (int g = 0; g < plan.groups; ++g) {
      for (int p = 0; p < count; ++p)
        transform_group<in, run>(block, planes + (p0 + p) * block.grid().area(), g, square + p * width, square_points,
                                 sums ? sums + (p0 + p) * width : nullptr, 2 * block.grid().area() * sizeof(float));
      for (int i = 0; i < points; ++i) {
        Floats v[width];
        unroll<width>([&](auto j) __attribute__((always_inline)) { v[j] = load(square + i * square_points + j * width); });
        transpose(v);
        float* const tiles = to + i * plan.p_points + g * width * width;
        unroll<width>([&](auto j) __attribute__((always_inline)) { store<float>(tiles + j * width, v[j]); });
      }
    }
  }
}

// A part's share of the blocks: filters and sums of dy to `result`.
template <int run>
void accumulate(const Plan& plan, std::int64_t part, const float* x, const float* dy, char* mine, float* result) {
  auto* const p = reinterpret_cast<float*>(mine + plan.at_p);
  auto* const q = reinterpret_cast<float*>(mine + plan.at_q);
  auto* const du = reinterpret_cast<float*>(mine + plan.du);
  auto* const sums = reinterpret_cast<float*>(mine + plan.sums);
  auto* const square = reinterpret_cast<float*>(mine + plan.square);
  __builtin_memset(du, 0, sizeof(float) * points * plan.du_points);
  __builtin_memset(sums, 0, sizeof(float) * plan.k * width);
  for (std::int64_t index = part * plan.blocks / plan.parts; index < (part + 1) * plan.blocks / plan.parts; ++index) {
    const std::int64_t begin = index * plan.block;
    const std::int64_t end = begin + plan.block < plan.tile_rows ? begin + plan.block : plan.tile_rows;
    const TileBlock<6> x_block(plan.x, plan.c, begin, end, plan.groups, mine + plan.x_table);
    const TileBlock<4> dy_block(plan.dy, plan.k, begin, end, plan.groups, mine + plan.dy_table);
    if (plan.vectors_along_c) {
      transform_columns<6, run>(plan, x_block, x, square, p, nullptr);
      transform_rows<4, run>(plan, dy_block, dy, q, sums);
    } else {
      transform_rows<6, run>(plan, x_block, x, q, nullptr);
      transform_columns<4, run>(plan, dy_block, dy, square, p, sums);
    }
    for (int i = 0; i < points; ++i)
      multiply_gradient<width>(plan.groups, plan.q, plan.p, q + i * plan.q_points, std::int64_t{plan.q} * width,
                               p + i * plan.p_points, plan.p_stride, du + i * plan.du_points, plan.du_stride);
  }
  finish_weights(plan, du, result);
  float* const bias = result + plan.part_size - vectors_of(plan.k) * width;
  for (int k = 0; k < vectors_of(plan.k) * width; ++k) bias[k] = k < plan.k ? lane_sum<float>(load(sums + k * width)) : 0;
}

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Plan plan(s);
  char* const base = static_cast<char*>(workspace);
  auto* const partials = reinterpret_cast<float*>(base + plan.partials);
  const std::int64_t bias_at = plan.part_size - vectors_of(plan.k) * width;
  with_run(plan.x, plan.dy, [&](auto run) {
    parallel_chunks(plan.parts, [&](std::int64_t part, int worker) {
      accumulate<run>(plan, part, x, dy, base + plan.workers + worker * plan.per_worker, partials + part * plan.part_size);
    });
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
