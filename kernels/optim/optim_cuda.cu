// Optimizer steps on the GPU: every parameter of a group in one launch.
//
// value, gradient, state0, state1 [count] of each slice. Up to 80 slices travel as the kernel's argument, 3.5 KB in constant
// memory, with the number of each one's first block; a block finds its slice by bisection and does 1,024 elements of it, four
// neighbours a thread where the slice is aligned for that. More than 80 slices take several launches. What a step derives
// from its options (for Adam, powers and roots) one thread computes for its block, from device memory where the options
// lie there: a captured graph then replays with the learning rate of the day.
//
// gradient_norm: each block leaves the sum of its squares, in double; a second launch of one block adds them in a tree.
// Bytes an element: SGD 12 read, 8 written; Adam 16 and 12; norm 4 and 0; clip 4 and 4. Bound by memory, and for small
// networks by the launch.
#include <cmath>

#include "kernels/optim/optim_rules.hpp"
#include "kernels/simt/join.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256, per_block = 4 * threads, most_slices = 80;

template <class T>
struct Slices {
  ParameterSlice<T> slice[most_slices];
  std::int32_t first_block[most_slices + 1];
  int count;

  // The slice that block `block` works on, and its element to begin with.
  HD_DEVICE const ParameterSlice<T>& find(int block, std::int64_t& begin) const {
    int low = 0, high = count;  // first_block[low] <= block < first_block[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (first_block[middle] <= block)
        low = middle;
      else
        high = middle;
    }
    begin = std::int64_t{block - first_block[low]} * per_block;
    return slice[low];
  }
};

// Calls f(slices, blocks, blocks of earlier calls) for as many slices at a time as one launch takes; empty ones are left out.
template <class T, class F>
void for_slices(int count, const ParameterSlice<T>* slices, F f) {
  Slices<T> chunk;
  std::int64_t earlier = 0;
  chunk.count = 0, chunk.first_block[0] = 0;
  const auto send = [&] {
    const int blocks = chunk.first_block[chunk.count];
    if (blocks > 0) f(chunk, static_cast<unsigned>(blocks), earlier);
    earlier += blocks;
    chunk.count = 0;
  };
  for (int i = 0; i < count; ++i) {
    if (slices[i].count == 0) continue;
    chunk.slice[chunk.count] = slices[i];
    chunk.first_block[chunk.count + 1] =
        chunk.first_block[chunk.count] + static_cast<std::int32_t>(simt::blocks_for(slices[i].count, per_block));
    if (++chunk.count == most_slices) send();
  }
  send();
}
template <class T>
std::size_t workspace(int count, const ParameterSlice<T>* slices) {
  std::size_t blocks = 0;
  for (int i = 0; i < count; ++i) blocks += simt::blocks_for(slices[i].count, per_block);
  return blocks * sizeof(double);
}

// Applies the rule to V elements from i on.
template <class T, int V, class Rule>
HD_DEVICE void update(const ParameterSlice<T>& slice, std::int64_t i, const Rule& rule) {
  using Vec = simt::Vec<T, V>;
  Vec value = simt::load_vec<V>(slice.value + i), state0{}, state1{};
  const Vec gradient = simt::load_vec<V>(slice.gradient + i);
  if (rule.has_state0()) state0 = simt::load_vec<V>(slice.state0 + i);
  if (rule.has_state1()) state1 = simt::load_vec<V>(slice.state1 + i);
  for (int j = 0; j < V; ++j) rule(value[j], gradient[j], state0[j], state1[j]);
  simt::store_vec(slice.value + i, value);
  if (rule.has_state0()) simt::store_vec(slice.state0 + i, state0);
  if (rule.has_state1()) simt::store_vec(slice.state1 + i, state1);
}

// Calls f4(i) or f1(i) for this thread's elements of a slice.
template <class T, class F4, class F1>
HD_DEVICE void each(std::int64_t begin, std::int64_t count, bool aligned, F4 f4, F1 f1) {
  if (aligned) {
    const std::int64_t i = begin + 4 * threadIdx.x;
    if (i + 4 <= count) return f4(i);
    for (std::int64_t k = i; k < count && k < i + 4; ++k) f1(k);
  } else {
    for (int k = 0; k < 4; ++k)
      if (const std::int64_t i = begin + k * threads + threadIdx.x; i < count) f1(i);
  }
}

template <class T, class Rule>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    optimizer_step_kernel(Slices<T> slices, typename Rule::Options given, const typename Rule::Options* device_options) {
  HD_SHARED(Rule, shared, [1]);
  if (threadIdx.x == 0) shared[0].derive(device_options ? *device_options : given);
  __syncthreads();
  const Rule rule = shared[0];
  std::int64_t begin;
  const ParameterSlice<T>& s = slices.find(static_cast<int>(blockIdx.x), begin);
  const bool aligned = simt::is_aligned<4>(s.value) && simt::is_aligned<4>(s.gradient) &&
                       (!rule.has_state0() || simt::is_aligned<4>(s.state0)) &&
                       (!rule.has_state1() || simt::is_aligned<4>(s.state1));
  each<T>(
      begin, s.count, aligned, [&](std::int64_t i) { update<T, 4>(s, i, rule); },
      [&](std::int64_t i) { update<T, 1>(s, i, rule); });
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) sum_of_squares_kernel(Slices<T> slices, double* HD_RESTRICT partial) {
  HD_SHARED(simt::Sum<double>, shared, [threads]);
  std::int64_t begin;
  const ParameterSlice<T>& s = slices.find(static_cast<int>(blockIdx.x), begin);
  simt::Sum<double> sum{0};
  const auto square = [](T v) { return static_cast<double>(v) * static_cast<double>(v); };
  each<T>(
      begin, s.count, simt::is_aligned<4>(s.gradient),
      [&](std::int64_t i) {
        const simt::Vec<T, 4> g = simt::load_vec<4>(s.gradient + i);
        sum.value += (square(g[0]) + square(g[1])) + (square(g[2]) + square(g[3]));
      },
      [&](std::int64_t i) { sum.value += square(s.gradient[i]); });
  sum = simt::join_block<threads>(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum.value;
}

// One block.
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    gradient_norm_kernel(std::int64_t count, const double* HD_RESTRICT partial, double* HD_RESTRICT norm) {
  HD_SHARED(simt::Sum<double>, shared, [threads]);
  simt::Sum<double> sum{0};
  for (std::int64_t i = threadIdx.x; i < count; i += threads) sum.value += partial[i];
  sum = simt::join_block<threads>(sum, shared);
  if (threadIdx.x == 0) *norm = std::sqrt(sum.value);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) clip_kernel(Slices<T> slices, double max_norm, const double* HD_RESTRICT norm) {
  const double ratio = max_norm / (*norm + 1e-6);
  if (ratio >= 1) return;
  const T factor = static_cast<T>(ratio);
  std::int64_t begin;
  const ParameterSlice<T>& s = slices.find(static_cast<int>(blockIdx.x), begin);
  T* const gradient = const_cast<T*>(s.gradient);  // the slice calls it const for the steps, which leave it alone
  each<T>(
      begin, s.count, simt::is_aligned<4>(gradient),
      [&](std::int64_t i) {
        simt::Vec<T, 4> g = simt::load_vec<4>(gradient + i);
        for (int j = 0; j < 4; ++j) g[j] *= factor;
        simt::store_vec(gradient + i, g);
      },
      [&](std::int64_t i) { gradient[i] *= factor; });
}

template <class T, class Rule>
void step(Stream stream, int count, const ParameterSlice<T>* slices, const typename Rule::Options& options,
          const typename Rule::Options* device_options) {
  for_slices(count, slices, [&](const Slices<T>& chunk, unsigned blocks, std::int64_t) {
    simt::launch<optimizer_step_kernel<T, Rule>>(blocks, threads, 0, stream, chunk, options, device_options);
  });
}
template <class T>
void gradient_norm(Stream stream, int count, const ParameterSlice<T>* slices, double* norm, void* workspace) {
  auto* const partial = static_cast<double*>(workspace);
  std::int64_t all = 0;
  for_slices(count, slices, [&](const Slices<T>& chunk, unsigned blocks, std::int64_t earlier) {
    simt::launch<sum_of_squares_kernel<T>>(blocks, threads, 0, stream, chunk, partial + earlier);
    all = earlier + blocks;
  });
  simt::launch<gradient_norm_kernel>(1, threads, 0, stream, all, partial, norm);
}
template <class T>
void clip(Stream stream, int count, const ParameterSlice<T>* slices, double max_norm, const double* norm) {
  for_slices(count, slices, [&](const Slices<T>& chunk, unsigned blocks, std::int64_t) {
    simt::launch<clip_kernel<T>>(blocks, threads, 0, stream, chunk, max_norm, norm);
  });
}

template <class T>
constexpr OptimKernels<T> table{step<T, SgdRule<T>>, step<T, AdamRule<T>>, workspace<T>, gradient_norm<T>, clip<T>};

}  // namespace

template <class T>
const OptimKernels<T>& naive_optim_cuda();  // optim_naive_cuda.cu

template <>
const OptimKernels<float>& OptimKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_optim_cuda<float>() : table<float>;
}
template <>
const OptimKernels<double>& OptimKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_optim_cuda<double>() : table<double>;
}

}  // namespace heddle::kernels
