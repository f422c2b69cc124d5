// Any convolution as a correlation of flat arrays, in which a filter's tap is nothing but an offset.
//
// A source plane is staged (copied, with its zero padding) so that output element t of a flattened plane reads element
// t + offset(tap) of a staged one, for every t alike: borders, strides and dilations are gone, and vectors run across row
// ends. Rows of output and of staged planes have the same pitch; elements of the flat output that are no output (a few at
// each row's end) are computed and dropped. A row's right padding is the next row's left padding, and an image's lower
// padding the next image's upper one, so there are few of those.
//
//   forward, stride s    a staged plane splits into s * s phases (position modulo s), a tap belongs to one of them
//   gradient of x        a correlation of dy; dx splits into s * s sets of positions (modulo s), each with taps of its own
//   gradient of weights  sum over t of dy[t] * staged x[t + offset(tap)]
#pragma once

#include <cstdint>

#include "kernels/conv/conv.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

HD_INLINE int smaller(int a, int b) {
  return a < b ? a : b;
}
HD_INLINE int larger(int a, int b) {
  return a > b ? a : b;
}
HD_INLINE std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b * b;
}

/// Rows or columns. Staged index i of phase f holds source index i * step + f - pad; flat output index t of set a is
/// output index t * out_step + a + out_shift.
struct FlatAxis {
  int kernel, dilation, stride;
  bool transposed;  // the gradient of x
  int source, step, phases, pad;
  int out, out_step, sets, out_shift;
  int domain;      // flat output indices
  int max_offset;  // of any tap
  int pitch;       // staged indices from one row (or image) to the next
  int lead;        // staged indices at each row's beginning that are padding in every phase

  int phase_of(int tap) const { return transposed ? 0 : tap * dilation % stride; }
  int set_of(int tap) const { return transposed ? tap * dilation % stride : 0; }
  int offset_of(int tap) const { return transposed ? max_offset - tap * dilation / stride : tap * dilation / stride; }
  /// Staged indices [begin(f), end(f)) of phase f lie inside the source.
  int begin(int phase) const { return larger(0, (pad - phase + step - 1 + step * 65536) / step - 65536); }
  int end(int phase) const { return larger(0, (source - 1 + pad - phase + step * 65536) / step - 65536 + 1); }
};

inline FlatAxis flat_axis(bool transposed, int in, int out, int kernel, int stride, int pad, int dilation) {
  FlatAxis a{};
  a.kernel = kernel, a.dilation = dilation, a.stride = stride, a.transposed = transposed;
  a.max_offset = (kernel - 1) * dilation / stride;
  if (!transposed) {
    a.source = in, a.step = stride, a.phases = stride, a.pad = pad;
    a.out = out, a.out_step = 1, a.sets = 1, a.out_shift = 0;
    a.domain = out;
  } else {
    const int first = pad / stride;
    a.source = out, a.step = 1, a.phases = 1, a.pad = a.max_offset - first;
    a.out = in, a.out_step = stride, a.sets = stride, a.out_shift = first * stride - pad;
    a.domain = (in - 1 + pad) / stride - first + 1;
  }
  const int needed = a.domain + a.max_offset;
  a.lead = needed, a.pitch = a.domain;
  for (int tap = 0; tap < kernel; ++tap) {
    const int f = a.phase_of(tap);
    a.lead = smaller(a.lead, a.begin(f));
    a.pitch = larger(a.pitch, smaller(a.end(f), needed));
  }
  a.pitch = larger(a.pitch, needed - a.lead);
  return a;
}

/// One tap of one set: what it multiplies, and which weight with.
struct FlatTap {
  int plane;  // of the staged phases that are used
  int row, column;
  int weight;  // r * kw + s
};

/// How a pass is cut into chunks, and where everything lies. A chunk is a few whole images, or a band of one image's rows.
struct FlatPlan {
  FlatAxis rows, columns;
  int groups, planes, outputs;  // source and output planes in a group
  int images, band;             // of a chunk: images, and flat rows of each
  std::int64_t chunks, bands;
  int row_pitch, image_pitch;  // of the flat arrays
  int used_phases, taps;
  std::int64_t length;                      // flat outputs of a chunk, rounded up to whole blocks
  std::int64_t phase_stride, plane_stride;  // staged elements from phase to phase, and from source plane to source plane

  std::int64_t staged_size() const { return planes * plane_stride; }
  int offset(const FlatTap& tap) const { return static_cast<int>(tap.plane * phase_stride) + tap.row * row_pitch + tap.column; }
};

/// Chunks take about `budget` elements of staged planes and `outputs` flat ones, and there are 16 of them or more where
/// the problem is large enough; `block` is what length is rounded up to.
inline FlatPlan flat_plan(const ConvShape& s, ConvPass pass, int block, std::int64_t budget) {
  const bool transposed = pass == ConvPass::grad_input;
  FlatPlan p{};
  p.rows = flat_axis(transposed, s.h, s.out_h(), s.kh, s.stride_h, s.pad_h, s.dilation_h);
  p.columns = flat_axis(transposed, s.w, s.out_w(), s.kw, s.stride_w, s.pad_w, s.dilation_w);
  p.groups = s.groups;
  p.planes = (transposed ? s.k : s.c) / s.groups;
  p.outputs = (transposed ? s.c : s.k) / s.groups;
  p.taps = s.kh * s.kw;
  int phases_h = 0, phases_w = 0;
  for (int f = 0; f < p.rows.phases; ++f)
    for (int r = 0; r < s.kh; ++r)
      if (p.rows.phase_of(r) == f) {
        ++phases_h;
        break;
      }
  for (int f = 0; f < p.columns.phases; ++f)
    for (int r = 0; r < s.kw; ++r)
      if (p.columns.phase_of(r) == f) {
        ++phases_w;
        break;
      }
  p.used_phases = phases_h * phases_w;
  p.row_pitch = p.columns.pitch;
  const std::int64_t image = std::int64_t{p.rows.pitch} * p.row_pitch;
  const std::int64_t per_element = std::int64_t{p.planes} * p.used_phases + p.outputs;
  const std::int64_t fit = budget / (per_element * image);
  p.images = static_cast<int>(fit < 1 ? 1 : fit);
  p.images = smaller(p.images, larger(1, s.n / 16));
  p.band = p.rows.domain;
  if (fit < 1 || s.n < 16) {
    // Bands: enough of them for the budget and for 16 chunks, but none so small that staging its halo takes over.
    const int by_budget = static_cast<int>(budget / (per_element * p.row_pitch)) - p.rows.max_offset;
    const int by_count = (p.band + 15) / 16 * smaller(s.n, 16);
    const int least = larger(larger(4, 2 * p.rows.max_offset), 256 / p.row_pitch);
    const int band = larger(smaller(by_budget, by_count), least);
    if (band < p.band) p.band = band;
  }
  p.bands = (p.rows.domain + p.band - 1) / p.band;
  if (p.bands > 1) p.images = 1;
  p.chunks = (s.n + p.images - 1) / p.images * p.bands;
  const int staged_rows = p.bands > 1 ? p.band + p.rows.max_offset : p.rows.pitch;
  p.image_pitch = staged_rows * p.row_pitch;
  const std::int64_t flat =
      std::int64_t{p.images - 1} * p.image_pitch + std::int64_t{p.band - 1} * p.row_pitch + p.columns.domain;
  p.length = round_up(flat, block);
  std::int64_t extent = p.rows.max_offset * std::int64_t{p.row_pitch} + p.columns.max_offset + p.length;
  const std::int64_t whole = std::int64_t{p.images} * p.image_pitch;
  if (extent < whole) extent = whole;
  p.phase_stride = round_up(extent, 16) + 16;
  p.plane_stride = p.phase_stride * p.used_phases;
  return p;
}

/// The taps of every set, ordered by set; set i's are [begins[i], begins[i + 1]).
inline void list_taps(const FlatPlan& p, FlatTap* taps, int* begins) {
  int count = 0;
  const FlatAxis &h = p.rows, &w = p.columns;
  // Numbers the phases that have taps, in order.
  const auto used = [](const FlatAxis& a, int phase) {
    int index = 0;
    for (int f = 0; f < phase; ++f)
      for (int r = 0; r < a.kernel; ++r)
        if (a.phase_of(r) == f) {
          ++index;
          break;
        }
    return index;
  };
  const int phases_w = used(w, w.phases);
  for (int a = 0; a < h.sets; ++a)
    for (int b = 0; b < w.sets; ++b) {
      begins[a * w.sets + b] = count;
      for (int r = 0; r < h.kernel; ++r)
        for (int s = 0; s < w.kernel; ++s)
          if (h.set_of(r) == a && w.set_of(s) == b)
            taps[count++] = {used(h, h.phase_of(r)) * phases_w + used(w, w.phase_of(s)), h.offset_of(r), w.offset_of(s),
                             r * w.kernel + s};
    }
  begins[h.sets * w.sets] = count;
}

/// Which images and flat rows a chunk is.
struct FlatChunk {
  int image, images, row, rows;
};
inline FlatChunk flat_chunk(const FlatPlan& p, int n, std::int64_t chunk) {
  FlatChunk c{};
  c.image = static_cast<int>(chunk / p.bands) * p.images;
  c.images = smaller(p.images, n - c.image);
  c.row = static_cast<int>(chunk % p.bands) * p.band;
  c.rows = smaller(p.band, p.rows.domain - c.row);
  return c;
}

/// Copies one group's source planes, [image][planes of all groups][h][w] at `source` (already at the group's first plane),
/// to staged[plane][phase][image][row][column], zeros everywhere else.
template <class T>
inline void stage(const FlatPlan& p, const FlatChunk& chunk, const T* source, int all_planes, T* staged) {
  const FlatAxis &h = p.rows, &w = p.columns;
  const std::int64_t area = std::int64_t{h.source} * w.source;
  const int staged_rows = p.image_pitch / p.row_pitch;
  for (int plane = 0; plane < p.planes; ++plane) {
    int phase = 0;
    for (int f = 0; f < h.phases; ++f) {
      bool row_phase_used = false;
      for (int r = 0; r < h.kernel; ++r) row_phase_used |= h.phase_of(r) == f;
      if (!row_phase_used) continue;
      for (int g = 0; g < w.phases; ++g) {
        bool used = false;
        for (int r = 0; r < w.kernel; ++r) used |= w.phase_of(r) == g;
        if (!used) continue;
        T* to = staged + plane * p.plane_stride + phase++ * p.phase_stride;
        T* const to_end = to + p.phase_stride;
        const int begin = smaller(w.begin(g), p.row_pitch), end = larger(begin, smaller(w.end(g), p.row_pitch));
        for (int image = 0; image < chunk.images; ++image) {
          const T* from = source + (std::int64_t{chunk.image + image} * all_planes + plane) * area;
          for (int i = 0; i < staged_rows; ++i, to += p.row_pitch) {
            const int y = (chunk.row + i) * h.step + f - h.pad;
            if (y < 0 || y >= h.source) {
              __builtin_memset(to, 0, sizeof(T) * p.row_pitch);
              continue;
            }
            const T* row = from + std::int64_t{y} * w.source + g - w.pad;
            for (int j = 0; j < begin; ++j) to[j] = 0;
            if (w.step == 1)
              __builtin_memcpy(to + begin, row + begin, sizeof(T) * (end - begin));
            else if (w.step == 2)
              for (int j = begin; j < end; ++j) to[j] = row[2 * j];
            else
              for (int j = begin; j < end; ++j) to[j] = row[std::int64_t{j} * w.step];
            for (int j = end; j < p.row_pitch; ++j) to[j] = 0;
          }
        }
        __builtin_memset(to, 0, sizeof(T) * (to_end - to));
      }
    }
  }
}

}  // namespace
}  // namespace heddle::kernels
