// Small kernels, one for each thing the surface offers, behind plain functions: the same checks run on the emulator and,
// compiled by nvcc, on a GPU, so that what the emulator believes of the hardware can be proven there.
#pragma once

#include <cstdint>
#include <vector>

namespace heddle::simt::conformance {

/// Every thread of the grid writes its indices: 10 digits of (block z y x, thread z y x), by linear number.
std::vector<std::uint64_t> indices(const unsigned (&grid)[3], const unsigned (&block)[3]);

/// The sum of x by one block of 256 threads, by shuffles and static shared memory.
template <class T> T block_sum(const std::vector<T>& x);

/// Value of each of 32 lanes after a shuffle of `values`; kind 0 to 3: index, up, down, xor.
template <class T> std::vector<T> shuffle(int kind, const std::vector<T>& values, int argument, int width);

struct Votes {
  unsigned ballot, low_ballot;  ///< of all lanes, of the lower 16 among themselves
  int any, all, count, block_or, block_and;
};
/// Votes of 64 threads on `predicate`, as the first warp's first lane sees them (low_ballot: of lanes 0 to 15).
Votes votes(const std::vector<int>& predicate);

/// add, max, min, or, and, exchange, compare-and-swap of 1000 threads on counters that begin at 0, 0, 1000, 0, ~0, -1, 0.
std::vector<int> atomics();

/// y = x through shared memory by copies of 4, 8 or 16 bytes in a ring of three stages; of element groups at `valid` and
/// beyond nothing is read, and zero comes out.
std::vector<float> copy_async(int bytes, const std::vector<float>& x, int valid_elements);

/// The registers of 32 lanes, [32][matrices], after ldmatrix of [matrices * 8][8] elements.
std::vector<std::uint32_t> load_matrix(int matrices, bool transposed, const std::vector<std::uint16_t>& rows);

/// d = a b + c with a [16, K], b [K, 8], c [16, 8], row-major; K is 16 for bf16 and 8 for tf32.
enum class Mma { bf16, bf16_portable, tf32, tf32_portable };
std::vector<float> mma(Mma kind, const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c);
/// The same for bf16, with a and b through shared memory and ldmatrix, b transposed on the way.
std::vector<float> mma_by_ldmatrix(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c);

/// x reversed within blocks of 64 through carved shared memory of three types, and two named barriers.
std::vector<double> carve(const std::vector<double>& x);

/// y = exp, log, division and inverse square root of x, [4, n], by the fast functions.
template <class T> std::vector<T> fast_math(const std::vector<T>& x);

/// Bits of bf16(x), and of to_tf32(x).
std::vector<std::uint32_t> round_bf16(const std::vector<float>& x);
std::vector<std::uint32_t> round_tf32(const std::vector<float>& x);

/// x / 3 by load_wide and store_narrow of `width` elements each (1, 2, 4 or 8).
template <class T>
std::vector<T> thirds(int width, const std::vector<T>& x);

/// x * scale by 16-byte accesses where x is long enough, one launch on `stream_handle` (null: the default stream).
void scale(const float* x, float scale, float* y, std::int64_t count, void* stream_handle);

/// The sum of x over the whole grid in one launch: the last block to finish adds the blocks' sums in order.
double grid_sum(const std::vector<double>& x);

/// Ends in an error of the launch: more threads than a block can have.
void launch_too_many_threads();
/// No blocks: nothing happens.
void launch_nothing();

}  // namespace heddle::simt::conformance
