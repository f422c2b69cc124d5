// Winograd convolution F(4x4, 3x3), forward and gradient of the input: 3 x 3, stride 1, dilation 1, float.
//
// x [n][c][h][w] -> v [36][c][tile] -> m [36][k][tile] = u [36][k][c] v -> y [n][k][h][w], a block of tiles at a time, small
// enough that v and m stay in the second-level cache; blocks are shared among threads. The gradient of x is the same
// with dy in place of x and the weights turned by half a turn and transposed.
//
// 36 multiplications make 16 outputs where the definition takes 144: a quarter, plus the transforms (about a third as long as
// the multiplications at 32 channels). Bytes: x once, y once, and u once a block, from cache.
//
// A batch norm behind it gets the moments of what a block wrote, taken while that lies in cache: a pass over memory less.
// In inference (conv_inference.hpp) u is what weights are prepared to, and the norm is applied to outputs in registers.
#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/conv_choice.hpp"
#include "kernels/conv/conv_inference.hpp"
#include "kernels/conv/winograd_filters.hpp"
#include "kernels/conv/winograd_multiply.hpp"
#include "kernels/conv/winograd_tiles.hpp"
#include "kernels/norm/pair_sums.hpp"

namespace heddle::kernels {
namespace {

struct Plan {
  TileGrid in, out;
  int c, k;                               // source and output channels
  std::int64_t tile_rows, block, blocks;  // rows of tiles: all, of a block; number of blocks
  int groups;                             // of tiles, of a block
  int slice;                              // output channels that m holds at a time: as many blocks of the multiplication as fit
  std::int64_t u_points, v_points, m_points;       // elements from point to point
  std::size_t m, in_table, out_table, per_worker;  // bytes; a worker's memory begins with v

  Plan(const ConvShape& s, ConvPass pass) {
    const bool forward = pass == ConvPass::forward;
    const int rows = ((forward ? s.out_h() : s.h) + 3) / 4, columns = ((forward ? s.out_w() : s.w) + 3) / 4;
    in = forward ? TileGrid{s.h, s.w, s.pad_h, 1 - s.pad_w, rows, columns}
                 : TileGrid{s.out_h(), s.out_w(), 2 - s.pad_h, s.pad_w - 1, rows, columns};
    out = forward ? TileGrid{s.out_h(), s.out_w(), 0, 0, rows, columns} : TileGrid{s.h, s.w, 0, 0, rows, columns};
    c = forward ? s.c : s.k, k = forward ? s.k : s.c;
    tile_rows = std::int64_t{s.n} * rows;
    // v takes a third of a megabyte, and no block is larger than a 16th of the work unless that is very small. Filters that do
    // not stay in the second-level cache are read again for every block: v takes twice as much for more than the least block,
    // and m half.
    constexpr std::int64_t tile = points * sizeof(float);
    const bool many = tile * c * k > (512 << 10);
    block = out.block_rows((many ? 640 << 10 : 320 << 10) / (tile * c), tile_rows * columns / 16);
    if (block > tile_rows) block = tile_rows;
    blocks = (tile_rows + block - 1) / block;
    groups = static_cast<int>((block * columns + width - 1) / width);
    const std::int64_t fit = (many && groups > 2 ? 160 << 10 : 320 << 10) / (tile * groups * width);
    slice = 0;
    for (int i = 0; slice < k && (i == 0 || slice + even_block(k, block_channels, i) <= fit); ++i)
      slice += even_block(k, block_channels, i);
    // Points lie a line more apart than they must, lest they all meet in the same sets of the first-level cache.
    u_points = std::int64_t{c} * k + width;
    v_points = std::int64_t{groups} * width * c + width, m_points = std::int64_t{groups} * width * slice + width;
    m = aligned(sizeof(float) * points * v_points);
    in_table = m + aligned(sizeof(float) * points * m_points);
    out_table = in_table + aligned(TileBlock<6>::bytes(groups));
    per_worker = out_table + aligned(TileBlock<4>::bytes(groups));
  }
  std::size_t u_bytes() const { return aligned(sizeof(float) * points * u_points); }
  std::size_t worker_bytes() const { return per_worker * get_num_threads(); }
};

// Workspace: u, then each worker's memory.
std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  const Plan p(shape, pass);
  return p.u_bytes() + p.worker_bytes();
}

// What is done to outputs of one channel before they are stored.
struct PlusBias {
  float bias;
  HD_INLINE Floats operator()(Floats z) const { return z + bias; }
};
struct ThroughRelu {
  float bias, low;
  HD_INLINE Floats operator()(Floats z) const { return at_least(z + bias, broadcast(low)); }
};
struct ThroughNorm {
  float bias, low_before, mean, scale, shift, low_after;
  HD_INLINE Floats operator()(Floats z) const {
    return at_least((at_least(z + bias, broadcast(low_before)) - mean) * scale + shift, broadcast(low_after));
  }
};

// Moments of what rows [begin, end) of tiles wrote of channel k.
PartialMoments<float> moments_of(const Plan& p, const float* output, std::int64_t begin, std::int64_t end, int k) {
  PairSums<float> sums;
  float shift = 0;
  double count = 0;
  const std::int64_t rows = p.out.rows;
  for (std::int64_t row = begin, next; row < end; row = next) {
    const std::int64_t image = row / rows, first = 4 * (row % rows);
    next = (image + 1) * rows < end ? (image + 1) * rows : end;
    const std::int64_t last = first + 4 * (next - row) < p.out.h ? first + 4 * (next - row) : p.out.h;
    const float* from = output + (image * p.k + k) * p.out.area() + first * p.out.w;
    for (std::int64_t left = (last - first) * p.out.w; left > 0; left -= piece_size, from += piece_size) {
      const int size = static_cast<int>(left < piece_size ? left : piece_size);
      const auto element = [from](int i, auto part) HD_INLINE_LAMBDA { return load_part(from + i, part); };
      if (count == 0) {
        PairSums<float> few;
        const int some = size < 128 ? size : 128;
        few.add_distances(some, 0, element);
        few.flush();
        shift = static_cast<float>(few.total_a / some);
      }
      sums.add_distances(size, shift, element);
      count += size;
    }
  }
  sums.flush();
  const double distance = sums.total_a / count, squares = sums.total_b - distance * sums.total_a;
  return {static_cast<float>(count), static_cast<float>(shift + distance), static_cast<float>(squares > 0 ? squares : 0)};
}

// Rows [begin, end) of tiles: v, then by slices of output channels m and the outputs. end_of(k) is what ends channel k,
// written(k) is called when it is written.
template <int run>
void convolve_block(const Plan& p, const TileBlock<6>& in, const TileBlock<4>& out, const float* source, const float* u,
                    const auto& end_of, const auto& written, float* v, float* m, float* output) {
  for (int c = 0; c < p.c; ++c)
    for (int g = 0; g < p.groups; ++g)
      transform_group<6, run>(in, source + c * p.in.area(), g, v + pair_offset(p.groups, p.c, g, c), p.v_points, nullptr,
                              2 * p.in.area() * sizeof(float));
  each_slice(
      p.k, p.slice, [&](int block, int k0, int channels) __attribute__((always_inline)) {
        for (int i = 0; i < points; ++i)
          multiply_tiles(p.groups, p.c, p.k, block, channels, v + i * p.v_points, u + i * p.u_points + std::int64_t{k0} * p.c,
                         m + i * p.m_points);
        for (int k = 0; k < channels; ++k) {
          for (int g = 0; g < p.groups; ++g)
            finish_group<run>(out, m + pair_offset(p.groups, channels, g, k), p.m_points, end_of(k0 + k),
                              output + (k0 + k) * p.out.area(), g, 2 * p.out.area() * sizeof(float));
          written(k0 + k);
        }
      });
}

// moments [k, blocks] where not null. `backwards`: from the last block to the first.
void convolve(const Plan& p, const float* source, const float* u, const auto& end_of, float* output, char* rooms,
              bool backwards = false, PartialMoments<float>* moments = nullptr) {
  with_run(p.in, p.out, [&](auto run) {
    parallel_chunks(p.blocks, [&](std::int64_t chunk, int worker) {
      const std::int64_t index = backwards ? p.blocks - 1 - chunk : chunk;
      char* const mine = rooms + worker * p.per_worker;
      const std::int64_t begin = index * p.block, end = begin + p.block < p.tile_rows ? begin + p.block : p.tile_rows;
      const TileBlock<6> in(p.in, p.c, begin, end, p.groups, mine + p.in_table);
      const TileBlock<4> out(p.out, p.k, begin, end, p.groups, mine + p.out_table);
      const auto written = [&](int k) HD_INLINE_LAMBDA {
        if (moments) moments[k * p.blocks + index] = moments_of(p, output, begin, end, k);
      };
      convolve_block<run>(p, in, out, source, u, end_of, written, reinterpret_cast<float*>(mine),
                          reinterpret_cast<float*>(mine + p.m), output);
    });
  });
}

void convolve(const ConvShape& s, ConvPass pass, const float* source, const float* weight, const float* bias, float* output,
              void* workspace) {
  const Plan p(s, pass);
  auto* const u = static_cast<float*>(workspace);
  transform_weights(s, pass, weight, p.u_points, u);
  convolve(
      p, source, u, [bias](int k) HD_INLINE_LAMBDA { return PlusBias{bias ? bias[k] : 0}; }, output,
      static_cast<char*>(workspace) + p.u_bytes(), pass == ConvPass::grad_input);
}

void forward(Stream, const ConvShape& s, const float* x, const float* weight, const float* bias, float* y, void* workspace) {
  convolve(s, ConvPass::forward, x, weight, bias, y, workspace);
}
int moment_parts(const ConvShape& s, bool drops) {
  return drops ? 0 : static_cast<int>(Plan(s, ConvPass::forward).blocks);
}
void forward_to_norm(Stream, const ConvShape& s, const NormFusion& fusion, const float* x, const float* weight,
                     const float* bias, float* y, PartialMoments<float>* moments, void* workspace) {
  const Plan p(s, ConvPass::forward);
  auto* const u = static_cast<float*>(workspace);
  char* const rooms = static_cast<char*>(workspace) + p.u_bytes();
  transform_weights(s, ConvPass::forward, weight, p.u_points, u);
  const float low = fusion.relu_before ? 0 : -std::numeric_limits<float>::infinity();
  convolve(
      p, x, u,
      [=](int k) HD_INLINE_LAMBDA {
        return ThroughRelu{bias ? bias[k] : 0, low};
      },
      y, rooms, false, moments);
}
void grad_input(Stream, const ConvShape& s, const float* dy, const float* weight, float* dx, void* workspace) {
  convolve(s, ConvPass::grad_input, dy, weight, nullptr, dx, workspace);
}

std::size_t prepared_bytes(const ConvShape& s) {
  return Plan(s, ConvPass::forward).u_bytes();
}
void prepare(Stream, const ConvShape& s, const float* weight, void* prepared) {
  transform_weights(s, ConvPass::forward, weight, Plan(s, ConvPass::forward).u_points, static_cast<float*>(prepared));
}
std::size_t inference_workspace(const ConvShape& s) {
  return Plan(s, ConvPass::forward).worker_bytes();
}
void inference(Stream, const ConvShape& s, const float* x, const void* prepared, const float* bias, const ConvEpilogue& e,
               float* y, void* workspace) {
  const Plan p(s, ConvPass::forward);
  const auto* u = static_cast<const float*>(prepared);
  auto* const rooms = static_cast<char*>(workspace);
  if (e.mean)
    convolve(
        p, x, u,
        [&](int k) HD_INLINE_LAMBDA {
          return ThroughNorm{bias ? bias[k] : 0, e.low_before, e.mean[k], e.scale[k], e.shift[k], e.low_after};
        },
        y, rooms);
  else
    convolve(
        p, x, u, [bias](int k) HD_INLINE_LAMBDA { return PlusBias{bias ? bias[k] : 0}; }, y, rooms);
}

bool serves(const ConvShape& s, ConvPass pass) {
  return pass != ConvPass::grad_weight && s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.dilation_w == 1 && s.pad_h <= 2 && s.pad_w <= 2 && s.groups == 1;
}

bool inference_serves(const ConvShape& s) {
  return winograd_pays(s) && !by_images(s) && serves(s, ConvPass::forward);
}

constexpr ConvAlgorithm<float, WinogradConv> table{serves,
                                                   {workspace, forward, grad_input, nullptr, moment_parts, forward_to_norm}};
constexpr ConvInferenceKernels inference_table{inference_serves, prepared_bytes, prepare, inference_workspace, inference};

}  // namespace

template <>
const ConvAlgorithm<float, WinogradConv>& CpuTable<this_isa, ConvAlgorithm<float, WinogradConv>>::get(Variant) {
  return table;
}
template <>
const ConvInferenceKernels& CpuTable<this_isa, ConvInferenceKernels>::get(Variant) {
  return inference_table;
}

#if HEDDLE_ISA_IS_BASE
const ConvInferenceKernels& ConvInferenceKernels::cpu() {
  return cpu_table<ConvInferenceKernels>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
