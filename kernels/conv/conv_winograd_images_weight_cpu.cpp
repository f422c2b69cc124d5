// Winograd convolution F(4x4, 3x3) of small images, gradient of the weights: 3 x 3, stride 1, any dilation, float.
//
// dweight = G^T [sum over tiles of (A dy A^T) * (B^T d B)] G
//
// Tiles of `width` images at a time, as in conv_winograd_images_cpu.cpp; products and parts as in conv_winograd_weight_cpu.cpp.
// Blocks of images are dealt to parts in order and the parts are added in order, so that the result depends on the shape
// alone, never on the number of threads.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/winograd_filters.hpp"
#include "kernels/conv/winograd_images.hpp"

namespace heddle::kernels {
namespace {

// One tile's points of a vector of channels before they are transposed: [point][channel][image].
constexpr std::int64_t square_points = width * width + width;

struct Plan : FilterSums {
  ImageTiles x, dy;
  int tiles, chunk;  // of an image; of which so many are done at a time
  std::int64_t blocks, parts;
  std::int64_t p_stride, p_points, q_points;  // elements
  std::size_t x_places, dy_places, partials, workers;
  std::size_t at_q, du, sums, square, staged, per_worker;  // bytes of a worker's memory, where p's points come first

  explicit Plan(const ConvShape& s) : FilterSums(s), x(ImagePass(s, ConvPass::forward).in), dy(x) {
    dy = ImagePass(s, ConvPass::forward).out;
    tiles = x.tiles();
    blocks = (s.n + width - 1) / width;
    parts = blocks < most_parts ? blocks : most_parts;
    const std::int64_t fit = (640 << 10) / (points * sizeof(float) * width * (vectors_of(p) * width + q));
    chunk = static_cast<int>(fit < 1 ? 1 : fit < tiles ? fit : tiles);
    p_stride = std::int64_t{chunk} * width * width, p_points = p_stride * vectors_of(p) + width;
    q_points = std::int64_t{chunk} * width * q + width;
    const std::int64_t larger = x.staged_size() > dy.staged_size() ? x.staged_size() : dy.staged_size();
    x_places = 0;
    dy_places = aligned(sizeof(int) * x.area());
    partials = dy_places + aligned(sizeof(int) * dy.area());
    workers = partials + aligned(sizeof(float) * part_size * parts);
    at_q = aligned(sizeof(float) * points * p_points);
    du = at_q + aligned(sizeof(float) * points * q_points);
    sums = du + aligned(sizeof(float) * points * du_points);
    square = sums + aligned(sizeof(float) * k * width);
    staged = square + aligned(sizeof(float) * points * square_points);
    per_worker = staged + aligned(sizeof(float) * larger * width);
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Plan(shape).bytes();
}

// An operand's planes of a block of images, and the tiles [first, last) that are done.
struct Operand {
  const ImageTiles& side;
  const float* planes;
  int channels, images;
  const int* places;
  int first, last;

  void stage(int channel, float* staged) const {
    const std::int64_t stride = std::int64_t{channels} * side.area();
    stage_images(planes + std::int64_t{channel} * side.area(), stride, images, side.area(), places, staged, 2 * side.area());
  }
  template <int in>
  void transform(const float* staged, int tile, float* to, std::int64_t to_points, float* sum) const {
    transform_tile<in>(staged + side.start(tile), side.row_step(), side.column_step(), to, to_points, sum);
  }
};

// q's points [point][tile][q][width]; adds the sums of pixels of each channel to sums [q][width].
template <int in>
void transform_rows(const Plan& plan, const Operand& from, float* staged, float* to, float* sums) {
  __builtin_memset(staged, 0, sizeof(float) * from.side.staged_size());
  for (int q = 0; q < plan.q; ++q) {
    from.stage(q, staged);
    for (int t = from.first; t < from.last; ++t)
      from.transform<in>(staged, t, to + (std::int64_t{t - from.first} * plan.q + q) * width, plan.q_points,
                         sums ? sums + q * width : nullptr);
  }
}

// p's points [point][vector of p][tile and image][width], the same sums.
template <int in>
void transform_columns(const Plan& plan, const Operand& from, float* staged, float* square, float* to, float* sums) {
  const std::int64_t size = from.side.staged_size();
  __builtin_memset(staged, 0, sizeof(float) * size * width);
  for (int p0 = 0; p0 < plan.p; p0 += width, to += plan.p_stride) {
    const int count = plan.p - p0 < width ? plan.p - p0 : width;
    for (int i = 0; i < points && count < width; ++i)
      __builtin_memset(square + i * square_points + count * width, 0, sizeof(float) * (width - count) * width);
    for (int p = 0; p < count; ++p) from.stage(p0 + p, staged + p * size);
    for (int t = from.first; t < from.last; ++t) {
      for (int p = 0; p < count; ++p)
        from.transform<in>(staged + p * size, t, square + p * width, square_points, sums ? sums + (p0 + p) * width : nullptr);
      for (int i = 0; i < points; ++i) {
        Floats v[width];
        unroll<width>([&](auto j) __attribute__((always_inline)) { v[j] = load(square + i * square_points + j * width); });
        transpose(v);
        float* const tile = to + i * plan.p_points + (t - from.first) * width * width;
        unroll<width>([&](auto j) __attribute__((always_inline)) { store<float>(tile + j * width, v[j]); });
      }
    }
  }
}

// Adds the products of a block of images to du, and dy's pixels to its sums.
void add_images(const Plan& plan, int images, const float* x, const float* dy, const int* x_places, const int* dy_places,
                char* mine) {
  auto* const p = reinterpret_cast<float*>(mine);
  auto* const q = reinterpret_cast<float*>(mine + plan.at_q);
  auto* const du = reinterpret_cast<float*>(mine + plan.du);
  auto* const sums = reinterpret_cast<float*>(mine + plan.sums);
  auto* const square = reinterpret_cast<float*>(mine + plan.square);
  auto* const staged = reinterpret_cast<float*>(mine + plan.staged);
  for (int first = 0; first < plan.tiles; first += plan.chunk) {
    const int last = first + plan.chunk < plan.tiles ? first + plan.chunk : plan.tiles;
    const Operand from_x{plan.x, x, plan.c, images, x_places, first, last};
    const Operand from_dy{plan.dy, dy, plan.k, images, dy_places, first, last};
    if (plan.vectors_along_c) {
      transform_columns<6>(plan, from_x, staged, square, p, nullptr);
      transform_rows<4>(plan, from_dy, staged, q, sums);
    } else {
      transform_rows<6>(plan, from_x, staged, q, nullptr);
      transform_columns<4>(plan, from_dy, staged, square, p, sums);
    }
    for (int i = 0; i < points; ++i)
      multiply_gradient<width>(last - first, plan.q, plan.p, q + i * plan.q_points, std::int64_t{plan.q} * width,
                               p + i * plan.p_points, plan.p_stride, du + i * plan.du_points, plan.du_stride);
  }
}

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Plan plan(s);
  char* const base = static_cast<char*>(workspace);
  auto* const x_places = reinterpret_cast<int*>(base + plan.x_places);
  auto* const dy_places = reinterpret_cast<int*>(base + plan.dy_places);
  auto* const partials = reinterpret_cast<float*>(base + plan.partials);
  plan.x.list_pixels(x_places);
  plan.dy.list_pixels(dy_places);
  parallel_chunks(plan.parts, [&](std::int64_t part, int worker) {
    char* const mine = base + plan.workers + worker * plan.per_worker;
    auto* const du = reinterpret_cast<float*>(mine + plan.du);
    auto* const sums = reinterpret_cast<float*>(mine + plan.sums);
    __builtin_memset(du, 0, sizeof(float) * points * plan.du_points);
    __builtin_memset(sums, 0, sizeof(float) * plan.k * width);
    for (std::int64_t block = part * plan.blocks / plan.parts; block < (part + 1) * plan.blocks / plan.parts; ++block) {
      const std::int64_t image = block * width;
      add_images(plan, s.n - image < width ? static_cast<int>(s.n - image) : width, x + image * s.c * plan.x.area(),
                 dy + image * s.k * plan.dy.area(), x_places, dy_places, mine);
    }
    float* const result = partials + part * plan.part_size;
    finish_weights(plan, du, result);
    finish_bias(plan, sums, result);
  });
  add_parts(plan, plan.parts, partials, dweight, dbias);
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::grad_weight && fits_images(s, ConvPass::forward, 1);
}

constexpr ConvAlgorithm<float, WinogradImagesWeightConv> table{serves, {workspace, nullptr, nullptr, grad_weight}};

}  // namespace

template <>
const ConvAlgorithm<float, WinogradImagesWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, WinogradImagesWeightConv>>::get(
    Variant) {
  return table;
}

}  // namespace heddle::kernels
