// What the depthwise kernels do to one plane that lies in a buffer with its padding around it, so that no tap meets a border.
// Taps are (weight, offset in the buffer) pairs. Three ways:
//     3 x 3, undilated: down a column of vectors, each row of the buffer is loaded three times (shifted by one) and serves three
//         rows of outputs while it is in registers: a third of the loads;
//     rows at least a vector long: vector by vector, the last one overlapping the one before it;
//     short rows: the whole plane as one line at the buffer's pitch, of which the valid columns are copied out.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv/conv.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

/// A plane of rows x pitch elements and a vector more, all zero at first; its interior is filled for each image.
template <class T> struct PaddedPlane {
  int rows, pitch;
  std::int64_t size;
  Scratch<T> data;

  PaddedPlane(int row_count, int row_pitch, int copies = 1)
      : rows(row_count), pitch(row_pitch), size(std::int64_t{row_count} * row_pitch + 2 * lanes<T>), data(size * copies) {
    std::fill_n(data.get(), size * copies, T(0));
  }
  T* copy(int index) const { return data.get() + size * index; }

  /// Puts element (i, j) of a plane [h, w] at (top + i * step_h, left + j * step_w), where that lies inside.
  void fill(const T* plane, int h, int w, int top, int left, int step_h, int step_w, int index = 0) const {
    T* to = copy(index);
    const int j0 = left >= 0 ? 0 : (-left + step_w - 1) / step_w, j1 = left >= pitch ? 0 : std::min(w, (pitch - 1 - left) / step_w + 1);
    for (int i = 0; i < h; ++i) {
      const int row = top + i * step_h;
      if (row < 0 || row >= rows) continue;
      T* out = to + std::int64_t{row} * pitch + left;
      const T* in = plane + std::int64_t{i} * w;
      if (step_w == 1) {
        if (j1 - j0 >= lanes<T>) {
          for (int j = j0; j < j1 - lanes<T>; j += lanes<T>) store(out + j, load(in + j));
          store(out + j1 - lanes<T>, load(in + j1 - lanes<T>));
        } else {
          for (int j = j0; j < j1; ++j) out[j] = in[j];
        }
      } else {
        for (int j = j0; j < j1; ++j) out[std::int64_t{j} * step_w] = in[j];
      }
    }
  }
};

/// Fetches a plane into the cache. Always inlined: a call with no effect but this would be left out.
template <class T> HD_INLINE void fetch_plane(const T* plane, std::int64_t size) {
  for (std::int64_t i = 0; i < size; i += 64 / static_cast<int>(sizeof(T))) __builtin_prefetch(plane + i);
}

template <class T> struct Tap {
  T weight;
  std::int64_t offset;
};

/// out[i] = start + sum over taps of weight * in[i + offset], i < count, where count is at least a vector.
template <class T> HD_INLINE void correlate_line(const T* in, const Tap<T>* taps, int tap_count, T start, int count, T* out) {
  constexpr int width = lanes<T>;
  int i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    Vec<T> sums[4];
    unrolled<4>([&](auto u) HD_INLINE_LAMBDA { sums[u] = broadcast(start); });
    for (int t = 0; t < tap_count; ++t)
      unrolled<4>([&](auto u) HD_INLINE_LAMBDA { sums[u] += load(in + taps[t].offset + i + u * width) * taps[t].weight; });
    unrolled<4>([&](auto u) HD_INLINE_LAMBDA { store(out + i + u * width, sums[u]); });
  }
  while (i < count) {
    if (i > count - width) i = count - width;
    Vec<T> total = broadcast(start);
    for (int t = 0; t < tap_count; ++t) total += load(in + taps[t].offset + i) * taps[t].weight;
    store(out + i, total);
    i += width;
  }
}

/// The same for out_h rows of out_w >= a vector, three rows of three neighbouring taps, stride 1.
template <class T>
HD_INLINE void correlate_3x3(const T* in, int pitch, const T* weight, T start, int out_h, int out_w, T* out) {
  constexpr int width = lanes<T>;
  Vec<T> w[9];
  unrolled<9>([&](auto i) HD_INLINE_LAMBDA { w[i] = broadcast(weight[i]); });
  for (int q = 0; q < out_w;) {
    if (q > out_w - width) q = out_w - width;
    Vec<T> last = broadcast(start), middle = last;  // outputs that still lack one row, and two
    for (int i = 0; i < out_h + 2; ++i) {
      const T* row = in + std::int64_t{i} * pitch + q;
      const Vec<T> a = load(row), b = load(row + 1), c = load(row + 2);
      const Vec<T> done = last + a * w[6] + b * w[7] + c * w[8];
      last = middle + a * w[3] + b * w[4] + c * w[5];
      middle = broadcast(start) + a * w[0] + b * w[1] + c * w[2];
      if (i >= 2) store(out + std::int64_t{i - 2} * out_w + q, done);
    }
    q += width;
  }
}

/// y [out_h, out_w] from a plane in a buffer; line is scratch for a plane at the buffer's pitch.
template <class T>
void correlate(const T* in, int pitch, const Tap<T>* taps, int tap_count, T start, int stride_h, int stride_w, int out_h, int out_w,
               T* line, T* y) {
  constexpr int width = lanes<T>;
  if (stride_w == 1 && out_w >= width) {
    for (int p = 0; p < out_h; ++p)
      correlate_line(in + std::int64_t{p} * stride_h * pitch, taps, tap_count, start, out_w, y + std::int64_t{p} * out_w);
    return;
  }
  // Positions of the buffer from the first output to the last, over all rows or over one.
  const bool whole = stride_h == 1 && stride_w == 1;
  const int positions = (whole ? (out_h - 1) * pitch : 0) + (out_w - 1) * stride_w + 1;
  for (int p = 0; p < out_h; ++p) {
    if (!whole || p == 0)
      correlate_line(in + std::int64_t{p} * stride_h * pitch, taps, tap_count, start, std::max(positions, width), line);
    const T* from = line + (whole ? p * pitch : 0);
    for (int q = 0; q < out_w; ++q) y[std::int64_t{p} * out_w + q] = from[std::int64_t{q} * stride_w];
  }
}

/// Sums over images of dy times shifted x: a vector of lanes for each tap and one for dy alone, emptied into doubles.
template <class T> class TapSums {
 public:
  explicit TapSums(int taps) : taps_(taps), lanes_(std::int64_t{taps + 1} * lanes<T>), totals_(taps + 1) {
    std::fill_n(lanes_.get(), std::int64_t{taps + 1} * lanes<T>, T(0));
    std::fill_n(totals_.get(), taps + 1, 0.0);
  }

  /// dy and x at the same pitch; dy is zero wherever it holds no gradient. Four taps at a time.
  void add(const T* x, const T* dy, const Tap<T>* taps, int count) {
    for (int t = 0; t <= taps_; t += 4) {
      const int some = std::min(4, taps_ + 1 - t);
      Vec<T> sums[4];
      unrolled<4>([&](auto u) HD_INLINE_LAMBDA { sums[u] = u < some ? load(lanes_.get() + (t + u) * lanes<T>) : Vec<T>{}; });
      // The last place is for dy alone.
      const auto offset = [&](int i) { return i < taps_ ? taps[i].offset : 0; };
      const std::int64_t offsets[4] = {offset(t), offset(t + 1), offset(t + 2), offset(t + 3)};
      for (int i = 0; i < count; i += lanes<T>) {
        const Vec<T> g = load(dy + i);
        unrolled<4>([&](auto u) HD_INLINE_LAMBDA { sums[u] += t + u == taps_ ? g : g * load(x + offsets[u] + i); });
      }
      for (int u = 0; u < some; ++u) store(lanes_.get() + (t + u) * lanes<T>, sums[u]);
    }
    added(count);
  }

  /// 3 x 3, undilated, stride 1: x in a buffer, dy [out_h, dy_pitch] with dy_pitch a multiple of the vector's length and
  /// zeros behind out_w. Each row of x is loaded three times and meets three rows of dy that are kept in registers.
  void add_3x3(const T* x, int pitch, const T* dy, int dy_pitch, int out_h) {
    Vec<T> s[10];
    unrolled<10>([&](auto i) HD_INLINE_LAMBDA { s[i] = load(lanes_.get() + i * lanes<T>); });
    for (int q = 0; q < dy_pitch; q += lanes<T>) {
      Vec<T> d1{}, d2{};
      for (int i = 0; i < out_h + 2; ++i) {
        const T* row = x + std::int64_t{i} * pitch + q;
        const Vec<T> a = load(row), b = load(row + 1), c = load(row + 2);
        const Vec<T> d0 = i < out_h ? load(dy + std::int64_t{i} * dy_pitch + q) : Vec<T>{};
        s[0] += d0 * a, s[1] += d0 * b, s[2] += d0 * c;
        s[3] += d1 * a, s[4] += d1 * b, s[5] += d1 * c;
        s[6] += d2 * a, s[7] += d2 * b, s[8] += d2 * c;
        s[9] += d0;
        d2 = d1;
        d1 = d0;
      }
    }
    unrolled<10>([&](auto i) HD_INLINE_LAMBDA { store(lanes_.get() + i * lanes<T>, s[i]); });
    added(out_h * dy_pitch);
  }

  /// 3 x 3, undilated, stride 1, of planes of as many images as a vector has lanes: vectors of pixels x(y, x) and dy(y, x).
  template <class X, class Dy> void add_images(X x, Dy dy, int out_h, int out_w) {
    Vec<T> s[10];
    unrolled<10>([&](auto i) HD_INLINE_LAMBDA { s[i] = load(lanes_.get() + i * lanes<T>); });
    for (int i = 0; i < out_h; ++i)
      for (int j = 0; j < out_w; ++j) {
        const Vec<T> d = load(dy(i, j));
        unrolled<9>([&](auto t) HD_INLINE_LAMBDA { s[t] += d * load(x(i + t / 3, j + t % 3)); });
        s[9] += d;
      }
    unrolled<10>([&](auto i) HD_INLINE_LAMBDA { store(lanes_.get() + i * lanes<T>, s[i]); });
    added(out_h * out_w * lanes<T>);
  }

  /// The sums of the taps, then of dy.
  const double* totals() {
    flush();
    return totals_.get();
  }

 private:
  void added(int count) {
    pending_ += count;
    if (pending_ >= 4096) flush();
  }
  void flush() {
    for (int t = 0; t <= taps_; ++t) {
      totals_[t] += sum<T>(load(lanes_.get() + t * lanes<T>));
      store(lanes_.get() + t * lanes<T>, Vec<T>{});
    }
    pending_ = 0;
  }

  int taps_, pending_ = 0;
  Scratch<T> lanes_;
  Scratch<double> totals_;
};

}  // namespace
}  // namespace heddle::kernels
