// Direct convolution, gradient of the weights, for every shape: dot products of flat arrays (flat_plan.hpp).
//
// dweight[k][c][tap] = sum over images and t of dy[k][t] * staged x[c][t + offset(tap)]
//
// dy is staged too, in the same pitch, with zeros where the flat array has no output, and interleaved by vectors so that a
// block of k is one stream: [t / lanes][k][lanes]. A block is up to 6 k by 4 taps (3 by 3 where there are 16 registers).
// Chunks are dealt to at most 32 parts, in order; each part adds up its own gradient and the parts are added in order, so the
// result depends on the shape alone, never on the number of threads.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/flat_plan.hpp"
#include "kernels/conv/register_block.hpp"

namespace heddle::kernels {
namespace {

template <class T>
struct Layout {
  FlatPlan plan;
  std::int64_t parts, part_size;                                         // elements
  std::size_t taps, begins, offsets, partials, scratch, dy, per_worker;  // bytes

  explicit Layout(const ConvShape& s)
      : plan(flat_plan(s, ConvPass::grad_weight, lanes<T>, (384 << 10) / static_cast<int>(sizeof(T)))) {
    part_size = s.w_size() + s.k;
    const std::int64_t memory = (16 << 20) / static_cast<std::int64_t>(sizeof(T)) / part_size;
    parts = memory < 8 ? 8 : memory > 32 ? 32 : memory;
    if (parts > plan.chunks) parts = plan.chunks;
    taps = 0;
    begins = round_up(taps + sizeof(FlatTap) * plan.taps, 64);
    offsets = round_up(begins + sizeof(int) * 2, 64);
    partials = round_up(offsets + sizeof(int) * plan.taps, 64);
    scratch = round_up(partials + sizeof(T) * parts * part_size, 64);
    dy = round_up(sizeof(T) * plan.staged_size(), 64);
    per_worker = dy + round_up(sizeof(T) * plan.outputs * plan.length, 64);
  }
  std::size_t bytes() const { return scratch + per_worker * get_num_threads(); }
};

template <class T>
std::size_t workspace(const ConvShape& shape, ConvPass) {
  return Layout<T>(shape).bytes();
}

// One group's dy to staged[t / lanes][k][t % lanes].
template <class T>
void stage_dy(const FlatPlan& p, const FlatChunk& chunk, const T* dy, int all_planes, T* staged) {
  constexpr int width = lanes<T>;
  const int columns = p.columns.domain;
  __builtin_memset(staged, 0, sizeof(T) * p.outputs * p.length);
  for (int image = 0; image < chunk.images; ++image)
    for (int k = 0; k < p.outputs; ++k) {
      const T* plane = dy + ((std::int64_t{chunk.image + image} * all_planes + k) * p.rows.domain + chunk.row) * columns;
      for (int i = 0; i < chunk.rows; ++i) {
        std::int64_t t = std::int64_t{image} * p.image_pitch + i * p.row_pitch;
        for (const T *from = plane + std::int64_t{i} * columns, *end = from + columns; from < end;) {
          T* to = staged + (t / width * p.outputs + k) * width + t % width;
          const int space = static_cast<int>(width - t % width), left = static_cast<int>(end - from);
          const int count = smaller(space, left);
          if (count == width)
            store<T>(to, load(from));
          else
            for (int j = 0; j < count; ++j) to[j] = from[j];
          from += count, t += count;
        }
      }
    }
}

template <class T>
void grad_weight(Stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void* workspace) {
  constexpr int width = lanes<T>;
  const Layout<T> layout(s);
  const FlatPlan& p = layout.plan;
  char* const base = static_cast<char*>(workspace);
  auto* taps = reinterpret_cast<FlatTap*>(base + layout.taps);
  auto* offsets = reinterpret_cast<int*>(base + layout.offsets);
  auto* partials = reinterpret_cast<T*>(base + layout.partials);
  list_taps(p, taps, reinterpret_cast<int*>(base + layout.begins));
  for (int j = 0; j < p.taps; ++j) offsets[j] = p.offset(taps[j]);
  const int columns = p.planes * p.taps;  // of a row of the group's gradient

  parallel_chunks(layout.parts, [&](std::int64_t part, int worker) {
    T* const staged = reinterpret_cast<T*>(base + layout.scratch + worker * layout.per_worker);
    T* const staged_dy = reinterpret_cast<T*>(base + layout.scratch + worker * layout.per_worker + layout.dy);
    T* const gradient = partials + part * layout.part_size;
    __builtin_memset(gradient, 0, sizeof(T) * layout.part_size);
    for (std::int64_t index = part * p.chunks / layout.parts; index < (part + 1) * p.chunks / layout.parts; ++index) {
      const FlatChunk chunk = flat_chunk(p, s.n, index);
      for (int g = 0; g < p.groups; ++g) {
        stage(p, chunk, x + std::int64_t{g} * p.planes * s.h * s.w, s.c, staged);
        stage_dy(p, chunk, dy + std::int64_t{g} * p.outputs * s.out_h() * s.out_w(), s.k, staged_dy);
        for (int j = 0; j < columns; j += dot_columns) {
          const T* from[dot_columns];
          for (int i = 0; i < dot_columns; ++i) {
            const int column = smaller(j + i, columns - 1);
            from[i] = staged + column / p.taps * p.plane_stride + offsets[column % p.taps];
          }
          for (int k = 0; k < p.outputs; k += dot_rows)
            dot_block<T>(smaller(dot_rows, p.outputs - k), p.length / width, staged_dy + k * width, p.outputs * width, from,
                         columns - j, gradient + std::int64_t{g * p.outputs + k} * columns + j, columns);
        }
        if (!dbias) continue;
        for (int k = 0; k < p.outputs; ++k) {
          Vec<T> total{};
          for (std::int64_t t = 0; t < p.length / width; ++t) total += load(staged_dy + (t * p.outputs + k) * width);
          gradient[s.w_size() + g * p.outputs + k] += lane_sum<T>(total);
        }
      }
    }
  });
  parallel_for(dbias ? layout.part_size : s.w_size(), 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T total = partials[i];
      for (std::int64_t part = 1; part < layout.parts; ++part) total += partials[part * layout.part_size + i];
      (i < s.w_size() ? dweight[i] : dbias[i - s.w_size()]) = total;
    }
  });
}

bool serves(const ConvShape&, ConvPass pass) {
  return pass == ConvPass::grad_weight;
}

template <class T>
constexpr ConvAlgorithm<T, DirectWeightConv> table{serves, {workspace<T>, nullptr, nullptr, grad_weight<T>}};

}  // namespace

template <>
const ConvAlgorithm<float, DirectWeightConv>& CpuTable<this_isa, ConvAlgorithm<float, DirectWeightConv>>::get(Variant) {
  return table<float>;
}
template <>
const ConvAlgorithm<double, DirectWeightConv>& CpuTable<this_isa, ConvAlgorithm<double, DirectWeightConv>>::get(Variant) {
  return table<double>;
}

}  // namespace heddle::kernels
