// How group normalization is shared out among the threads of a GPU: rows, segments and teams, for group_norm_cuda.cu.
#pragma once

#include <algorithm>

#include "kernels/norm/norm_device.cuh"

namespace heddle::kernels {
namespace {

constexpr int most_threads = 512, segment_size = 1024;

// Planes of one element are the same as one plane of the whole row with an affine map by element, and dropping planes is
// dropping elements.
GroupNormShape folded(const GroupNormShape& s) {
  if (s.inner != 1) return s;
  return {s.n, s.groups, s.c / s.groups, s.groups, s.affine == Affine::none ? Affine::none : Affine::element};
}
NormFusion folded(const GroupNormShape& s, NormFusion fusion) {
  if (s.inner == 1) fusion.before.planes = fusion.after.planes = false;
  return fusion;
}

struct RowPlan {
  std::int64_t rows, inner;
  int groups, channels;  // channels: in a row
  int part, parts;       // elements of a plane in a segment (the last may have fewer), segments in a plane
  int lanes;             // of a team
  int row_threads, rows_per_block;
  bool by_element;

  HD_HOST_DEVICE std::int64_t size() const { return channels * inner; }
};

RowPlan plan_of(const GroupNormShape& s, int width) {
  RowPlan p{s.rows(), s.inner, s.groups, s.c / s.groups, 1, 1, 32, 32, 1, s.affine == Affine::element};
  p.part = static_cast<int>(std::min<std::int64_t>(s.inner, segment_size));
  p.parts = static_cast<int>((s.inner + p.part - 1) / p.part);
  while (p.lanes > 1 && p.lanes * width * 2 > p.part) p.lanes /= 2;
  const std::int64_t warps = (std::int64_t{p.channels} * p.parts * p.lanes + 31) / 32;
  p.row_threads =
      32 * static_cast<int>(std::min<std::int64_t>(warps, s.row_size() > 16 * segment_size ? most_threads / 32 : 8));
  p.rows_per_block = std::max(1, 256 / p.row_threads);
  return p;
}

// The thread's place: which row, and which of the row's segments.
struct Place {
  int slot, thread, lane, team, teams;
  std::int64_t row;
  bool valid;

  HD_DEVICE explicit Place(const RowPlan& p) {
    slot = static_cast<int>(threadIdx.x) / p.row_threads;
    thread = static_cast<int>(threadIdx.x) % p.row_threads;
    lane = thread % p.lanes;
    team = thread / p.lanes;
    teams = p.row_threads / p.lanes;
    row = std::int64_t{blockIdx.x} * p.rows_per_block + slot;
    valid = row < p.rows;
  }
  // Calls begin(channel), unit(offset within the row) for every V elements, end(segment) for each of this team's segments;
  // end is called by all lanes of a warp together.
  template <int V, class Begin, class Unit, class End>
  HD_DEVICE void each(const RowPlan& p, Begin begin, Unit unit, End end) const {
    const int segments = p.channels * p.parts;
    for (int first = 0; first < segments; first += teams) {
      const int segment = first + team;
      if (valid && segment < segments) {
        const int channel = segment / p.parts;
        const std::int64_t from = std::int64_t{segment % p.parts} * p.part;
        const int count = static_cast<int>(p.inner - from < p.part ? p.inner - from : p.part);
        begin(channel);
        HD_UNROLL
        for (int i = lane * V; i < count; i += p.lanes * V) unit(channel * p.inner + from + i);
      }
      end(segment);
    }
  }
};

// Where a thread leaves what it has read of its row for itself, in shared memory. Eight elements go to two halves of the row's
// place, so that neighbouring threads' accesses of 16 bytes lie side by side.
template <class T>
struct RowCache {
  T* row;
  std::int64_t size;

  HD_DEVICE RowCache(simt::Carver& carver, const RowPlan& p, const Place& place, bool used)
      : row(carver.template take<T>(used ? static_cast<std::size_t>(p.rows_per_block * p.size()) : 0) +
            (used ? place.slot * p.size() : 0)),
        size(p.size()) {}
  template <int V>
  HD_DEVICE void store(std::int64_t i, const simt::Vec<T, V>& v) const {
    if constexpr (V <= 4) {
      simt::store_vec(row + i, v);
    } else {
      simt::store_vec(row + i / 2, simt::Vec<T, 4>{v[0], v[1], v[2], v[3]});
      simt::store_vec(row + (i + size) / 2, simt::Vec<T, 4>{v[4], v[5], v[6], v[7]});
    }
  }
  template <int V>
  HD_DEVICE simt::Vec<T, V> load(std::int64_t i) const {
    if constexpr (V <= 4) {
      return simt::load_vec<V>(row + i);
    } else {
      const auto low = simt::load_vec<4>(row + i / 2), high = simt::load_vec<4>(row + (i + size) / 2);
      return {low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]};
    }
  }
};

// Sums of the threads of a row, for all of them; `shared` holds a pair for each warp and is free again after the next barrier.
HD_DEVICE inline DoublePair row_sum(const RowPlan& p, const Place& place, DoublePair mine, DoublePair* shared) {
  for (int offset = 16; offset > 0; offset /= 2) {
    mine.a += __shfl_xor_sync(simt::full_warp, mine.a, offset);
    mine.b += __shfl_xor_sync(simt::full_warp, mine.b, offset);
  }
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  const int warps = p.row_threads / 32;
  DoublePair sum = shared[place.slot * warps];
  for (int w = 1; w < warps; ++w) sum.a += shared[place.slot * warps + w].a, sum.b += shared[place.slot * warps + w].b;
  return sum;
}

template <class T, int V>
HD_DEVICE AffineMap<T, V> map_of(const RowPlan& p, const T* gamma, const T* beta, std::int64_t first_plane, std::int64_t offset,
                                 int channel, T mean, T rstd) {
  AffineMap<T, V> map{mean, {}, {}};
  if (p.by_element) {
    const std::int64_t at = first_plane % (std::int64_t{p.groups} * p.channels) * p.inner + offset;
    map.scale = simt::load_vec<V>(gamma + at);
    map.bias = simt::load_vec<V>(beta + at);
    for (int j = 0; j < V; ++j) map.scale[j] *= rstd;
  } else {
    const std::int64_t at = first_plane % (std::int64_t{p.groups} * p.channels) + channel;
    for (int j = 0; j < V; ++j) map.scale[j] = gamma ? rstd * gamma[at] : rstd, map.bias[j] = beta ? beta[at] : T(0);
  }
  return map;
}

}  // namespace
}  // namespace heddle::kernels
