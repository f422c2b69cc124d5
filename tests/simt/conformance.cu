// The kernels behind conformance.hpp.
#include "tests/simt/conformance.hpp"

#include "kernels/simt/runtime.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::simt::conformance {
namespace {

// Device memory of n elements, from host values if there are any, else poisoned.
template <class T> class OnDevice {
 public:
  explicit OnDevice(std::size_t n) : n_(n), p_(static_cast<T*>(allocate(n * sizeof(T)))) {
    fill_bytes(p_, 0xFF, n * sizeof(T), {});
  }
  explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) {
    copy_to_device(p_, values.data(), n_ * sizeof(T), {});
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { free(p_); }
  operator T*() { return p_; }
  std::vector<T> host() {
    std::vector<T> values(n_);
    copy_to_host(values.data(), p_, n_ * sizeof(T), {});
    synchronize({});
    return values;
  }

 private:
  std::size_t n_;
  T* p_;
};

HD_KERNEL void indices_kernel(std::uint64_t* y) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  std::uint64_t digits = 0;
  for (unsigned i : {blockIdx.z, blockIdx.y, blockIdx.x, threadIdx.z, threadIdx.y, threadIdx.x}) digits = digits * 100 + i;
  y[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = digits;
}

template <class T> HD_DEVICE T sum_block(T value) {
  HD_SHARED(T, partial, [8]);
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(full_warp, value, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) sum += partial[w];
  __syncthreads();
  return sum;
}

template <class T> HD_KERNEL void HD_LAUNCH_BOUNDS(256) sum_kernel(const T* HD_RESTRICT x, int n, T* HD_RESTRICT y) {
  T value = 0;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += 256) value += __ldg(x + i);
  value = sum_block(value);
  if (threadIdx.x == 0) *y = value;
}

template <class T> HD_KERNEL void shuffle_kernel(int kind, const T* x, int argument, int width, T* y) {
  const T value = x[threadIdx.x];
  T result{};
  if (kind == 0) result = __shfl_sync(full_warp, value, argument, width);
  if (kind == 1) result = __shfl_up_sync(full_warp, value, static_cast<unsigned>(argument), width);
  if (kind == 2) result = __shfl_down_sync(full_warp, value, static_cast<unsigned>(argument), width);
  if (kind == 3) result = __shfl_xor_sync(full_warp, value, argument, width);
  y[threadIdx.x] = result;
}

HD_KERNEL void votes_kernel(const int* predicate, Votes* y) {
  const int p = predicate[threadIdx.x];
  Votes v{};
  v.ballot = __ballot_sync(full_warp, p);
  if (threadIdx.x % 32 < 16) v.low_ballot = __ballot_sync(0x0000FFFFu, p);
  v.any = __any_sync(full_warp, p);
  v.all = __all_sync(full_warp, p);
  v.count = __syncthreads_count(p);
  v.block_or = __syncthreads_or(p) != 0;
  v.block_and = __syncthreads_and(p) != 0;
  if (threadIdx.x == 0) *y = v;
}

HD_KERNEL void atomics_kernel(int* counters) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < 1000) {
    atomicAdd(counters, i);
    atomicMax(counters + 1, i);
    atomicMin(counters + 2, i);
    atomicOr(counters + 3, 1 << i % 31);
    atomicAnd(counters + 4, ~(1 << i % 31));
    atomicExch(counters + 5, 7);
    if (atomicCAS(counters + 6, i, i + 1) == i) atomicAdd(counters + 7, 1);
  }
}

// One block; stage s of the ring holds blockDim.x groups of Bytes bytes.
template <int Bytes> HD_KERNEL void copy_async_kernel(const float* x, int groups, int valid, float* y) {
  constexpr int width = Bytes / 4, stages = 3, threads = 64;
  HD_CARVER(carver);
  float* const ring = carver.take<float>(stages * threads * width);
  const int t = static_cast<int>(threadIdx.x), rounds = (groups + threads - 1) / threads;
  const auto start = [&](int round) {
    const int group = round * threads + t;
    const int bytes = group >= groups ? 0 : group * width >= valid ? 0 : (valid - group * width < width ? valid - group * width : width) * 4;
    if (round < rounds) cp_async<Bytes>(ring + (round % stages * threads + t) * width, bytes ? x + group * width : x, bytes);
    cp_async_commit();
  };
  for (int round = 0; round < stages - 1; ++round) start(round);
  for (int round = 0; round < rounds; ++round) {
    cp_async_wait<stages - 2>();
    __syncthreads();
    start(round + stages - 1);
    const int other = threads - 1 - t, group = round * threads + other;  // what another thread copied
    for (int i = 0; i < width && group < groups; ++i)
      y[group * width + i] = ring[(round % stages * threads + other) * width + i];
  }
  cp_async_wait_all();
}

template <int N> HD_KERNEL void load_matrix_kernel(bool transposed, const std::uint16_t* rows, std::uint32_t* y) {
  HD_SHARED(uint4, tile, [N * 8]);
  for (int i = static_cast<int>(threadIdx.x); i < N * 8; i += 32) tile[i] = reinterpret_cast<const uint4*>(rows)[i];
  __syncwarp();
  std::uint32_t r[N];
  const void* const row = &tile[threadIdx.x % (N * 8)];
  if (transposed) ldmatrix_trans(r, row);
  else ldmatrix(r, row);
  for (int i = 0; i < N; ++i) y[threadIdx.x * N + i] = r[i];
}

template <Mma Kind> HD_KERNEL void mma_kernel(const float* a, const float* b, const float* c, float* y) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  std::uint32_t fa[4], fb[2];
  float d[4] = {c[g * 8 + 2 * t], c[g * 8 + 2 * t + 1], c[(g + 8) * 8 + 2 * t], c[(g + 8) * 8 + 2 * t + 1]};
  if constexpr (Kind == Mma::bf16 || Kind == Mma::bf16_portable) {
    for (int i = 0; i < 4; ++i) {
      const float* const p = a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
      fa[i] = pack_bf16(p[0], p[1]);
    }
    for (int i = 0; i < 2; ++i) fb[i] = pack_bf16(b[(2 * t + i * 8) * 8 + g], b[(2 * t + 1 + i * 8) * 8 + g]);
    if constexpr (Kind == Mma::bf16) mma_m16n8k16_bf16(d, fa, fb, d);
    else mma_m16n8k16_bf16_portable(d, fa, fb, d);
  } else {
    for (int i = 0; i < 4; ++i) fa[i] = to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    for (int i = 0; i < 2; ++i) fb[i] = to_tf32(b[(t + i * 4) * 8 + g]);
    if constexpr (Kind == Mma::tf32) mma_m16n8k8_tf32(d, fa, fb, d);
    else mma_m16n8k8_tf32_portable(d, fa, fb, d);
  }
  for (int i = 0; i < 4; ++i) y[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

HD_KERNEL void mma_by_ldmatrix_kernel(const float* a, const float* b, const float* c, float* y) {
  HD_SHARED(uint4, tile_a, [32]);  // [16, 16] bf16
  HD_SHARED(uint4, tile_b, [16]);  // [16, 8] bf16
  auto* const pa = reinterpret_cast<bf16*>(tile_a);
  auto* const pb = reinterpret_cast<bf16*>(tile_b);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) pa[i] = bf16(a[i]);
  for (int i = lane; i < 128; i += 32) pb[i] = bf16(b[i]);
  __syncwarp();
  std::uint32_t fa[4], fb[2];
  ldmatrix(fa, pa + lane % 16 * 16 + lane / 16 * 8);  // the four quarters: top left, bottom left, top right, bottom right
  ldmatrix_trans(fb, pb + lane % 16 * 8);
  const int g = lane / 4, t = lane % 4;
  float d[4];
  for (int i = 0; i < 4; ++i) d[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  mma_m16n8k16_bf16(d, fa, fb, d);
  for (int i = 0; i < 4; ++i) y[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

// Two warps; the halves meet at barriers of their own before both meet.
HD_KERNEL void carve_kernel(const double* x, double* y) {
  HD_CARVER(carver);
  auto* const bytes = carver.take<unsigned char>(3);
  auto* const values = carver.take<double>(64);
  auto* const order = carver.take<int>(64);
  const int t = static_cast<int>(threadIdx.x), base = static_cast<int>(blockIdx.x) * 64;
  if (t < 3) bytes[t] = static_cast<unsigned char>(t);
  values[t] = x[base + t];
  if (t < 32) named_barrier(1, 32);
  else named_barrier(2, 32);
  order[t] = 63 - t;
  named_barrier(3, 64);
  y[base + t] = values[order[t]] + bytes[2] - 2;
}

template <class T> HD_KERNEL void fast_math_kernel(const T* x, int n, T* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n) return;
  y[i] = fast_exp(x[i]);
  y[n + i] = fast_log(x[i]);
  y[2 * n + i] = fast_div(T(1), x[i]);
  y[3 * n + i] = rsqrt(x[i]);
}

HD_KERNEL void round_kernel(const float* x, int n, bool tf32, std::uint32_t* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = tf32 ? to_tf32(x[i]) : pack_bf16(x[i], 0.0f);
}

template <class T, int V> HD_KERNEL void thirds_kernel(const T* x, int n, T* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * V;
  if (i >= n) return;
  auto v = load_wide<V>(x + i);
  for (int k = 0; k < V; ++k) v[k] /= 3;
  store_narrow(y + i, v);
}

HD_KERNEL void scale_kernel(const float* x, float s, float* y, std::int64_t n) {
  const std::int64_t i = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * 4;
  if (i + 4 <= n) {
    auto v = load_vec<4>(x + i);
    for (int k = 0; k < 4; ++k) v[k] *= s;
    store_vec(y + i, v);
  } else {
    for (std::int64_t k = i; k < n; ++k) y[k] = x[k] * s;
  }
}

HD_KERNEL void HD_LAUNCH_BOUNDS(256) grid_sum_kernel(const double* x, int n, double* partial, unsigned* finished, double* y) {
  HD_SHARED(bool, last, [1]);
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const double sum = sum_block(i < n ? x[i] : 0.0);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    last[0] = atomicAdd(finished, 1u) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!last[0] || threadIdx.x != 0) return;
  double total = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) total += partial[b];
  *y = total;
}

HD_KERNEL void nothing_kernel() {}

int length(const auto& x) { return static_cast<int>(x.size()); }

}  // namespace

std::vector<std::uint64_t> indices(const unsigned (&grid)[3], const unsigned (&block)[3]) {
  OnDevice<std::uint64_t> y(std::size_t{grid[0]} * grid[1] * grid[2] * block[0] * block[1] * block[2]);
  launch<indices_kernel>({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, 0, {}, y);
  return y.host();
}

template <class T> T block_sum(const std::vector<T>& x) {
  OnDevice<T> dx(x), y(1);
  launch<sum_kernel<T>>(1, 256, 0, {}, dx, length(x), y);
  return y.host()[0];
}
template float block_sum(const std::vector<float>&);
template double block_sum(const std::vector<double>&);
template int block_sum(const std::vector<int>&);

template <class T> std::vector<T> shuffle(int kind, const std::vector<T>& values, int argument, int width) {
  OnDevice<T> x(values), y(values.size());
  launch<shuffle_kernel<T>>(1, 32, 0, {}, kind, x, argument, width, y);
  return y.host();
}
template std::vector<float> shuffle(int, const std::vector<float>&, int, int);
template std::vector<double> shuffle(int, const std::vector<double>&, int, int);
template std::vector<int> shuffle(int, const std::vector<int>&, int, int);

Votes votes(const std::vector<int>& predicate) {
  OnDevice<int> x(predicate);
  OnDevice<Votes> y(1);
  launch<votes_kernel>(1, 64, 0, {}, x, y);
  return y.host()[0];
}

std::vector<int> atomics() {
  OnDevice<int> counters(std::vector<int>{0, 0, 1000, 0, -1, -1, 0, 0});
  launch<atomics_kernel>(8, 128, 0, {}, counters);
  return counters.host();
}

std::vector<float> copy_async(int bytes, const std::vector<float>& x, int valid) {
  OnDevice<float> dx(x), y(x.size());
  const int groups = length(x) * 4 / bytes;
  const std::size_t shared = SharedBytes().take<float>(3 * 64 * static_cast<std::size_t>(bytes) / 4).total;
  if (bytes == 4) launch<copy_async_kernel<4>>(1, 64, shared, {}, dx, groups, valid, y);
  if (bytes == 8) launch<copy_async_kernel<8>>(1, 64, shared, {}, dx, groups, valid, y);
  if (bytes == 16) launch<copy_async_kernel<16>>(1, 64, shared, {}, dx, groups, valid, y);
  return y.host();
}

std::vector<std::uint32_t> load_matrix(int matrices, bool transposed, const std::vector<std::uint16_t>& rows) {
  OnDevice<std::uint16_t> x(rows);
  OnDevice<std::uint32_t> y(static_cast<std::size_t>(32 * matrices));
  if (matrices == 1) launch<load_matrix_kernel<1>>(1, 32, 0, {}, transposed, x, y);
  if (matrices == 2) launch<load_matrix_kernel<2>>(1, 32, 0, {}, transposed, x, y);
  if (matrices == 4) launch<load_matrix_kernel<4>>(1, 32, 0, {}, transposed, x, y);
  return y.host();
}

std::vector<float> mma(Mma kind, const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c) {
  OnDevice<float> da(a), db(b), dc(c), y(128);
  if (kind == Mma::bf16) launch<mma_kernel<Mma::bf16>>(1, 32, 0, {}, da, db, dc, y);
  if (kind == Mma::bf16_portable) launch<mma_kernel<Mma::bf16_portable>>(1, 32, 0, {}, da, db, dc, y);
  if (kind == Mma::tf32) launch<mma_kernel<Mma::tf32>>(1, 32, 0, {}, da, db, dc, y);
  if (kind == Mma::tf32_portable) launch<mma_kernel<Mma::tf32_portable>>(1, 32, 0, {}, da, db, dc, y);
  return y.host();
}

std::vector<float> mma_by_ldmatrix(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c) {
  OnDevice<float> da(a), db(b), dc(c), y(128);
  launch<mma_by_ldmatrix_kernel>(1, 32, 0, {}, da, db, dc, y);
  return y.host();
}

std::vector<double> carve(const std::vector<double>& x) {
  OnDevice<double> dx(x), y(x.size());
  launch<carve_kernel>(blocks_for(length(x), 64), 64, SharedBytes().take<unsigned char>(3).take<double>(64).take<int>(64).total, {}, dx, y);
  return y.host();
}

template <class T> std::vector<T> fast_math(const std::vector<T>& x) {
  OnDevice<T> dx(x), y(4 * x.size());
  launch<fast_math_kernel<T>>(blocks_for(length(x), 128), 128, 0, {}, dx, length(x), y);
  return y.host();
}
template std::vector<float> fast_math(const std::vector<float>&);
template std::vector<double> fast_math(const std::vector<double>&);

namespace {
std::vector<std::uint32_t> rounded(const std::vector<float>& x, bool tf32) {
  OnDevice<float> dx(x);
  OnDevice<std::uint32_t> y(x.size());
  launch<round_kernel>(blocks_for(length(x), 128), 128, 0, {}, dx, length(x), tf32, y);
  return y.host();
}
}  // namespace
std::vector<std::uint32_t> round_bf16(const std::vector<float>& x) { return rounded(x, false); }
std::vector<std::uint32_t> round_tf32(const std::vector<float>& x) { return rounded(x, true); }

template <class T> std::vector<T> thirds(int width, const std::vector<T>& x) {
  OnDevice<T> dx(x), y(x.size());
  const unsigned blocks = blocks_for(length(x) / width, 64);
  if (width == 1) launch<thirds_kernel<T, 1>>(blocks, 64, 0, {}, dx, length(x), y);
  if (width == 2) launch<thirds_kernel<T, 2>>(blocks, 64, 0, {}, dx, length(x), y);
  if (width == 4) launch<thirds_kernel<T, 4>>(blocks, 64, 0, {}, dx, length(x), y);
  if (width == 8) launch<thirds_kernel<T, 8>>(blocks, 64, 0, {}, dx, length(x), y);
  return y.host();
}
template std::vector<float> thirds(int, const std::vector<float>&);
template std::vector<bf16> thirds(int, const std::vector<bf16>&);

void scale(const float* x, float s, float* y, std::int64_t count, void* stream_handle) {
  launch<scale_kernel>(blocks_for(count, 512), 128, 0, Stream{stream_handle}, x, s, y, count);
}

double grid_sum(const std::vector<double>& x) {
  const unsigned blocks = blocks_for(length(x), 256);
  OnDevice<double> dx(x), partial(blocks), y(1);
  OnDevice<unsigned> finished(std::vector<unsigned>{0});
  launch<grid_sum_kernel>(blocks, 256, 0, {}, dx, length(x), partial, finished, y);
  return y.host()[0];
}

void launch_too_many_threads() { launch<nothing_kernel>(1, 2048, 0, {}); }
void launch_nothing() { launch<nothing_kernel>(0, 32, 0, {}); }

}  // namespace heddle::simt::conformance
