// What a kernel's thread asks of the block it runs in. Everything here is called from inside a kernel, on a fiber, and
// implemented in files that no sanitizer instruments for races: the scheduler's own memory accesses order nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#if defined(__SANITIZE_THREAD__)
#define HD_SIMT_KERNELS_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HD_SIMT_KERNELS_UNDER_TSAN 1
#endif
#endif

namespace heddle::simt::emulator {

/// A line of a kernel's source: a default argument, so that it is the line of the call.
using Site = std::source_location;

/// Ends the block, and the launch, with an Error that names kernel, block, thread and line.
[[noreturn]] void report(const std::string& what, const Site& site);

/// Waits until `threads` threads have come to barrier `id`; returns the sum of their votes. 0 threads: the whole block.
int barrier(const char* name, int id, unsigned threads, int vote, const Site& site);

/// Something the lanes of a warp do together: all of them bring an input and an output, and the last to come computes.
struct WarpCall {
  const char* name;
  unsigned mask;
  int parameter;       ///< has to be the same in all lanes
  bool orders_memory;  ///< __syncwarp alone does
  const void* in;
  void* out;
  /// in[lane] and out[lane] for the lanes of mask.
  void (*compute)(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site);
};
void warp_call(const WarpCall& call, const Site& site);

/// Memory of the block for the static shared variable that `key` stands for.
void* static_shared(const void* key, const char* name, std::size_t bytes, std::size_t align, const Site& site);
/// Piece number `index` of the dynamic shared memory, at `offset` in the kernel's own reckoning.
void* dynamic_shared(unsigned index, std::size_t offset, std::size_t bytes, std::size_t align, const Site& site);
bool is_shared(const void* p, std::size_t bytes);

void start_copy(void* to, const void* from, int bytes, int valid, const Site& site);
void commit_copies();
void wait_for_copies(unsigned pending_groups);
inline constexpr unsigned wait_for_all = ~0u;

/// __threadfence: orders this thread's accesses with those of every thread that also passes a fence.
void fence();

}  // namespace heddle::simt::emulator
