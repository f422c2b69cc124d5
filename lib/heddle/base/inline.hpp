// HD_INLINE: for the small functions that a CPU kernel, a CUDA kernel and the emulator share. HD_IVDEP: before a loop whose
// iterations are independent, so that it is vectorised without a test of whether its pointers overlap.
//
// The small functions are always inlined on the CPU, since kernel files are compiled once for each instruction set: a copy
// left behind as a symbol could be taken by the linker from a file that this machine cannot run.
#pragma once

#if defined(__CUDACC__)
#define HD_INLINE __host__ __device__ __forceinline__
#else
#define HD_INLINE inline __attribute__((always_inline))
#endif

#if defined(__clang__)
#define HD_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define HD_IVDEP _Pragma("GCC ivdep")
#endif
