// The kernels behind planted.hpp. Each takes its bug as a template argument, so that the correct kernel beside it is the
// same text.
#include "tests/simt/planted.hpp"

#include <cmath>

#include "kernels/simt/runtime.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::simt::planted {
namespace {

// y[block] = sum of x[block] and, a round later, of its squares: two rounds through the same shared memory.
template <Bug B> HD_KERNEL void reduce_kernel(const float* x, float* y) {
  HD_SHARED(float, partial, [256]);
  const unsigned t = threadIdx.x, n = blockDim.x;
  const float value = x[blockIdx.x * n + t];
  for (int round = 0; round < 2; ++round) {
    partial[B == Bug::overrun_static ? t + 256 - n + 1 : t] = round == 0 ? value : value * value;
    if (B != Bug::missing_barrier) __syncthreads();
    float sum = 0;
    for (unsigned i = 0; i < n; ++i) sum += partial[B == Bug::overrun_static ? i + 256 - n + 1 : i];
    if (B != Bug::missing_trailing_barrier) __syncthreads();
    y[(blockIdx.x * 2 + static_cast<unsigned>(round)) * n + t] = sum;
  }
}

// y[i] = x[i] + 1 tile by tile; what a thread adds to was copied by its neighbour.
template <Bug B> HD_KERNEL void pipeline_kernel(const float* x, int tiles, float* y) {
  HD_CARVER(carver);
  const unsigned t = threadIdx.x, n = blockDim.x;
  float* const ring = carver.take<float>(3 * n * 4 + (B == Bug::carve_too_much ? 4 : 0));
  float* const one = carver.take<float>(4);
  if (t < 4) one[t] = 1;
  const auto start = [&](int tile) {
    if (tile < tiles) cp_async<16>(ring + (static_cast<unsigned>(tile) % 3 * n + t) * 4, x + (static_cast<unsigned>(tile) * n + t) * 4);
    cp_async_commit();
  };
  for (int tile = 0; tile < 3; ++tile) start(tile);
  for (int tile = 0; tile < tiles; ++tile) {
    if (B == Bug::wait_for_too_few) cp_async_wait<3>();
    else if (B != Bug::missing_wait) cp_async_wait<2>();
    if (B != Bug::missing_barrier_after_wait) __syncthreads();
    const unsigned other = n - 1 - t;
    const float* const in = ring + (static_cast<unsigned>(tile) % 3 * n + other) * 4;
    float* const out = y + (static_cast<unsigned>(tile) * n + other) * 4;
    for (int i = 0; i < 4; ++i) out[i] = in[i] + one[i];
    if (B == Bug::overrun_dynamic && t == n - 1) ring[3 * n * 4] = 1;
    if (B != Bug::missing_barrier_before_refill) __syncthreads();
    start(tile + 3);  // into the place of the tile just read
  }
  cp_async_wait_all();
}

// y[i] = x of the opposite lane of the warp, through shared memory and back through a shuffle.
template <Bug B> HD_KERNEL void exchange_kernel(const float* x, float* y) {
  HD_SHARED(float, tile, [256]);
  const unsigned t = threadIdx.x, lane = t % 32, warp = t - lane;
  tile[t] = x[blockIdx.x * blockDim.x + t];
  if (B != Bug::missing_syncwarp) __syncwarp();
  float value = tile[warp + 31 - lane];
  if (B == Bug::mask_of_lost_lane && lane == 5) return;
  if (B == Bug::wrong_mask) value = __shfl_xor_sync(0x7FFFFFFFu, value, 1);
  else if (B == Bug::shuffle_from_outside) value = lane < 16 ? __shfl_xor_sync(0x0000FFFFu, value, 16) : value;
  else if (B == Bug::mixed_collectives) value = lane < 16 ? __shfl_xor_sync(full_warp, value, 1) : __shfl_sync(full_warp, value, 1);
  else value = __shfl_xor_sync(full_warp, value, 1);
  value = __shfl_xor_sync(full_warp, value, 1);
  y[blockIdx.x * blockDim.x + t] = value;
}

// y[i] = x[i], after everybody has met.
template <Bug B> HD_KERNEL void meet_kernel(const float* x, float* y, int n) {
  const unsigned t = threadIdx.x;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + t);
  if (B == Bug::early_return && t == 7) return;
  if (B == Bug::divergent_barrier) {
    if (t < 32) __syncthreads();
    else __syncthreads();
  } else if (B == Bug::barrier_in_half) {
    if (t < 32) __syncthreads();
  } else {
    __syncthreads();
  }
  if (i < n + (B == Bug::overrun_global ? 1 : 0)) y[i] = x[i];
  if (B == Bug::cross_block_race && t == 0) y[0] = x[0];
  if (B != Bug::barrier_in_half) __syncthreads();
}

class Floats {
 public:
  explicit Floats(const std::vector<float>& x) : n_(x.size()), p_(static_cast<float*>(allocate(n_ * 4))) {
    copy_to_device(p_, x.data(), n_ * 4, {});
  }
  explicit Floats(std::size_t n) : n_(n), p_(static_cast<float*>(allocate(n * 4))) {}
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  ~Floats() { free(p_); }
  operator float*() const { return p_; }
  std::vector<float> host() const {
    std::vector<float> x(n_);
    copy_to_host(x.data(), p_, n_ * 4, {});
    return x;
  }

 private:
  std::size_t n_;
  float* p_;
};

constexpr unsigned blocks = 2;

std::vector<float> input(std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i % 17) - 8;
  return x;
}

template <Bug B> bool run_reduce(unsigned n) {
  const auto x = input(blocks * n);
  const Floats dx(x), y(std::size_t{blocks} * 2 * n);
  launch<reduce_kernel<B>>(blocks, n, 0, {}, dx, y);
  std::vector<float> expected;
  for (unsigned b = 0; b < blocks; ++b) {
    float sum = 0, squares = 0;
    for (unsigned i = 0; i < n; ++i) sum += x[b * n + i], squares += x[b * n + i] * x[b * n + i];
    expected.insert(expected.end(), n, sum);
    expected.insert(expected.end(), n, squares);
  }
  return y.host() == expected;
}

template <Bug B> bool run_pipeline(unsigned n) {
  constexpr int tiles = 5;
  auto x = input(static_cast<std::size_t>(tiles) * n * 4);
  const Floats dx(x), y(x.size());
  launch<pipeline_kernel<B>>(1, n, SharedBytes().take<float>(3 * n * 4).take<float>(4).total, {}, dx, tiles, y);
  for (float& v : x) v += 1;
  return y.host() == x;
}

template <Bug B> bool run_exchange(unsigned n) {
  const auto x = input(blocks * n);
  const Floats dx(x), y(x.size());
  launch<exchange_kernel<B>>(blocks, n, 0, {}, dx, y);
  auto expected = x;
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = x[i / 32 * 32 + 31 - i % 32];
  return y.host() == expected;
}

template <Bug B> bool run_meet(unsigned n) {
  auto x = input(blocks * n - 1);
  const Floats dx(x), y(x.size());
  if (B == Bug::host_touches_device) return y[0] == x[0];
  launch<meet_kernel<B>>(blocks, n, 0, {}, B == Bug::host_pointer ? x.data() : static_cast<float*>(dx), y, static_cast<int>(blocks * n - 1));
  return y.host() == x;
}

}  // namespace

const std::vector<Case>& cases() {
#define HD_CASE(bug) {Bug::bug, #bug}
  static const std::vector<Case> all{
      HD_CASE(none), HD_CASE(missing_barrier), HD_CASE(missing_trailing_barrier), HD_CASE(overrun_static), HD_CASE(missing_wait),
      HD_CASE(wait_for_too_few), HD_CASE(missing_barrier_after_wait), HD_CASE(missing_barrier_before_refill),
      HD_CASE(overrun_dynamic), HD_CASE(carve_too_much), HD_CASE(missing_syncwarp), HD_CASE(wrong_mask),
      HD_CASE(mask_of_lost_lane), HD_CASE(shuffle_from_outside), HD_CASE(mixed_collectives), HD_CASE(divergent_barrier),
      HD_CASE(early_return), HD_CASE(barrier_in_half), HD_CASE(overrun_global), HD_CASE(cross_block_race),
      HD_CASE(host_pointer), HD_CASE(host_touches_device)};
#undef HD_CASE
  return all;
}

bool run(Bug bug, unsigned n) {
  switch (bug) {
    case Bug::none: return run_reduce<Bug::none>(n) & run_pipeline<Bug::none>(n) & run_exchange<Bug::none>(n) & run_meet<Bug::none>(n);
#define HD_RUN(family, name) \
  case Bug::name: return run_##family<Bug::name>(n)
    HD_RUN(reduce, missing_barrier);
    HD_RUN(reduce, missing_trailing_barrier);
    HD_RUN(reduce, overrun_static);
    HD_RUN(pipeline, missing_wait);
    HD_RUN(pipeline, wait_for_too_few);
    HD_RUN(pipeline, missing_barrier_after_wait);
    HD_RUN(pipeline, missing_barrier_before_refill);
    HD_RUN(pipeline, overrun_dynamic);
    HD_RUN(pipeline, carve_too_much);
    HD_RUN(exchange, missing_syncwarp);
    HD_RUN(exchange, wrong_mask);
    HD_RUN(exchange, mask_of_lost_lane);
    HD_RUN(exchange, shuffle_from_outside);
    HD_RUN(exchange, mixed_collectives);
    HD_RUN(meet, divergent_barrier);
    HD_RUN(meet, early_return);
    HD_RUN(meet, barrier_in_half);
    HD_RUN(meet, overrun_global);
    HD_RUN(meet, cross_block_race);
    HD_RUN(meet, host_pointer);
    HD_RUN(meet, host_touches_device);
#undef HD_RUN
  }
  return false;
}

}  // namespace heddle::simt::planted
