// HD_INLINE: for the small functions that a CPU kernel, a CUDA kernel and the emulator share.
//
// They are always inlined on the CPU, since kernel files are compiled once for each instruction set: a copy left behind as
// a symbol could be taken by the linker from a file that this machine cannot run.
#pragma once

#if defined(__CUDACC__)
#define HD_INLINE __host__ __device__ __forceinline__
#else
#define HD_INLINE inline __attribute__((always_inline))
#endif
