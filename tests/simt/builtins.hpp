// CUDA's built-in variables and functions under their own names: indices, barriers, shuffles, votes, atomics, loads and
// the intrinsics that C++ has no name for. Where one can be misused, a last argument nobody passes holds its line.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/simt/kernel_context.hpp"
#include "tests/simt/vector_types.hpp"

inline constinit thread_local uint3 threadIdx{};
inline constinit thread_local uint3 blockIdx{};
inline constinit thread_local dim3 blockDim{};
inline constinit thread_local dim3 gridDim{};
inline constexpr int warpSize = 32;

// Barriers

inline void __syncthreads(heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  heddle::simt::emulator::barrier("__syncthreads", 0, 0, 0, site);
}
inline int __syncthreads_count(int predicate, heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::barrier("__syncthreads_count", 0, 0, predicate != 0, site);
}
inline int __syncthreads_or(int predicate, heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::barrier("__syncthreads_or", 0, 0, predicate != 0, site) > 0;
}
inline int __syncthreads_and(int predicate, heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::barrier("__syncthreads_and", 0, 0, predicate == 0, site) == 0;
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu,
                       heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  heddle::simt::emulator::warp_call(
      {"__syncwarp", mask, 0, true, nullptr, nullptr, [](unsigned, int, const void* const*, void* const*, const auto&) {}}, site);
}
inline void __threadfence_block() {}
inline void __threadfence() { heddle::simt::emulator::fence(); }

// Shuffles and votes

namespace heddle::simt::emulator {

enum class Shuffle { index, up, down, exclusive_or };
struct ShuffleInput {
  const void* value;
  int argument;
  Shuffle kind;
};
/// The compute function of all shuffles; `parameter` is width << 8 | bytes.
void shuffle_lanes(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);
void ballot_lanes(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);

template <class T>
T shuffle(const char* name, Shuffle kind, unsigned mask, T value, int argument, int width, const Site& site) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "CUDA shuffles 4- and 8-byte numbers");
  T result{};
  const ShuffleInput input{&value, argument, kind};
  warp_call({name, mask, width << 8 | static_cast<int>(sizeof(T)), false, &input, &result, shuffle_lanes}, site);
  return result;
}
inline unsigned ballot(const char* name, unsigned mask, int predicate, const Site& site) {
  unsigned result = 0;
  warp_call({name, mask, 0, false, &predicate, &result, ballot_lanes}, site);
  return result;
}

}  // namespace heddle::simt::emulator

#define HD_SHUFFLE(function, kind, Argument)                                                                       \
  template <class T>                                                                                               \
  T function(unsigned mask, T value, Argument argument, int width = 32,                                            \
             heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {                        \
    return heddle::simt::emulator::shuffle(#function, heddle::simt::emulator::Shuffle::kind, mask, value,          \
                                           static_cast<int>(argument), width, site);                               \
  }
HD_SHUFFLE(__shfl_sync, index, int)
HD_SHUFFLE(__shfl_up_sync, up, unsigned)
HD_SHUFFLE(__shfl_down_sync, down, unsigned)
HD_SHUFFLE(__shfl_xor_sync, exclusive_or, int)
#undef HD_SHUFFLE

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::ballot("__ballot_sync", mask, predicate, site);
}
inline int __any_sync(unsigned mask, int predicate,
                      heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::ballot("__any_sync", mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      heddle::simt::emulator::Site site = heddle::simt::emulator::Site::current()) {
  return heddle::simt::emulator::ballot("__all_sync", mask, predicate, site) == mask;
}

// Atomics: integers alone, since the sum of floats in the order of their arrival is another sum each time.

namespace heddle::simt::emulator {
template <class T> concept AtomicInteger =
    std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;
template <class T, class F> T atomic_update(T* p, F f) {
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(p, &old, f(old), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
}  // namespace heddle::simt::emulator

template <heddle::simt::emulator::AtomicInteger T> T atomicAdd(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
template <heddle::simt::emulator::AtomicInteger T> T atomicExch(T* p, std::type_identity_t<T> v) {
  return __atomic_exchange_n(p, v, __ATOMIC_RELAXED);
}
template <heddle::simt::emulator::AtomicInteger T> T atomicMax(T* p, std::type_identity_t<T> v) {
  return heddle::simt::emulator::atomic_update(p, [v](T old) { return std::max(old, v); });
}
template <heddle::simt::emulator::AtomicInteger T> T atomicMin(T* p, std::type_identity_t<T> v) {
  return heddle::simt::emulator::atomic_update(p, [v](T old) { return std::min(old, v); });
}
template <heddle::simt::emulator::AtomicInteger T> T atomicOr(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_or(p, v, __ATOMIC_RELAXED);
}
template <heddle::simt::emulator::AtomicInteger T> T atomicAnd(T* p, std::type_identity_t<T> v) {
  return __atomic_fetch_and(p, v, __ATOMIC_RELAXED);
}
template <heddle::simt::emulator::AtomicInteger T> T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> v) {
  __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}

// Loads and intrinsics

template <class T> T __ldg(const T* p) { return *p; }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(std::uint64_t{a} * b >> 32); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }

namespace heddle::simt {

inline void named_barrier(int id, int threads, emulator::Site site = emulator::Site::current()) {
  if (id < 1 || id > 15) emulator::report("named_barrier takes ids 1 to 15, got " + std::to_string(id), site);
  if (threads <= 0 || threads % 32 != 0)
    emulator::report("named_barrier takes a multiple of 32 threads, got " + std::to_string(threads), site);
  emulator::barrier("named_barrier", id, static_cast<unsigned>(threads), 0, site);
}

inline float fast_exp(float x) { return std::exp(x); }
inline double fast_exp(double x) { return std::exp(x); }
inline float fast_log(float x) { return std::log(x); }
inline double fast_log(double x) { return std::log(x); }
inline float fast_div(float a, float b) { return a / b; }
inline double fast_div(double a, double b) { return a / b; }
inline float rsqrt(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }

}  // namespace heddle::simt
