// Direct convolution, forward and gradient of the input, for every shape: flat correlation (flat_plan.hpp) by register
// blocks. The gradient of the weights is conv_direct_weight_cpu.cpp's.
//
// out[m][t] = bias[m] + sum over planes i and taps j of a[i][j][m] * staged[i][t + offset(j)]
//
// A block is up to 6 output planes by 4 vectors of t (6 by 2 where there are 16 registers), held in registers over the whole
// sum: each step loads 4 vectors, broadcasts 6 weights, and multiplies 24 times. Weights are packed in that order. The staged
// planes and flat outputs of a chunk stay in the second-level cache; x is read once and y written once.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/flat_plan.hpp"
#include "kernels/conv/register_block.hpp"

namespace heddle::kernels {
namespace {

template <class T>
constexpr int block_of = block_vectors* lanes<T>;

// Where a call's workspace holds what.
template <class T>
struct Layout {
  FlatPlan plan;
  std::size_t taps, begins, offsets, packed, scratch, per_worker;  // bytes

  Layout(const ConvShape& s, ConvPass pass) : plan(flat_plan(s, pass, block_of<T>, (384 << 10) / static_cast<int>(sizeof(T)))) {
    taps = 0;
    begins = round_up(taps + sizeof(FlatTap) * plan.taps, 64);
    offsets = round_up(begins + sizeof(int) * (plan.rows.sets * plan.columns.sets + 1), 64);
    packed = round_up(offsets + sizeof(int) * plan.taps, 64);
    scratch = round_up(packed + sizeof(T) * s.w_size(), 64);
    per_worker = round_up(sizeof(T) * (plan.staged_size() + plan.outputs * plan.length), 64);
  }
  std::size_t bytes() const { return scratch + per_worker * get_num_threads(); }
};

template <class T>
std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  return Layout<T>(shape, pass).bytes();
}

// packed[group][set][block of m][plane][tap of the set][m of the block]; weight [k][c / groups][kh * kw].
template <class T>
void pack(const FlatPlan& p, const FlatTap* taps, const int* begins, const T* weight, T* packed) {
  const bool transposed = p.rows.transposed;
  const std::int64_t m_step = transposed ? p.taps : std::int64_t{p.planes} * p.taps;
  const std::int64_t i_step = transposed ? std::int64_t{p.outputs} * p.taps : p.taps;
  const int sets = p.rows.sets * p.columns.sets;
  for (int g = 0; g < p.groups; ++g) {
    const T* w = weight + std::int64_t{g} * p.planes * p.outputs * p.taps;
    for (int set = 0; set < sets; ++set)
      for (int block = 0, m0 = 0; m0 < p.outputs; ++block) {
        const int count = row_block(p.outputs, block);
        for (int i = 0; i < p.planes; ++i)
          for (int j = begins[set]; j < begins[set + 1]; ++j)
            for (int m = m0; m < m0 + count; ++m) *packed++ = w[m * m_step + i * i_step + taps[j].weight];
        m0 += count;
      }
  }
}

// Flat outputs to output planes: rows are cut to what lies inside, and spread where the set has every stride-th position.
template <class T>
void unstage(const FlatPlan& p, const FlatChunk& chunk, int set, const T* flat, int all_planes, T* out) {
  const FlatAxis &h = p.rows, &w = p.columns;
  const int shift_h = set / w.sets + h.out_shift, shift_w = set % w.sets + w.out_shift;
  int begin = 0, end = w.domain;
  while (begin < end && begin * w.out_step + shift_w < 0) ++begin;
  while (end > begin && (end - 1) * w.out_step + shift_w >= w.out) --end;
  for (int image = 0; image < chunk.images; ++image)
    for (int m = 0; m < p.outputs; ++m) {
      T* plane = out + (std::int64_t{chunk.image + image} * all_planes + m) * h.out * w.out;
      for (int i = 0; i < chunk.rows; ++i) {
        const int y = (chunk.row + i) * h.out_step + shift_h;
        if (y < 0 || y >= h.out) continue;
        const T* from = flat + m * p.length + std::int64_t{image} * p.image_pitch + i * p.row_pitch;
        T* to = plane + std::int64_t{y} * w.out + shift_w;
        if (w.out_step == 1)
          __builtin_memcpy(to + begin, from + begin, sizeof(T) * (end - begin));
        else
          for (int j = begin; j < end; ++j) to[std::int64_t{j} * w.out_step] = from[j];
      }
    }
}

template <class T>
void correlate(const ConvShape& s, ConvPass pass, const T* source, const T* weight, const T* bias, T* out, void* workspace) {
  const Layout<T> layout(s, pass);
  const FlatPlan& p = layout.plan;
  char* const base = static_cast<char*>(workspace);
  auto* taps = reinterpret_cast<FlatTap*>(base + layout.taps);
  auto* begins = reinterpret_cast<int*>(base + layout.begins);
  auto* offsets = reinterpret_cast<int*>(base + layout.offsets);
  auto* packed = reinterpret_cast<T*>(base + layout.packed);
  list_taps(p, taps, begins);
  for (int j = 0; j < p.taps; ++j) offsets[j] = p.offset(taps[j]);
  pack(p, taps, begins, weight, packed);
  const int sets = p.rows.sets * p.columns.sets;

  parallel_chunks(p.chunks, [&](std::int64_t index, int worker) {
    T* const staged = reinterpret_cast<T*>(base + layout.scratch + worker * layout.per_worker);
    T* const flat = staged + p.staged_size();
    const FlatChunk chunk = flat_chunk(p, s.n, index);
    const T* a = packed;
    for (int g = 0; g < p.groups; ++g) {
      const std::int64_t in_area = std::int64_t{p.rows.source} * p.columns.source;
      const std::int64_t out_area = std::int64_t{p.rows.out} * p.columns.out;
      stage(p, chunk, source + g * p.planes * in_area, p.planes * p.groups, staged);
      for (int set = 0; set < sets; ++set) {
        const int count = begins[set + 1] - begins[set];
        for (std::int64_t t = 0; t < p.length; t += block_of<T>) {
          const T* block_a = a;
          for (int block = 0, m = 0; m < p.outputs; ++block) {
            const int rows = row_block(p.outputs, block);
            correlate_block<T>(rows, p.planes, count, offsets + begins[set], block_a, staged + t, p.plane_stride,
                               bias ? bias + g * p.outputs + m : nullptr, flat + m * p.length + t, p.length);
            block_a += std::int64_t{rows} * p.planes * count;
            m += rows;
          }
        }
        a += std::int64_t{p.outputs} * p.planes * count;
        unstage(p, chunk, set, flat, p.outputs * p.groups, out + g * p.outputs * out_area);
      }
    }
  });
}

template <class T>
void forward(Stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void* workspace) {
  correlate(s, ConvPass::forward, x, weight, bias, y, workspace);
}
template <class T>
void grad_input(Stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void* workspace) {
  correlate<T>(s, ConvPass::grad_input, dy, weight, nullptr, dx, workspace);
}

bool serves(const ConvShape&, ConvPass pass) {
  return pass != ConvPass::grad_weight;
}

template <class T>
constexpr ConvAlgorithm<T, DirectConv> table{serves, {workspace<T>, forward<T>, grad_input<T>, nullptr}};

}  // namespace

template <>
const ConvAlgorithm<float, DirectConv>& CpuTable<this_isa, ConvAlgorithm<float, DirectConv>>::get(Variant) {
  return table<float>;
}
template <>
const ConvAlgorithm<double, DirectConv>& CpuTable<this_isa, ConvAlgorithm<double, DirectConv>>::get(Variant) {
  return table<double>;
}

}  // namespace heddle::kernels
