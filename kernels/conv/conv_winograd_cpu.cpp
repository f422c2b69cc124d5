// Winograd convolution F(4x4, 3x3), forward and gradient of the input: 3 x 3, stride 1, dilation 1, float.
//
// x [n][c][h][w] -> v [36][c][tile] -> m [36][k][tile] = u [36][k][c] v -> y [n][k][h][w], a block of tiles at a time, small
// enough that v and m stay in the second-level cache; blocks are shared among threads. The gradient of x is the same
// with dy in place of x and the weights turned by half a turn and transposed.
//
// 36 multiplications make 16 outputs where the definition takes 144: a quarter, plus the transforms (about a third as long as
// the multiplications at 32 channels). Bytes: x once, y once, and u once a block, from cache.
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

struct Plan {
  TileGrid in, out;
  int c, k;                                             // source and output channels
  std::int64_t tile_rows, block, blocks;                // rows of tiles: all, of a block; number of blocks
  int slice;                                            // vectors of output channels that m holds at a time
  std::int64_t v_stride, v_points, m_stride, m_points;  // elements from vector to vector, and from point to point
  std::int64_t u_stride, u_points;
  std::size_t u, v, m, scratch, per_worker;  // bytes

  Plan(const ConvShape& s, ConvPass pass) {
    const bool forward = pass == ConvPass::forward;
    const int rows = ((forward ? s.out_h() : s.h) + 3) / 4, columns = ((forward ? s.out_w() : s.w) + 3) / 4;
    in = forward ? TileGrid{s.h, s.w, s.pad_h, s.pad_w, rows, columns}
                 : TileGrid{s.out_h(), s.out_w(), 2 - s.pad_h, 2 - s.pad_w, rows, columns};
    out = forward ? TileGrid{s.out_h(), s.out_w(), 0, 0, rows, columns} : TileGrid{s.h, s.w, 0, 0, rows, columns};
    c = forward ? s.c : s.k, k = forward ? s.k : s.c;
    tile_rows = std::int64_t{s.n} * rows;
    // v takes a third of a megabyte, and no block is larger than a 16th of the work unless that is very small.
    const std::int64_t vector = points * width * static_cast<std::int64_t>(sizeof(float));
    std::int64_t tiles = (320 << 10) / (vector * vectors_of(c));
    const std::int64_t share = tile_rows * columns / 16;
    if (tiles > share) tiles = share;
    if (tiles < 12) tiles = 12;
    block = tiles / columns < 1 ? 1 : tiles / columns;
    blocks = (tile_rows + block - 1) / block;
    tiles = block * columns;
    const std::int64_t fit = (320 << 10) / (vector * tiles) / 2 * 2;
    slice = static_cast<int>(fit < 2 ? 2 : fit);
    v_stride = tiles * width, v_points = v_stride * vectors_of(c) + width;
    m_stride = tiles * width, m_points = m_stride * (slice < vectors_of(k) ? slice : vectors_of(k)) + width;
    u_stride = std::int64_t{c} * width, u_points = u_stride * vectors_of(k) + width;
    u = 0;
    v = aligned(sizeof(float) * points * u_points);
    m = aligned(sizeof(float) * points * v_points);
    scratch = m + aligned(sizeof(float) * points * m_points);
    const std::int64_t pixels = in.scratch() > 16 * columns * width ? in.scratch() : 16 * columns * width;
    per_worker = scratch + aligned(sizeof(float) * pixels);
  }
  std::size_t bytes() const { return v + per_worker * get_num_threads(); }
};

std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  return Plan(shape, pass).bytes();
}

// u[point][vector of k][c][width] for output channels [k0, k0 + width): G g G^T, where output channel k and source channel c
// find their filter at weight + k * k_step + c * c_step.
void transform_weights(const Plan& p, const float* weight, std::int64_t k_step, std::int64_t c_step, bool turned, int k0,
                       float* u) {
  const int count = p.k - k0 < width ? p.k - k0 : width;
  for (int c = 0; c < p.c; ++c) {
    alignas(64) float taps[9][width] = {};
    for (int k = 0; k < count; ++k)
      for (int i = 0; i < 9; ++i) taps[i][k] = weight[(k0 + k) * k_step + c * c_step + (turned ? 8 - i : i)];
    Floats half[6][3];
    unroll<3>([&](auto j) __attribute__((always_inline)) {
      const Floats g[3] = {load(taps[j]), load(taps[3 + j]), load(taps[6 + j])};
      Floats r[6];
      transform_weight(g, r);
      for (int i = 0; i < 6; ++i) half[i][j] = r[i];
    });
    for (int i = 0; i < 6; ++i) {
      Floats r[6];
      transform_weight(half[i], r);
      for (int j = 0; j < 6; ++j)
        store<float>(u + (6 * i + j) * p.u_points + k0 / width * p.u_stride + std::int64_t{c} * width, r[j]);
    }
  }
}

void convolve(const ConvShape& s, ConvPass pass, const float* source, const float* weight, const float* bias, float* out,
              void* workspace) {
  const Plan p(s, pass);
  char* const base = static_cast<char*>(workspace);
  auto* const u = reinterpret_cast<float*>(base + p.u);
  const bool forward = pass == ConvPass::forward;
  parallel_chunks(vectors_of(p.k), [&](std::int64_t vector, int) {
    transform_weights(p, weight, forward ? s.c * 9 : 9, forward ? 9 : s.c * 9, !forward, static_cast<int>(vector) * width, u);
  });
  parallel_chunks(p.blocks, [&](std::int64_t index, int worker) {
    char* const mine = base + p.v + worker * p.per_worker;
    auto* const v = reinterpret_cast<float*>(mine);
    auto* const m = reinterpret_cast<float*>(mine + p.m);
    auto* const scratch = reinterpret_cast<float*>(mine + p.scratch);
    const std::int64_t begin = index * p.block, end = begin + p.block < p.tile_rows ? begin + p.block : p.tile_rows;
    const int tiles = static_cast<int>(end - begin) * p.in.columns;
    for (int i = 0; i < vectors_of(p.c); ++i)
      transform_rows<6>(p.in, source, p.c, i * width, begin, end, scratch, v + i * p.v_stride, p.v_points);
    for (int first = 0; first < vectors_of(p.k); first += p.slice) {
      const int left = p.k - first * width, channels = left < p.slice * width ? left : p.slice * width;
      for (int i = 0; i < points; ++i)
        multiply_tiles(tiles, p.c, channels, v + i * p.v_points, p.v_stride, u + i * p.u_points + first * p.u_stride,
                       p.u_stride, m + i * p.m_points, p.m_stride);
      for (int i = 0; i < vectors_of(channels); ++i)
        finish_rows(p.out, m + i * p.m_stride, p.m_points, bias, p.k, (first + i) * width, begin, end, scratch, out);
    }
  });
}

void forward(Stream, const ConvShape& s, const float* x, const float* weight, const float* bias, float* y, void* workspace) {
  convolve(s, ConvPass::forward, x, weight, bias, y, workspace);
}
void grad_input(Stream, const ConvShape& s, const float* dy, const float* weight, float* dx, void* workspace) {
  convolve(s, ConvPass::grad_input, dy, weight, nullptr, dx, workspace);
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass != ConvPass::grad_weight && s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.dilation_w == 1 && s.pad_h <= 2 && s.pad_w <= 2 && s.groups == 1;
}

constexpr ConvAlgorithm<float, WinogradConv> table{serves, {workspace, forward, grad_input, nullptr}};

}  // namespace

template <>
const ConvAlgorithm<float, WinogradConv>& CpuTable<this_isa, ConvAlgorithm<float, WinogradConv>>::get(Variant) {
  return table;
}

}  // namespace heddle::kernels
