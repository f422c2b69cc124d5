// Convolution with 1 x 1 filters, gradient of the weights: dot products of planes.
//
// dw[k][c] = sum over images and p of dy[k][p] * x[c][p], p over those pixels of y that read a pixel of x (pixel_core.hpp)
//
// Slices of 32 vectors of pixels, of one image or of several small ones, are copied side by side; a block of 6 by 4 channels (3
// by 3 where there are 16 registers) then adds its products up in registers, and keeps its vectors of sums in cache from slice
// to slice. Images are dealt to at most 32 parts, in order; each part adds up its own, and the parts are added in order, so
// that the result depends on the shape alone, never on the number of threads.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/pixel_core.hpp"
#include "kernels/conv/register_block.hpp"

namespace heddle::kernels {
namespace {

HD_INLINE std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

template <class T>
struct Layout {
  PixelCore core;
  std::int64_t pixels, slice;  // of an image, rounded up to vectors; how many are done at once, so that they stay in cache
  int images;                  // that a slice is made of, if they are small
  std::int64_t slice_stride, image_stride;  // elements from channel to channel of a slice and of an image's copy
  bool dense_x, dense_y;                    // the image needs no copy
  std::int64_t parts, part_size, columns;
  std::size_t x, y, slices;         // elements of a worker's memory: after the sums, images of x and dy, one slice of both
  std::size_t workers, per_worker;  // bytes

  explicit Layout(const ConvShape& s) : core(s) {
    pixels = (std::int64_t{core.rows} * core.columns + lanes<T> - 1) / lanes<T> * lanes<T>;
    dense_x = core.x.dense(core), dense_y = core.y.dense(core);
    // Long enough for the sums' way from and to memory not to matter.
    slice = 32 * lanes<T>;
    if (slice > pixels) slice = pixels;
    images = 32 * lanes<T> / pixels < 1 ? 1 : static_cast<int>(32 * lanes<T> / pixels);
    slice_stride = images * slice + lanes<T>, image_stride = pixels + lanes<T>;
    parts = s.n < 32 ? s.n : 32;
    part_size = s.w_size() + s.k;
    columns = (s.c + dot_columns - 1) / dot_columns * dot_columns;
    workers = aligned(sizeof(T) * part_size * parts);
    x = static_cast<std::size_t>((std::int64_t{s.k} * columns + s.k) * lanes<T>);
    y = x + static_cast<std::size_t>(dense_x ? 0 : image_stride * s.c);
    slices = y + static_cast<std::size_t>(dense_y ? 0 : image_stride * s.k);
    per_worker = aligned(sizeof(T) * (slices + static_cast<std::size_t>(slice_stride * (s.c + s.k))));
  }
  std::size_t bytes() const { return workers + per_worker * get_num_threads(); }
};

// Rows of the given block when all are split evenly: 10 is 5 + 5.
HD_INLINE int even_rows(int rows, int block) {
  const int blocks = (rows + dot_rows - 1) / dot_rows;
  return rows / blocks + (block < rows % blocks ? 1 : 0);
}

// sums [k][c][lanes] += products of vectors of pixels, for rows x columns channels.
template <class T, int rows>
__attribute__((noinline)) void dot_pixels(std::int64_t vectors, const T* const* y, const T* const* x, T* sums,
                                          std::int64_t sums_stride) {
  Vec<T> sum[rows][dot_columns];
  unroll<rows * dot_columns>([&](auto i) __attribute__((always_inline)) {
    sum[i / dot_columns][i % dot_columns] = load(sums + i / dot_columns * sums_stride + i % dot_columns * lanes<T>);
  });
  const T *from_y[rows], *from_x[dot_columns];
  for (int i = 0; i < rows; ++i) from_y[i] = y[i];
  for (int j = 0; j < dot_columns; ++j) from_x[j] = x[j];
  for (std::int64_t p = 0; p < vectors * lanes<T>; p += lanes<T>) {
    Vec<T> v[dot_columns];
    unroll<dot_columns>([&](auto j) __attribute__((always_inline)) { v[j] = load(from_x[j] + p); });
    unroll<rows>([&](auto i) __attribute__((always_inline)) {
      const Vec<T> g = load(from_y[i] + p);
      unroll<dot_columns>([&](auto j) __attribute__((always_inline)) { sum[i][j] += g * v[j]; });
    });
  }
  unroll<rows * dot_columns>([&](auto i) __attribute__((always_inline)) {
    store(sums + i / dot_columns * sums_stride + i % dot_columns * lanes<T>, sum[i / dot_columns][i % dot_columns]);
  });
}

// A slice of channels' pixels [begin, end) to to[channel * to_stride], up to whole vectors with zeros.
template <class T>
void copy_slice(const T* from, std::int64_t from_stride, int channels, std::int64_t begin, std::int64_t end, T* to,
                std::int64_t to_stride) {
  const std::int64_t count = end - begin;
  from += begin;
  for (int c = 0; c < channels; ++c, from += from_stride, to += to_stride) {
    std::int64_t p = 0;
    for (; p + lanes<T> <= count; p += lanes<T>) {
      __builtin_prefetch(from + p + count);  // of the next slice
      store<T>(to + p, load(from + p));
    }
    if (p == count) continue;
    store<T>(to + p, Vec<T>{});
    for (; p < count; ++p) to[p] = from[p];
  }
}

// sums [k][columns][lanes] += products of the slices' x and dy [channel][slice_stride].
template <class T>
void add_slices(const ConvShape& s, const Layout<T>& layout, std::int64_t pixels, const T* x, const T* dy, T* sums) {
  const std::int64_t row = layout.columns * lanes<T>, stride = layout.slice_stride;
  for (int k = 0, block = 0; k < s.k; ++block) {
    const int rows = even_rows(s.k, block);
    const T* from_y[dot_rows];
    for (int i = 0; i < rows; ++i) from_y[i] = dy + (k + i) * stride;
    for (int c = 0; c < s.c; c += dot_columns) {
      const T* from_x[dot_columns];
      for (int j = 0; j < dot_columns; ++j) from_x[j] = x + (c + j < s.c ? c + j : s.c - 1) * stride;
      T* const to = sums + k * row + c * lanes<T>;
      [&]<int... n>(std::integer_sequence<int, n...>) {
        (void)((rows == n + 1 && (dot_pixels<T, n + 1>((pixels + lanes<T> - 1) / lanes<T>, from_y, from_x, to, row), true)) ||
               ...);
      }
      (std::make_integer_sequence<int, dot_rows>{});
    }
    k += rows;
  }
}

// Adds images [begin, end), no more than layout.images, to the sums. Slices are copied first: planes lie whole pages apart, and
// would meet in a few sets of the first-level cache.
template <class T>
void add_images(const ConvShape& s, const Layout<T>& layout, std::int64_t begin, std::int64_t end, const T* x, const T* dy,
                T* mine) {
  const PixelCore& core = layout.core;
  const PixelBand all{0, core.rows};
  T *const slice_x = mine + layout.slices, *const slice_y = slice_x + s.c * layout.slice_stride;
  for (std::int64_t first = 0; first < core.pixels(); first += layout.slice) {
    const std::int64_t last = first + layout.slice < core.pixels() ? first + layout.slice : core.pixels();
    for (std::int64_t image = begin; image < end; ++image) {
      const T *from_x = x + image * s.c * core.x.area(), *from_y = dy + image * s.k * core.y.area();
      if (!layout.dense_x && first == 0)
        for (int c = 0; c < s.c; ++c)
          gather_pixels(core, core.x, all, from_x + c * core.x.area(), mine + layout.x + c * layout.image_stride);
      if (!layout.dense_y && first == 0)
        for (int k = 0; k < s.k; ++k)
          gather_pixels(core, core.y, all, from_y + k * core.y.area(), mine + layout.y + k * layout.image_stride);
      const std::int64_t at = (image - begin) * layout.pixels;
      copy_slice(layout.dense_x ? from_x + core.x.at(0) : mine + layout.x, layout.dense_x ? core.x.area() : layout.image_stride,
                 s.c, first, last, slice_x + at, layout.slice_stride);
      copy_slice(layout.dense_y ? from_y + core.y.at(0) : mine + layout.y, layout.dense_y ? core.y.area() : layout.image_stride,
                 s.k, first, last, slice_y + at, layout.slice_stride);
    }
    add_slices(s, layout, end - begin > 1 ? (end - begin) * layout.pixels : last - first, slice_x, slice_y, mine);
  }
}

// total [lanes] += the sum of a plane.
template <class T>
void add_plane(const T* plane, std::int64_t area, T* total) {
  Vec<T> sum = load(total);
  std::int64_t i = 0;
  for (; i + lanes<T> <= area; i += lanes<T>) sum += load(plane + i);
  store<T>(total, sum);
  for (; i < area; ++i) total[0] += plane[i];
}

template <class T>
void grad_weight(Stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void* workspace) {
  const Layout<T> layout(s);
  const PixelCore& core = layout.core;
  auto* const partials = static_cast<T*>(workspace);
  parallel_chunks(layout.parts, [&](std::int64_t part, int worker) {
    T* const mine = reinterpret_cast<T*>(static_cast<char*>(workspace) + layout.workers + worker * layout.per_worker);
    T* const sums = mine;
    __builtin_memset(sums, 0, sizeof(T) * layout.x);
    const std::int64_t end = (part + 1) * s.n / layout.parts;
    for (std::int64_t image = part * s.n / layout.parts; image < end; image += layout.images)
      add_images(s, layout, image, image + layout.images < end ? image + layout.images : end, x, dy, mine);
    // dbias takes all of dy, also where no pixel of x is read.
    for (std::int64_t image = part * s.n / layout.parts; image < end && dbias; ++image)
      for (int k = 0; k < s.k; ++k)
        add_plane(dy + (image * s.k + k) * core.y.area(), core.y.area(), sums + (s.k * layout.columns + k) * lanes<T>);
    T* const result = partials + part * layout.part_size;
    for (int k = 0; k < s.k; ++k) {
      for (int c = 0; c < s.c; ++c) result[k * s.c + c] = lane_sum<T>(load(sums + (k * layout.columns + c) * lanes<T>));
      result[s.w_size() + k] = lane_sum<T>(load(sums + (s.k * layout.columns + k) * lanes<T>));
    }
  });
  for (std::int64_t i = 0; i < (dbias ? layout.part_size : s.w_size()); ++i) {
    T total = partials[i];
    for (std::int64_t part = 1; part < layout.parts; ++part) total += partials[part * layout.part_size + i];
    (i < s.w_size() ? dweight[i] : dbias[i - s.w_size()]) = total;
  }
}

template <class T>
std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Layout<T>(shape).bytes();
}

template <class T>
bool serves(const ConvShape& s, ConvPass pass) {
  return pass == ConvPass::grad_weight && s.kh == 1 && s.kw == 1 && s.groups == 1 && PixelCore(s).pixels() >= lanes<T>;
}

template <class T>
constexpr ConvAlgorithm<T, PointwiseWeightConv> table{serves<T>, {workspace<T>, nullptr, nullptr, grad_weight<T>}};

}  // namespace

template <>
const ConvAlgorithm<float, PointwiseWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, PointwiseWeightConv>>::get(Variant) {
  return table<float>;
}
template <>
const ConvAlgorithm<double, PointwiseWeightConv>& CpuTable<this_isa, ConvAlgorithm<double, PointwiseWeightConv>>::get(Variant) {
  return table<double>;
}

}  // namespace heddle::kernels
