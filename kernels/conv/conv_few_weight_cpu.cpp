// Convolution of few channels (an image's three), gradient of the weights: 3 x 3, stride and dilation 1, float.
//
// dw[k][c][r][s] = sum over images and pixels (p, q) of dy[k][p][q] * x[c][p + r - pad][q + s - pad]
//
// With k along the vectors, a pixel of dy is a vector of channels, and each tap of x a broadcast from wherever it lies: nine
// taps by two vectors of k stay in registers over a band of rows. x is copied with its padding around it, dy is transposed,
// 16 pixels by 16 channels at a time; both are in the first-level cache when they are multiplied. Winograd would transform
// every channel of dy to save multiplications with three of x.
//
// 18 * c * k FLOPs a pixel; dy moves once and is most of what moves. Images are dealt to at most 32 parts, in order; each part
// adds up its own, and the parts are added in order, so that the result depends on the shape alone.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/outer_products.hpp"

namespace heddle::kernels {
namespace {

HD_INLINE int smaller(int a, int b) {
  return a < b ? a : b;
}

struct Layout {
  int vectors, pitch, staged_h;        // vectors of k; of x's copy
  int out_h, out_w, groups, band;      // vectors of pixels of a row of dy; rows that are done at a time
  std::int64_t v_row, v_stride;        // elements from row to row and from vector to vector of k
  std::int64_t parts, part_size;       // elements: [c][9][vectors of k], then the sums of dy
  std::size_t v, workers, per_worker;  // bytes; a worker's memory begins with x's copy

  explicit Layout(const ConvShape& s) {
    vectors = vectors_of(s.k);
    pitch = s.w + 2 * s.pad_w, staged_h = s.h + 2 * s.pad_h;
    out_h = s.out_h(), out_w = s.out_w();
    groups = (out_w + width - 1) / width;
    // Long enough for the sums' way from and to memory not to matter.
    band = smaller(out_h, (63 + out_w) / out_w);
    v_row = std::int64_t{groups} * width * width, v_stride = v_row * band + width;
    parts = smaller(s.n, 32);
    part_size = (std::int64_t{s.c} * 9 + 1) * vectors * width;
    workers = aligned(sizeof(float) * part_size * parts);
    v = aligned(sizeof(float) * s.c * staged_h * pitch);
    per_worker = v + aligned(sizeof(float) * v_stride * vectors);
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Layout(shape).bytes();
}

// Rows [first, first + rows) of an image's dy to v [vector of k][row][pixel][width]; pixels are added to sums [vectors of k].
void transpose_rows(const Layout& layout, int k, const float* dy, int first, int rows, float* v, float* sums) {
  const std::int64_t area = std::int64_t{layout.out_h} * layout.out_w;
  for (int vector = 0; vector < layout.vectors; ++vector, v += layout.v_stride) {
    const int count = smaller(width, k - vector * width);
    Floats total = load(sums + vector * width);
    for (int row = 0; row < rows; ++row)
      for (int g = 0; g < layout.groups; ++g) {
        const int pixels = smaller(width, layout.out_w - g * width);
        const float* const from = dy + vector * width * area + std::int64_t{first + row} * layout.out_w + g * width;
        Floats square[width];
        unroll<width>([&](auto i) __attribute__((always_inline)) {
          square[i] = Floats{};
          if (i >= count) return;
          __builtin_prefetch(from + i * area + 2 * rows * layout.out_w);
          if (pixels == width)
            square[i] = load(from + i * area);
          else
            for (int j = 0; j < pixels; ++j) square[i][j] = from[i * area + j];
        });
        transpose(square);
        float* const to = v + row * layout.v_row + g * width * width;
        unroll<width>([&](auto i) __attribute__((always_inline)) {
          store<float>(to + i * width, square[i]);
          total += square[i];
        });
      }
    store<float>(sums + vector * width, total);
  }
}

// du [9][du_stride] += products of x's taps and v, for one channel of x and `count` vectors of k.
template <int count>
__attribute__((noinline)) void multiply_taps(int rows, int columns, const float* x, std::int64_t pitch, const float* v,
                                             std::int64_t v_row, std::int64_t v_stride, float* du, std::int64_t du_stride) {
  Floats sum[9][count];
  unroll<9 * count>([&](auto i) __attribute__((always_inline)) {
    sum[i / count][i % count] = load(du + i / count * du_stride + i % count * width);
  });
  for (int row = 0; row < rows; ++row, x += pitch, v += v_row) {
    const float *const x1 = x + pitch, *const x2 = x1 + pitch;
    for (int q = 0; q < columns; ++q) {
      Floats g[count];
      unroll<count>([&](auto j) __attribute__((always_inline)) { g[j] = load(v + j * v_stride + q * width); });
      unroll<9>([&](auto i) __attribute__((always_inline)) {
        const float* const line = i < 3 ? x : i < 6 ? x1 : x2;
        const Floats tap = broadcast(line[q + i % 3]);
        unroll<count>([&](auto j) __attribute__((always_inline)) { sum[i][j] += tap * g[j]; });
      });
    }
  }
  unroll<9 * count>([&](auto i) __attribute__((always_inline)) {
    store<float>(du + i / count * du_stride + i % count * width, sum[i / count][i % count]);
  });
}

void add_image(const ConvShape& s, const Layout& layout, const float* x, const float* dy, float* staged, float* v, float* du) {
  const std::int64_t plane = std::int64_t{layout.staged_h} * layout.pitch, du_stride = std::int64_t{layout.vectors} * width;
  for (int c = 0; c < s.c; ++c)
    for (int y = 0; y < s.h; ++y)
      __builtin_memcpy(staged + c * plane + (y + s.pad_h) * layout.pitch + s.pad_w, x + (std::int64_t{c} * s.h + y) * s.w,
                       sizeof(float) * s.w);
  for (int first = 0; first < layout.out_h; first += layout.band) {
    const int rows = smaller(layout.band, layout.out_h - first);
    transpose_rows(layout, s.k, dy, first, rows, v, du + s.c * 9 * du_stride);
    for (int vector = 0; vector < layout.vectors;) {
      const int count = this_isa == Isa::v4 && vector + 2 <= layout.vectors ? 2 : 1;
      for (int c = 0; c < s.c; ++c) {
        const float* const from = staged + c * plane + first * layout.pitch;
        float* const to = du + c * 9 * du_stride + vector * width;
        if (count == 2)
          multiply_taps<this_isa == Isa::v4 ? 2 : 1>(rows, layout.out_w, from, layout.pitch, v + vector * layout.v_stride,
                                                     layout.v_row, layout.v_stride, to, du_stride);
        else
          multiply_taps<1>(rows, layout.out_w, from, layout.pitch, v + vector * layout.v_stride, layout.v_row, layout.v_stride,
                           to, du_stride);
      }
      vector += count;
    }
  }
}

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Layout layout(s);
  char* const base = static_cast<char*>(workspace);
  auto* const partials = reinterpret_cast<float*>(base);
  const std::int64_t x_image = std::int64_t{s.c} * s.h * s.w, y_image = std::int64_t{s.k} * layout.out_h * layout.out_w;
  parallel_chunks(layout.parts, [&](std::int64_t part, int worker) {
    char* const mine = base + layout.workers + worker * layout.per_worker;
    float* const du = partials + part * layout.part_size;
    __builtin_memset(mine, 0, layout.v);
    __builtin_memset(du, 0, sizeof(float) * layout.part_size);
    for (std::int64_t image = part * s.n / layout.parts; image < (part + 1) * s.n / layout.parts; ++image)
      add_image(s, layout, x + image * x_image, dy + image * y_image, reinterpret_cast<float*>(mine),
                reinterpret_cast<float*>(mine + layout.v), du);
  });
  const int columns = layout.vectors * width;
  for (std::int64_t i = 0; i < layout.part_size; i += width) {
    Floats sum = load(partials + i);
    for (std::int64_t part = 1; part < layout.parts; ++part) sum += load(partials + part * layout.part_size + i);
    alignas(64) float lane[width];
    store<float>(lane, sum);
    const int row = static_cast<int>(i / columns), k0 = static_cast<int>(i % columns);
    for (int j = 0; j < width && k0 + j < s.k; ++j) {
      if (row < s.c * 9)
        dweight[std::int64_t{k0 + j} * s.c * 9 + row] = lane[j];
      else if (dbias)
        dbias[k0 + j] = lane[j];
    }
  }
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::grad_weight && s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.dilation_w == 1 && s.groups == 1 && s.c <= 4;
}

constexpr ConvAlgorithm<float, FewChannelsWeightConv> table{serves, {workspace, nullptr, nullptr, grad_weight}};

}  // namespace

template <>
const ConvAlgorithm<float, FewChannelsWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, FewChannelsWeightConv>>::get(
    Variant) {
  return table;
}

}  // namespace heddle::kernels
