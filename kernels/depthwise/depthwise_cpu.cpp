// Depthwise convolution on the CPU. x, dx [n, c, h, w], y, dy [n, k, out_h, out_w], weight [k, 1, kh, kw], k = c * m.
//
// A plane is copied into a buffer with its padding around it (5 KiB for 32 x 32: the first cache), where every tap is a
// shifted load. The gradient by x is the same correlation, of dy set apart by the stride and with the filter turned round.
// The gradient by the weights keeps one sum for each tap in a register, over all images of a channel.
// Small planes go by vectors of images instead (depthwise_images.hpp).
// 3 x 3: 18 operations for 8 bytes moved (12 backward by weights), 2 operations a byte: bound by memory.
#include <algorithm>

#include "heddle/base/parallel.hpp"
#include "kernels/depthwise/depthwise.hpp"
#include "kernels/depthwise/depthwise_images.hpp"
#include "kernels/depthwise/depthwise_lines.hpp"

namespace heddle::kernels {
namespace {

// A plane no larger than this is worth a chunk's while only in company.
constexpr std::int64_t chunk_elements = 16384;

bool plain_3x3(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 && s.dilation_w == 1;
}
// The two sides of such a convolution of small planes: x's and y's, or for the gradient of x dy's and dx's.
struct SmallPlanes {
  SmallPlane from, to;
  SmallPlanes(const ConvShape& s, bool back)
      : from(back ? SmallPlane{s.out_h(), s.out_w(), 2 - s.pad_h, 2 - s.pad_w} : SmallPlane{s.h, s.w, s.pad_h, s.pad_w}),
        to(back ? SmallPlane{s.h, s.w, 0, 0} : SmallPlane{s.out_h(), s.out_w(), 0, 0}) {}
};
// Whether vectors of images are to do it. Not a question of how many images there are: an image's results do not depend on
// the others'.
template <class T> bool by_images(const ConvShape& s) {
  if (sizeof(T) != 4 || !plain_3x3(s) || s.k != s.c || s.pad_h > 2 || s.pad_w > 2) return false;
  const SmallPlanes planes(s, false);
  return planes.from.fits() && planes.to.fits();
}
std::int64_t planes_per_chunk(const ConvShape& s) {
  return std::max<std::int64_t>(1, chunk_elements / std::max<std::int64_t>(1, std::int64_t{s.h} * s.w));
}

// Images of one chunk of grad_weight: all of them where there are channels enough.
int images_per_block(const ConvShape& s) { return s.k >= 16 ? s.n : std::max(1, (s.n + 7) / 8); }
int image_blocks(const ConvShape& s) { return (s.n + images_per_block(s) - 1) / images_per_block(s); }

std::size_t workspace(const ConvShape& s, ConvPass pass) {
  if (pass != ConvPass::grad_weight || image_blocks(s) == 1) return 0;
  return static_cast<std::size_t>(image_blocks(s)) * s.k * (s.kh * s.kw + 1) * sizeof(double);
}

template <class T>
void forward(Stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void*) {
  const int m = s.k / s.c, taps = s.kh * s.kw, out_h = s.out_h(), out_w = s.out_w();
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{out_h} * out_w;
  if constexpr (sizeof(T) == 4)
    if (by_images<T>(s)) {
      const SmallPlanes planes(s, false);
      return correlate_images(s.n, s.c, planes.from, planes.to, x, weight, false, bias, y);
    }
  const bool fast = plain_3x3(s) && out_w >= lanes<T>;
  parallel_for(std::int64_t{s.n} * s.c, planes_per_chunk(s), [&](std::int64_t begin, std::int64_t end) {
    const PaddedPlane<T> buffer(s.h + 2 * s.pad_h, s.w + 2 * s.pad_w);
    const Scratch<T> line(buffer.size);
    const Scratch<Tap<T>> list(taps);
    for (std::int64_t plane = begin; plane < end; ++plane) {
      buffer.fill(x + plane * in, s.h, s.w, s.pad_h, s.pad_w, 1, 1);
      for (int j = 0; j < m; ++j) {
        const int o = static_cast<int>(plane % s.c) * m + j;
        T* to = y + (plane / s.c * s.k + o) * out;
        const T start = bias ? bias[o] : T(0);
        if (fast) {
          correlate_3x3(buffer.copy(0), buffer.pitch, weight + o * 9, start, out_h, out_w, to);
          continue;
        }
        for (int t = 0; t < taps; ++t)
          list[t] = {weight[o * taps + t], std::int64_t{t / s.kw} * s.dilation_h * buffer.pitch + t % s.kw * s.dilation_w};
        correlate(buffer.copy(0), buffer.pitch, list.get(), taps, start, s.stride_h, s.stride_w, out_h, out_w, line.get(), to);
      }
    }
  });
}

template <class T> void grad_input(Stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void*) {
  const int m = s.k / s.c, taps = s.kh * s.kw, out_h = s.out_h(), out_w = s.out_w();
  const int reach_h = s.dilation_h * (s.kh - 1), reach_w = s.dilation_w * (s.kw - 1);
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{out_h} * out_w;
  if constexpr (sizeof(T) == 4)
    if (by_images<T>(s)) {
      const SmallPlanes planes(s, true);
      return correlate_images(s.n, s.c, planes.from, planes.to, dy, weight, true, nullptr, dx);
    }
  const bool fast = plain_3x3(s) && m == 1 && s.w >= lanes<T>;
  parallel_for(std::int64_t{s.n} * s.c, planes_per_chunk(s), [&](std::int64_t begin, std::int64_t end) {
    const PaddedPlane<T> buffer(s.h + reach_h, s.w + reach_w, m);  // one copy for each of the channel's m outputs
    const Scratch<T> line(buffer.size);
    const Scratch<Tap<T>> list(taps * m);
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const int c = static_cast<int>(plane % s.c);
      for (int j = 0; j < m; ++j)
        buffer.fill(dy + (plane * m + j) * out, out_h, out_w, reach_h - s.pad_h, reach_w - s.pad_w, s.stride_h, s.stride_w, j);
      if (fast) {
        T turned[9];
        std::reverse_copy(weight + c * 9, weight + c * 9 + 9, turned);
        correlate_3x3(buffer.copy(0), buffer.pitch, turned, T(0), s.h, s.w, dx + plane * in);
        continue;
      }
      for (int j = 0; j < m; ++j)
        for (int t = 0; t < taps; ++t)
          list[j * taps + t] = {weight[(c * m + j) * taps + taps - 1 - t],
                                buffer.size * j + std::int64_t{t / s.kw} * s.dilation_h * buffer.pitch + t % s.kw * s.dilation_w};
      correlate(buffer.copy(0), buffer.pitch, list.get(), taps * m, T(0), 1, 1, s.h, s.w, line.get(), dx + plane * in);
    }
  });
}

template <class T>
void grad_weight(Stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void* workspace) {
  const int m = s.k / s.c, taps = s.kh * s.kw, out_h = s.out_h(), out_w = s.out_w(), images = images_per_block(s);
  const std::int64_t in = std::int64_t{s.h} * s.w, out = std::int64_t{out_h} * out_w;
  const bool fast = plain_3x3(s) && out_w >= lanes<T>;
  const auto finish = [&](int o, const double* totals) {
    for (int t = 0; t < taps; ++t) dweight[o * taps + t] = static_cast<T>(totals[t]);
    if (dbias) dbias[o] = static_cast<T>(totals[taps]);
  };
  double* partials = static_cast<double*>(workspace);  // [image_blocks, k, taps + 1]
  parallel_chunks(std::int64_t{image_blocks(s)} * s.k, [&](std::int64_t chunk, int) {
    const int o = static_cast<int>(chunk % s.k), last = std::min((static_cast<int>(chunk / s.k) + 1) * images, s.n);
    int first = static_cast<int>(chunk / s.k) * images;
    const int padded_w = s.w + 2 * s.pad_w, whole_w = (out_w + lanes<T> - 1) / lanes<T> * lanes<T>;
    const bool direct = fast && whole_w == out_w;  // dy can be read where it is
    const PaddedPlane<T> buffer(s.h + 2 * s.pad_h, padded_w);
    const PaddedPlane<T> gradient(fast ? out_h : buffer.rows, fast ? whole_w : padded_w);
    const Scratch<Tap<T>> list(taps);
    for (int t = 0; t < taps; ++t)
      list[t] = {T(0), std::int64_t{t / s.kw} * s.dilation_h * padded_w + t % s.kw * s.dilation_w};
    const int positions = (out_h - 1) * s.stride_h * padded_w + (out_w - 1) * s.stride_w + 1;
    TapSums<T> sums(taps);
    if constexpr (sizeof(T) == 4)
      if (by_images<T>(s)) {
        const SmallPlanes planes(s, false);
        const StagedPlane staged_x(planes.from), staged_dy(planes.to);
        for (int n = first; n < last; n += lanes<T>) {
          const int some = std::min(lanes<T>, last - n);
          staged_x.fill(x, s.c, o, n, some);
          staged_dy.fill(dy, s.k, o, n, some);
          sums.add_images([&](int i, int j) { return staged_x.at(i, j); }, [&](int i, int j) { return staged_dy.at(i, j); }, out_h,
                          out_w);
        }
        first = last;
      }
    for (int n = first; n < last; ++n) {
      const T* from = dy + (std::int64_t{n} * s.k + o) * out;
      // A channel's planes lie too far apart for the hardware to foresee the next.
      fetch_plane(from + 2 * s.k * out, out);
      fetch_plane(x + (std::int64_t{n + 2} * s.c + o / m) * in, in);
      buffer.fill(x + (std::int64_t{n} * s.c + o / m) * in, s.h, s.w, s.pad_h, s.pad_w, 1, 1);
      if (!direct) gradient.fill(from, out_h, out_w, 0, 0, fast ? 1 : s.stride_h, fast ? 1 : s.stride_w);
      if (fast)
        sums.add_3x3(buffer.copy(0), padded_w, direct ? from : gradient.copy(0), whole_w, out_h);
      else
        sums.add(buffer.copy(0), gradient.copy(0), list.get(), positions);
    }
    if (image_blocks(s) == 1)
      finish(o, sums.totals());
    else
      std::copy_n(sums.totals(), taps + 1, partials + chunk * (taps + 1));
  });
  if (image_blocks(s) == 1) return;
  for (int o = 0; o < s.k; ++o) {
    double* total = partials + std::int64_t{o} * (taps + 1);
    for (int b = 1; b < image_blocks(s); ++b)
      for (int t = 0; t <= taps; ++t) total[t] += total[std::int64_t{b} * s.k * (taps + 1) + t];
    finish(o, total);
  }
}

template <class T> constexpr DepthwiseKernels<T> table{workspace, forward<T>, grad_input<T>, grad_weight<T>};

}  // namespace

template <> const DepthwiseKernels<float>& CpuTable<this_isa, DepthwiseKernels<float>>::get(Variant) { return table<float>; }
template <> const DepthwiseKernels<double>& CpuTable<this_isa, DepthwiseKernels<double>>::get(Variant) { return table<double>; }

}  // namespace heddle::kernels
