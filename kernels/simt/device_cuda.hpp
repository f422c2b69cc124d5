// The device side of the surface for nvcc: what CUDA spells as syntax or as inline PTX. tests/simt holds the twin of every
// name here. On sm_75, which has no asynchronous copies, they are plain loads and stores.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

#include "kernels/simt/bf16.hpp"

/// Static shared memory, as in HD_SHARED(float, tile, [32][33]).
#define HD_SHARED(T, name, dimensions) __shared__ T name dimensions

/// Declares the carver that hands out the launch's dynamic shared memory.
#define HD_CARVER(name)                                             \
  extern __shared__ __align__(128) unsigned char hd_dynamic_shared[]; \
  ::heddle::simt::Carver name(hd_dynamic_shared)

namespace heddle::simt {

/// Hands out dynamic shared memory piece by piece, each aligned to 16 bytes or its type's alignment. Every thread takes
/// the same pieces in the same order.
class Carver {
 public:
  __device__ __forceinline__ explicit Carver(unsigned char* base) : base_(base) {}

  template <class T> __device__ __forceinline__ T* take(std::size_t count) {
    constexpr unsigned align = alignof(T) > 16 ? alignof(T) : 16;
    offset_ = (offset_ + align - 1) / align * align;
    T* const piece = reinterpret_cast<T*>(base_ + offset_);
    offset_ += static_cast<unsigned>(count * sizeof(T));
    return piece;
  }

 private:
  unsigned char* base_;
  unsigned offset_ = 0;
};

__device__ __forceinline__ unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

/// Starts a copy of `Bytes` (4, 8 or 16) from global to shared memory, of which the first `valid` are read and the rest
/// become zero. It is there after cp_async_wait, for the thread that started it; for others after a barrier on top.
template <int Bytes> __device__ __forceinline__ void cp_async(void* shared, const void* global, int valid = Bytes) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#if __CUDA_ARCH__ >= 800
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global), "n"(Bytes), "r"(valid)
                 : "memory");
#else
  auto* const to = static_cast<unsigned char*>(shared);
  auto* const from = static_cast<const unsigned char*>(global);
  if (valid == Bytes) {
    if constexpr (Bytes == 16) *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
    if constexpr (Bytes == 8) *reinterpret_cast<uint2*>(to) = *reinterpret_cast<const uint2*>(from);
    if constexpr (Bytes == 4) *reinterpret_cast<unsigned*>(to) = *reinterpret_cast<const unsigned*>(from);
  } else {
    for (int i = 0; i < Bytes; ++i) to[i] = i < valid ? from[i] : 0;
  }
#endif
}
/// Closes the group of the copies started since the last commit.
__device__ __forceinline__ void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until at most `Pending` of the latest groups are under way.
template <int Pending> __device__ __forceinline__ void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}
__device__ __forceinline__ void cp_async_wait_all() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/// Loads N (1, 2 or 4) matrices of 8x8 16-bit elements: lane 8i+r gives the address of row r of matrix i, 16 bytes in
/// shared memory, and lane l receives elements 2(l%4), 2(l%4)+1 of row l/4 of each.
template <int N> __device__ __forceinline__ void ldmatrix(std::uint32_t (&r)[N], const void* row) {
  static_assert(N == 1 || N == 2 || N == 4);
  const unsigned a = shared_address(row);
  if constexpr (N == 1) asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(a) : "memory");
  if constexpr (N == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(a) : "memory");
  if constexpr (N == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(a)
                 : "memory");
}
/// The same, each matrix transposed: lane l receives elements l/4 of rows 2(l%4), 2(l%4)+1.
template <int N> __device__ __forceinline__ void ldmatrix_trans(std::uint32_t (&r)[N], const void* row) {
  static_assert(N == 1 || N == 2 || N == 4);
  const unsigned a = shared_address(row);
  if constexpr (N == 1)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(a) : "memory");
  if constexpr (N == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(a) : "memory");
  if constexpr (N == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(a)
                 : "memory");
}

/// A barrier of `threads` of the block's threads, a multiple of 32; id 1 to 15 (0 is __syncthreads).
__device__ __forceinline__ void named_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Faster and less exact than std's, by a few units in the last place or more; doubles take std's.
__device__ __forceinline__ float fast_exp(float x) { return __expf(x); }
__device__ __forceinline__ double fast_exp(double x) { return ::exp(x); }
__device__ __forceinline__ float fast_log(float x) { return __logf(x); }
__device__ __forceinline__ double fast_log(double x) { return ::log(x); }
__device__ __forceinline__ float fast_div(float a, float b) { return __fdividef(a, b); }
__device__ __forceinline__ double fast_div(double a, double b) { return a / b; }
__device__ __forceinline__ float rsqrt(float x) { return ::rsqrtf(x); }
__device__ __forceinline__ double rsqrt(double x) { return ::rsqrt(x); }

}  // namespace heddle::simt
