// Convolution with 1 x 1 filters, any stride and padding, forward and gradient of x: at every pixel a matrix product of
// channels.
//
//   y[k][p]  = bias[k] + sum over c of w[k][c] * x[c][p]
//   dx[c][p] = sum over k of w[k][c] * dy[k][p]
//
// p runs over those pixels of y that read a pixel of x (pixel_core.hpp). Where they are whole rows of a plane, it is read or
// written as it lies; else, and where several small images share a block, through a copy in cache. A block is up to 6 channels
// by 4 vectors of pixels (6 by 2 of 16 registers) over all source channels. 2 * c * k FLOPs a pixel; x and y move once: with
// few channels, memory is the limit.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/pixel_core.hpp"
#include "kernels/conv/register_block.hpp"

namespace heddle::kernels {
namespace {

template <class T>
constexpr int block_of = block_vectors* lanes<T>;

template <class T>
struct Layout {
  PixelCore core;
  PixelPlane from, to;
  int inputs, outputs;
  int images;                                      // that are done at once, if one is less than a block
  int band, bands;                                 // rows of the core that are done at once; how many of those an image has
  bool copied, spread;                             // through copies in cache: what is read, what is written
  std::int64_t stride;                             // elements from plane to plane of a copy
  std::size_t packed, source, result, per_worker;  // bytes

  Layout(const ConvShape& s, ConvPass pass) : core(s) {
    const bool forward = pass == ConvPass::forward;
    from = forward ? core.x : core.y, to = forward ? core.y : core.x;
    inputs = forward ? s.c : s.k, outputs = forward ? s.k : s.c;
    const std::int64_t all = core.pixels();
    images = 1;
    if (all < block_of<T>) {
      // A 16th of the batch, but of no less than a block and no more than four.
      const auto least = static_cast<int>((block_of<T> + all - 1) / all), most = static_cast<int>(4 * block_of<T> / all);
      images = s.n / 16 < least ? least : s.n / 16 > most ? most : s.n / 16;
      if (images > s.n) images = s.n;
    }
    // Whole images, or of fewer than 16 images so many bands that there is work for 16 threads.
    const int least = (block_of<T> + core.columns - 1) / core.columns, wanted = images > 1 ? 1 : (16 + s.n - 1) / s.n;
    band = core.rows / wanted < least ? least : core.rows / wanted;
    if (band > core.rows) band = core.rows;
    bands = core.rows / band;
    copied = images > 1 || !from.dense(core);
    spread = images > 1 || !to.dense(core) || to.h != core.rows;
    // What is left over goes to the last band. A copy is a vector longer than it must be, so that planes do not meet in the
    // same sets of the first-level cache.
    const std::int64_t pixels = images * std::int64_t{band + core.rows % band} * core.columns;
    stride = ((pixels < block_of<T> ? block_of<T> : pixels) - 1 + 2 * lanes<T>) / lanes<T> * lanes<T>;
    packed = 0;
    source = aligned(sizeof(T) * s.w_size());
    result = aligned(sizeof(T) * stride * inputs);
    per_worker = result + aligned(sizeof(T) * stride * outputs);
  }
  std::size_t bytes() const { return source + per_worker * get_num_threads(); }
};

// [block of m][i][m of the block] of the matrix m_step, i_step.
template <class T>
void pack(const T* weight, int outputs, int inputs, int m_step, int i_step, T* packed) {
  for (int block = 0, m0 = 0; m0 < outputs; ++block) {
    const int rows = row_block(outputs, block);
    for (std::int64_t i = 0; i < inputs; ++i)
      for (std::int64_t m = m0; m < m0 + rows; ++m) *packed++ = weight[m * m_step + i * i_step];
    m0 += rows;
  }
}

// out[m][p] for all p of a band.
template <class T>
void multiply(int outputs, int inputs, std::int64_t pixels, const T* packed, const T* source, std::int64_t source_stride,
              const T* bias, T* out, std::int64_t out_stride) {
  constexpr int offset = 0;
  for (std::int64_t p = 0; p < pixels; p += block_of<T>) {
    // The last block is moved back to end with the band, and computes some pixels again.
    const std::int64_t at = p + block_of<T> <= pixels ? p : pixels - block_of<T>;
    if (at + 2 * block_of<T> <= pixels) {
      const std::int64_t next = at + block_of<T>;
      for (int v = 0; v < block_vectors; ++v) {
        for (int i = 0; i < inputs; ++i) __builtin_prefetch(source + i * source_stride + next + v * lanes<T>);
        for (int m = 0; m < outputs; ++m) __builtin_prefetch(out + m * out_stride + next + v * lanes<T>, 1);
      }
    }
    const T* a = packed;
    for (int block = 0, m = 0; m < outputs; ++block) {
      const int rows = row_block(outputs, block);
      correlate_block<T>(rows, inputs, 1, &offset, a, source + at, source_stride, bias ? bias + m : nullptr,
                         out + m * out_stride + at, out_stride);
      a += std::int64_t{rows} * inputs, m += rows;
    }
  }
}

// Forward and gradient of x: planes of `from` [inputs] to planes of `to` [outputs].
template <class T>
void map_pixels(const ConvShape& s, ConvPass pass, const T* source, const T* weight, const T* bias, T* out, void* workspace) {
  const Layout<T> layout(s, pass);
  const PixelPlane &from = layout.from, &to = layout.to;
  const int inputs = layout.inputs, outputs = layout.outputs;
  const std::int64_t from_image = inputs * from.area(), to_image = outputs * to.area();
  auto* const packed = static_cast<T*>(workspace);
  pack(weight, outputs, inputs, pass == ConvPass::forward ? s.c : 1, pass == ConvPass::forward ? 1 : s.c, packed);
  parallel_chunks(std::int64_t{(s.n + layout.images - 1) / layout.images} * layout.bands, [&](std::int64_t chunk, int worker) {
    char* const mine = static_cast<char*>(workspace) + layout.source + worker * layout.per_worker;
    const std::int64_t image = chunk / layout.bands * layout.images;
    const int images = image + layout.images <= s.n ? layout.images : static_cast<int>(s.n - image);
    const int index = static_cast<int>(chunk % layout.bands);
    const PixelBand band{index * layout.band, index + 1 == layout.bands ? layout.core.rows : (index + 1) * layout.band};
    const std::int64_t of_image = std::int64_t{band.end - band.begin} * layout.core.columns;
    // At least a block is multiplied.
    const std::int64_t pixels = images * of_image < block_of<T> && layout.copied ? block_of<T> : images * of_image;
    const T* planes = source + image * from_image + from.at(band.begin);
    T* results = out + image * to_image;
    T *const copy = reinterpret_cast<T*>(mine), *const result = reinterpret_cast<T*>(mine + layout.result);
    for (int i = 0; i < inputs && layout.copied; ++i) {
      T* to_copy = copy + i * layout.stride;
      for (int n = 0; n < images; ++n, to_copy += of_image) {
        const T* const plane = source + (image + n) * from_image + i * from.area();
        if (from.area() >= lanes<T>) fetch_pixels(layout.core, from, band, plane + 8 * from.area());
        gather_pixels(layout.core, from, band, plane, to_copy);
      }
      for (T* const end = copy + i * layout.stride + pixels; to_copy < end; ++to_copy) *to_copy = T{};
    }
    multiply(outputs, inputs, pixels, packed, layout.copied ? copy : planes, layout.copied ? layout.stride : from.area(), bias,
             layout.spread ? result : results + to.at(band.begin), layout.spread ? layout.stride : to.area());
    for (int m = 0; m < outputs && layout.spread; ++m)
      for (int n = 0; n < images; ++n)
        spread_pixels(layout.core, to, band, result + m * layout.stride + n * of_image, bias ? bias[m] : T{},
                      results + n * to_image + m * to.area());
  });
}

template <class T>
void forward(Stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void* workspace) {
  map_pixels(s, ConvPass::forward, x, weight, bias, y, workspace);
}
template <class T>
void grad_input(Stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void* workspace) {
  map_pixels<T>(s, ConvPass::grad_input, dy, weight, nullptr, dx, workspace);
}

template <class T>
std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  return Layout<T>(shape, pass).bytes();
}

// A few tiny images are the direct algorithm's.
template <class T>
bool serves(const ConvShape& s, ConvPass pass) {
  return pass != ConvPass::grad_weight && s.kh == 1 && s.kw == 1 && s.groups == 1 && PixelCore(s).pixels() * s.n >= block_of<T>;
}

template <class T>
constexpr ConvAlgorithm<T, PointwiseConv> table{serves<T>, {workspace<T>, forward<T>, grad_input<T>, nullptr}};

}  // namespace

template <>
const ConvAlgorithm<float, PointwiseConv>& CpuTable<this_isa, ConvAlgorithm<float, PointwiseConv>>::get(Variant) {
  return table<float>;
}
template <>
const ConvAlgorithm<double, PointwiseConv>& CpuTable<this_isa, ConvAlgorithm<double, PointwiseConv>>::get(Variant) {
  return table<double>;
}

}  // namespace heddle::kernels
