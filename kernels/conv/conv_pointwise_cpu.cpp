// Convolution with 1 x 1 filters, any stride and padding, forward and gradient of x: at every pixel a matrix product of
// channels.
//
//   y[k][p]  = bias[k] + sum over c of w[k][c] * x[c][p]
//   dx[c][p] = sum over k of w[k][c] * dy[k][p]
//
// p runs over those pixels of y that read a pixel of x (pixel_core.hpp). Where they are whole rows of a plane, it is read or
// written as it lies; else through a copy in cache. A block is up to 6 channels by 4 vectors of pixels (6 by 2 of 16
// registers) over all source channels. 2 * c * k FLOPs a pixel; x and y move once: with few channels, memory is the limit.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/pixel_core.hpp"
#include "kernels/conv/register_block.hpp"

namespace heddle::kernels {
namespace {

template <class T>
constexpr int block_of = block_vectors* lanes<T>;

HD_INLINE std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

template <class T>
struct Layout {
  PixelCore core;
  int band, bands;      // rows of the core that are done at once; how many of those an image has
  std::int64_t pixels;  // of a band, rounded up to vectors and one more, so that planes' copies do not
                        // meet in the same sets of the first-level cache
  std::size_t packed, source, result, per_worker;  // bytes

  Layout(const ConvShape& s, ConvPass pass) : core(s) {
    // Whole images, or of fewer than 16 images so many bands that there is work for 16 threads.
    const int least = (block_of<T> + core.columns - 1) / core.columns, wanted = (16 + s.n - 1) / s.n;
    band = core.rows / wanted < least ? least : core.rows / wanted;
    if (band > core.rows) band = core.rows;
    bands = core.rows / band;
    // What is left over goes to the last band.
    pixels = ((std::int64_t{band + core.rows % band} * core.columns - 1) / lanes<T> + 2) * lanes<T>;
    const bool forward = pass == ConvPass::forward;
    packed = 0;
    source = aligned(sizeof(T) * s.w_size());
    result = aligned(sizeof(T) * pixels * (forward ? s.c : s.k));
    per_worker = result + aligned(sizeof(T) * pixels * (forward ? s.k : s.c));
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
  const bool forward = pass == ConvPass::forward;
  const PixelPlane from = forward ? layout.core.x : layout.core.y, to = forward ? layout.core.y : layout.core.x;
  const int inputs = forward ? s.c : s.k, outputs = forward ? s.k : s.c;
  auto* const packed = static_cast<T*>(workspace);
  pack(weight, outputs, inputs, forward ? s.c : 1, forward ? 1 : s.c, packed);
  parallel_chunks(std::int64_t{s.n} * layout.bands, [&](std::int64_t chunk, int worker) {
    char* const mine = static_cast<char*>(workspace) + layout.source + worker * layout.per_worker;
    const std::int64_t image = chunk / layout.bands;
    const int index = static_cast<int>(chunk % layout.bands);
    const PixelBand band{index * layout.band, index + 1 == layout.bands ? layout.core.rows : (index + 1) * layout.band};
    const std::int64_t pixels = std::int64_t{band.end - band.begin} * layout.core.columns;
    const T* planes = source + image * inputs * from.area();
    T* const results = out + image * outputs * to.area();
    std::int64_t source_stride = from.area(), result_stride = to.area();
    if (from.dense(layout.core)) {
      planes += from.at(band.begin);
    } else {
      auto* const copy = reinterpret_cast<T*>(mine);
      for (int i = 0; i < inputs; ++i) {
        if (from.area() >= lanes<T>) fetch_pixels(layout.core, from, band, planes + (i + 8) * from.area());
        gather_pixels(layout.core, from, band, planes + i * from.area(), copy + i * layout.pixels);
      }
      planes = copy, source_stride = layout.pixels;
    }
    const bool direct = to.dense(layout.core) && to.h == layout.core.rows;
    T* result = direct ? results + to.at(band.begin) : reinterpret_cast<T*>(mine + layout.result);
    if (!direct) result_stride = layout.pixels;
    multiply(outputs, inputs, pixels, packed, planes, source_stride, bias, result, result_stride);
    if (direct) return;
    for (int m = 0; m < outputs; ++m)
      spread_pixels(layout.core, to, band, result + m * result_stride, bias ? bias[m] : T{}, results + m * to.area());
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

// Smaller images are the direct algorithm's, which puts several into a vector.
template <class T>
bool serves(const ConvShape& s, ConvPass pass) {
  return pass != ConvPass::grad_weight && s.kh == 1 && s.kw == 1 && s.groups == 1 && PixelCore(s).pixels() >= block_of<T>;
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
