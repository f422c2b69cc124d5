// Winograd convolution F(4x4, 3x3) of small images, forward and gradient of the input: 3 x 3, stride 1, any dilation, float.
//
// x [n][c][h][w] -> v [36][c][tile] -> m [36][k][tile] = u [36][k][c] v -> y [n][k][h][w], `width` images at a time, whose
// planes are transposed, so that a vector holds the same element of as many images (winograd_images.hpp). For sizes that are
// no multiples of four, and for dilation; otherwise conv_winograd_cpu.cpp needs no staging. The gradient of x is the same
// with dy in place of x and the weights turned by half a turn and transposed.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/winograd_filters.hpp"
#include "kernels/conv/winograd_images.hpp"
#include "kernels/conv/winograd_multiply.hpp"

namespace heddle::kernels {
namespace {

struct Plan {
  ImagePass pass;
  int c, k;             // source and output channels
  int tiles, slice;     // of an image; output channels that m holds at a time: as many blocks of the multiplication as fit
  std::int64_t blocks;  // of images
  std::int64_t u_points, v_points, m_points;      // elements from point to point
  std::size_t u, in_places, out_places, workers;  // bytes
  std::size_t m, staged, result, per_worker;      // bytes, of a worker's memory, where v comes first

  Plan(const ConvShape& s, ConvPass which) : pass(s, which) {
    const bool forward = which == ConvPass::forward;
    c = forward ? s.c : s.k, k = forward ? s.k : s.c;
    tiles = pass.in.tiles();
    blocks = (s.n + width - 1) / width;
    const std::int64_t fit = (256 << 10) / (std::int64_t{points} * sizeof(float) * tiles * width);
    slice = 0;
    for (int i = 0; slice < k && (i == 0 || slice + even_block(k, block_channels, i) <= fit); ++i)
      slice += even_block(k, block_channels, i);
    // Points lie a line more apart than they must, lest they all meet in the same sets of the first-level cache.
    u_points = std::int64_t{c} * k + width;
    v_points = std::int64_t{tiles} * width * c + width, m_points = std::int64_t{tiles} * width * slice + width;
    u = 0;
    in_places = aligned(sizeof(float) * points * u_points);
    out_places = in_places + aligned(sizeof(int) * pass.in.area());
    workers = out_places + aligned(sizeof(int) * pass.out.area());
    m = aligned(sizeof(float) * points * v_points);
    staged = m + aligned(sizeof(float) * points * m_points);
    result = staged + aligned(sizeof(float) * pass.in.staged_size());
    per_worker = result + aligned(sizeof(float) * pass.out.staged_size());
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  return Plan(shape, pass).bytes();
}

// `images` images: v, then by slices of output channels m and the outputs.
void convolve_images(const Plan& p, int images, const float* source, const float* u, const int* in_places,
                     const int* out_places, const float* bias, char* mine, float* output) {
  const ImageTiles &in = p.pass.in, &out = p.pass.out;
  auto *const v = reinterpret_cast<float*>(mine), *const m = reinterpret_cast<float*>(mine + p.m);
  auto *const staged = reinterpret_cast<float*>(mine + p.staged), *const result = reinterpret_cast<float*>(mine + p.result);
  __builtin_memset(staged, 0, sizeof(float) * in.staged_size());
  for (int c = 0; c < p.c; ++c) {
    stage_images(source + std::int64_t{c} * in.area(), std::int64_t{p.c} * in.area(), images, in.area(), in_places, staged,
                 2 * in.area());
    for (int t = 0; t < p.tiles; ++t)
      transform_tile<6>(staged + in.start(t), in.row_step(), in.column_step(), v + pair_offset(p.tiles, p.c, t, c), p.v_points,
                        nullptr);
  }
  each_slice(
      p.k, p.slice, [&](int block, int k0, int channels) __attribute__((always_inline)) {
        for (int i = 0; i < points; ++i)
          multiply_tiles(p.tiles, p.c, p.k, block, channels, v + i * p.v_points, u + i * p.u_points + std::int64_t{k0} * p.c,
                         m + i * p.m_points);
        for (int k = 0; k < channels; ++k) {
          for (int t = 0; t < p.tiles; ++t)
            finish_tile(m + pair_offset(p.tiles, channels, t, k), p.m_points, bias ? bias[k0 + k] : 0, result + out.start(t),
                        out.row_step(), out.column_step());
          unstage_images(result, out_places, out.area(), images, output + std::int64_t{k0 + k} * out.area(),
                         std::int64_t{p.k} * out.area());
        }
      });
}

void convolve(const ConvShape& s, ConvPass pass, const float* source, const float* weight, const float* bias, float* output,
              void* workspace) {
  const Plan p(s, pass);
  char* const base = static_cast<char*>(workspace);
  auto* const u = reinterpret_cast<float*>(base + p.u);
  auto* const in_places = reinterpret_cast<int*>(base + p.in_places);
  auto* const out_places = reinterpret_cast<int*>(base + p.out_places);
  p.pass.in.list_pixels(in_places);
  p.pass.out.list_pixels(out_places);
  transform_weights(s, pass, weight, p.u_points, u);
  parallel_chunks(p.blocks, [&](std::int64_t block, int worker) {
    const std::int64_t image = block * width;
    const int images = s.n - image < width ? static_cast<int>(s.n - image) : width;
    convolve_images(p, images, source + image * p.c * p.pass.in.area(), u, in_places, out_places, bias,
                    base + p.workers + worker * p.per_worker, output + image * p.k * p.pass.out.area());
  });
}

void forward(Stream, const ConvShape& s, const float* x, const float* weight, const float* bias, float* y, void* workspace) {
  convolve(s, ConvPass::forward, x, weight, bias, y, workspace);
}
void grad_input(Stream, const ConvShape& s, const float* dy, const float* weight, float* dx, void* workspace) {
  convolve(s, ConvPass::grad_input, dy, weight, nullptr, dx, workspace);
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass != ConvPass::grad_weight && fits_images(s, pass, pass == ConvPass::forward ? s.c : s.k);
}

constexpr ConvAlgorithm<float, WinogradImagesConv> table{serves, {workspace, forward, grad_input, nullptr}};

}  // namespace

template <>
const ConvAlgorithm<float, WinogradImagesConv>& CpuTable<this_isa, ConvAlgorithm<float, WinogradImagesConv>>::get(Variant) {
  return table;
}

}  // namespace heddle::kernels
