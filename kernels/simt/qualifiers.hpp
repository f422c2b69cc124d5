// The words that mark code for the GPU, spelled so that a plain C++ compiler reads past them: a function shared by CPU
// and CUDA kernels, or a whole .cu file, then compiles with either.
#pragma once

#if defined(__CUDACC__)
#define HD_KERNEL __global__
#define HD_DEVICE __device__
#define HD_HOST_DEVICE __host__ __device__
#define HD_FORCE_INLINE __forceinline__
#define HD_LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
#define HD_UNROLL _Pragma("unroll")
#define HD_NO_UNROLL _Pragma("unroll 1")
#else
#define HD_KERNEL
#define HD_DEVICE
#define HD_HOST_DEVICE
#define HD_FORCE_INLINE inline __attribute__((always_inline))
#define HD_LAUNCH_BOUNDS(...)
#define HD_UNROLL
#define HD_NO_UNROLL
#endif
#define HD_RESTRICT __restrict__
