// Convolution with 1 x 1 filters, gradient of the weights, float: outer products of channels, pixel by pixel.
//
// dw[k][c] = sum over images and p of dy[k][p] * x[c][p], p over those pixels of y that read a pixel of x (pixel_core.hpp)
//
// Slices of up to 256 pixels, of one image or of several small ones, are copied to cache, a block of slices at a time: one of
// c and k as it is, the other transposed, so that its channels run along vectors (outer_products.hpp). Images are dealt to at
// most 32 parts, in order; each part adds up its own, and the parts are added in order, so that the result depends on the
// shape alone, never on the number of threads. 2 * c * k FLOPs a pixel; x (the pixels that are used) and dy move once.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/outer_products.hpp"
#include "kernels/conv/pixel_core.hpp"

namespace heddle::kernels {
namespace {

// Pixels that are multiplied at a time, so that two vectors of channels of them stay in the first-level cache; how far apart
// a channel's are from the next one's (a line more, lest they meet in the same sets); and floats of a block, which stays in
// the second-level cache.
constexpr int slice_pixels = 256, slice_row = slice_pixels + 16, block_floats = 96 << 10;

HD_INLINE int smaller(int a, int b) {
  return a < b ? a : b;
}

struct Layout {
  PixelCore core;
  int c, k, p, q;  // p: the channels along vectors
  bool vectors_along_c;
  int rows, images;                         // a slice: so many rows of the core, of so many images
  int slices, blocks;                       // of a block, and of an image (or of several)
  bool whole;                               // every pixel of y is in the core
  std::int64_t y_slice, v_stride, v_slice;  // elements
  std::int64_t parts, part_size;            // elements: sums [vector of p][q][width], then those of dy
  std::size_t v, lines, sums;               // bytes of a worker's memory, where y comes first
  std::size_t workers, per_worker;          // bytes

  explicit Layout(const ConvShape& s) : core(s), c(s.c), k(s.k) {
    // Sixteen pixels by a vector of channels take as long to transpose as ten rows to multiply.
    const std::int64_t along_c = std::int64_t{halves_of(c)} * (k + 10), along_k = std::int64_t{halves_of(k)} * (c + 10);
    vectors_along_c = along_c < along_k;
    p = vectors_along_c ? c : k, q = vectors_along_c ? k : c;
    rows = smaller(core.rows, slice_pixels / core.columns);
    images = rows < core.rows ? 1 : smaller(s.n, slice_pixels / static_cast<int>(core.pixels()));
    const int all = (core.rows + rows - 1) / rows, fit = block_floats / ((c + k) * slice_pixels);
    slices = smaller(all, fit < 1 ? 1 : fit), blocks = (all + slices - 1) / slices;
    whole = core.y.dense(core) && core.y.h == core.rows;
    y_slice = std::int64_t{q} * slice_row;
    v_stride = std::int64_t{slice_pixels} * width + width, v_slice = v_stride * vectors_of(p);
    parts = smaller((s.n + images - 1) / images, 32);
    part_size = std::int64_t{vectors_of(p)} * q * width + vectors_of(k) * width;
    workers = aligned(sizeof(float) * part_size * parts);
    v = aligned(sizeof(float) * y_slice * slices);
    lines = v + aligned(sizeof(float) * v_slice * slices);
    sums = lines + aligned(sizeof(float) * slice_row * width);
    per_worker = sums + aligned(sizeof(float) * k * width);
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

// The pixels of one block of an operand's channels.
struct Operand {
  const Layout& layout;
  const PixelPlane& plane;
  const float* planes;  // of the first image
  int channels, images, block;

  PixelBand band(int slice) const {
    const int first = (block * layout.slices + slice) * layout.rows;
    return {smaller(first, layout.core.rows), smaller(first + layout.rows, layout.core.rows)};
  }
  int pixels(int slice) const { return (band(slice).end - band(slice).begin) * layout.core.columns; }
  int groups(int slice) const { return (images * pixels(slice) + width - 1) / width; }
  const float* channel_of(int image, int channel) const {
    return planes + (std::int64_t{image} * channels + channel) * plane.area();
  }
  // A channel's pixels of a slice, as whole vectors with zeros at the end.
  void gather(int slice, int channel, float* to) const {
    const PixelBand rows = band(slice);
    float* const end = to + groups(slice) * width;
    for (int image = 0; image < images; ++image, to += pixels(slice)) {
      const float* const from = channel_of(image, channel);
      // Far ahead: a channel's slice is copied in less time than a line takes to arrive.
      if (plane.area() >= width) fetch_pixels(layout.core, plane, rows, from + 8 * plane.area());
      gather_pixels(layout.core, plane, rows, from, to);
    }
    while (to < end) *to++ = 0;
  }
};

// to [slice][channel][slice_row]; `each` is shown what was copied.
template <class F>
void pack_rows(const Operand& from, float* to, F each) {
  for (int channel = 0; channel < from.channels; ++channel)
    for (int slice = 0; slice < from.layout.slices; ++slice) {
      float* const line = to + slice * from.layout.y_slice + std::int64_t{channel} * slice_row;
      from.gather(slice, channel, line);
      each(slice, channel, line);
    }
}

// to [slice][vector of channels][pixel][width].
template <class F>
void pack_columns(const Operand& from, float* lines, float* to, F each) {
  for (int first = 0; first < from.channels; first += width, to += from.layout.v_stride) {
    const int count = smaller(width, from.channels - first);
    for (int slice = 0; slice < from.layout.slices; ++slice) {
      for (int i = 0; i < count; ++i) {
        from.gather(slice, first + i, lines + i * slice_row);
        each(slice, first + i, lines + i * slice_row);
      }
      float* pixel = to + slice * from.layout.v_slice;
      for (int g = 0; g < from.groups(slice); ++g, pixel += width * width) {
        Floats square[width];
        unroll<width>([&](auto i) __attribute__((always_inline)) {
          square[i] = i < count ? load(lines + i * slice_row + g * width) : Floats{};
        });
        transpose(square);
        unroll<width>([&](auto i) __attribute__((always_inline)) { store<float>(pixel + i * width, square[i]); });
      }
    }
  }
}

// total [width] += the sum of a plane.
void add_plane(const float* plane, std::int64_t area, float* total) {
  Floats sum = load(total);
  std::int64_t i = 0;
  for (; i + width <= area; i += width) sum += load(plane + i);
  store<float>(total, sum);
  for (; i < area; ++i) total[0] += plane[i];
}

// Adds a block to du, and the pixels of its dy to sums [k][width]; planes that the core does not fill are summed up whole,
// with the first slice.
void add_block(const Layout& layout, const Operand& x, const Operand& dy, char* mine, float* du, float* sums) {
  auto* const y = reinterpret_cast<float*>(mine);
  auto* const v = reinterpret_cast<float*>(mine + layout.v);
  auto* const lines = reinterpret_cast<float*>(mine + layout.lines);
  const auto nothing = [](int, int, const float*) {};
  const auto add = [&](int slice, int channel, const float* line) {
    if (layout.whole) return add_plane(line, dy.groups(slice) * width, sums + channel * width);
    for (int image = 0; image < dy.images && dy.block == 0 && slice == 0; ++image)
      add_plane(dy.channel_of(image, channel), dy.plane.area(), sums + channel * width);
  };
  if (layout.vectors_along_c) {
    pack_columns(x, lines, v, nothing);
    pack_rows(dy, y, add);
  } else {
    pack_rows(x, y, nothing);
    pack_columns(dy, lines, v, add);
  }
  for (int slice = 0; slice < layout.slices; ++slice)
    multiply_gradient<slice_row>(x.groups(slice), layout.q, layout.p, y + slice * layout.y_slice, width,
                                 v + slice * layout.v_slice, layout.v_stride, du, std::int64_t{layout.q} * width);
}

void grad_weight(Stream, const ConvShape& s, const float* x, const float* dy, float* dweight, float* dbias, void* workspace) {
  const Layout layout(s);
  const PixelCore& core = layout.core;
  char* const base = static_cast<char*>(workspace);
  auto* const partials = reinterpret_cast<float*>(base);
  const std::int64_t bias_at = layout.part_size - vectors_of(s.k) * width;
  const std::int64_t sets = (s.n + layout.images - 1) / layout.images;  // of images
  parallel_chunks(layout.parts, [&](std::int64_t part, int worker) {
    char* const mine = base + layout.workers + worker * layout.per_worker;
    auto* const sums = reinterpret_cast<float*>(mine + layout.sums);
    float* const du = partials + part * layout.part_size;
    __builtin_memset(du, 0, sizeof(float) * layout.part_size);
    __builtin_memset(sums, 0, sizeof(float) * s.k * width);
    for (std::int64_t set = part * sets / layout.parts; set < (part + 1) * sets / layout.parts; ++set)
      for (int block = 0; block < layout.blocks; ++block) {
        const std::int64_t image = set * layout.images;
        const int images = smaller(layout.images, static_cast<int>(s.n - image));
        add_block(layout, {layout, core.x, x + image * s.c * core.x.area(), s.c, images, block},
                  {layout, core.y, dy + image * s.k * core.y.area(), s.k, images, block}, mine, du, sums);
      }
    for (int k = 0; k < s.k; ++k) du[bias_at + k] = lane_sum<float>(load(sums + k * width));
  });
  const auto total = [&](std::int64_t i) __attribute__((always_inline)) {
    Floats sum = load(partials + i);
    for (std::int64_t part = 1; part < layout.parts; ++part) sum += load(partials + part * layout.part_size + i);
    return sum;
  };
  parallel_for(std::int64_t{vectors_of(layout.p)} * layout.q, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int p0 = static_cast<int>(i / layout.q) * width, q = static_cast<int>(i % layout.q);
      alignas(64) float lane[width];
      store<float>(lane, total(i * width));
      for (int j = 0; j < width && p0 + j < layout.p; ++j)
        dweight[layout.vectors_along_c ? std::int64_t{q} * s.c + p0 + j : std::int64_t{p0 + j} * s.c + q] = lane[j];
    }
  });
  for (int k = 0; k < s.k && dbias; k += width) {
    alignas(64) float lane[width];
    store<float>(lane, total(bias_at + k));
    for (int j = 0; j < width && k + j < s.k; ++j) dbias[k + j] = lane[j];
  }
}

std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Layout(shape).bytes();
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::grad_weight && s.kh == 1 && s.kw == 1 && s.groups == 1 && PixelCore(s).pixels() > 0 &&
         PixelCore(s).columns <= slice_pixels;
}

constexpr ConvAlgorithm<float, PointwiseWeightConv> table{serves, {workspace, nullptr, nullptr, grad_weight}};

}  // namespace

template <>
const ConvAlgorithm<float, PointwiseWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, PointwiseWeightConv>>::get(Variant) {
  return table;
}

}  // namespace heddle::kernels
