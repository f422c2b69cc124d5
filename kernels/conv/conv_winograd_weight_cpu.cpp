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
#include "kernels/conv/winograd_filters.hpp"
#include "kernels/conv/winograd_tiles.hpp"

namespace heddle::kernels {
namespace {

// One group's points of a vector of channels before they are transposed: [point][channel][tile].
constexpr std::int64_t square_points = width * width + width;

struct Plan : FilterSums {
  TileGrid x, dy;
  std::int64_t tile_rows, block, blocks, parts;
  int groups;                                                                                  // of tiles, of a block
  std::int64_t p_stride, p_points, q_points;                                                   // elements
  std::size_t partials, workers, at_p, at_q, du, sums, square, x_table, dy_table, per_worker;  // bytes

  explicit Plan(const ConvShape& s) : FilterSums(s) {
    const int rows = (s.out_h() + 3) / 4, columns = (s.out_w() + 3) / 4;
    x = {s.h, s.w, s.pad_h, 1 - s.pad_w, rows, columns};
    dy = {s.out_h(), s.out_w(), 0, 0, rows, columns};
    tile_rows = std::int64_t{s.n} * rows;
    block = x.block_rows((448 << 10) / (points * sizeof(float) * (vectors_of(p) * width + q)), tile_rows * columns / 16);
    if (block > tile_rows) block = tile_rows;
    blocks = (tile_rows + block - 1) / block;
    groups = static_cast<int>((block * columns + width - 1) / width);
    p_stride = std::int64_t{groups} * width * width, p_points = p_stride * vectors_of(p) + width;
    q_points = std::int64_t{groups} * width * q + width;
    parts = blocks < most_parts ? blocks : most_parts;
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
  finish_bias(plan, sums, result);
}

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Plan plan(s);
  char* const base = static_cast<char*>(workspace);
  auto* const partials = reinterpret_cast<float*>(base + plan.partials);
  with_run(plan.x, plan.dy, [&](auto run) {
    parallel_chunks(plan.parts, [&](std::int64_t part, int worker) {
      accumulate<run>(plan, part, x, dy, base + plan.workers + worker * plan.per_worker, partials + part * plan.part_size);
    });
  });
  add_parts(plan, plan.parts, partials, dweight, dbias);
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
