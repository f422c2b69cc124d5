// The sanitizers' interfaces for code that switches stacks, empty where a sanitizer is not in use. HD_SIMT_ASAN and
// HD_SIMT_TSAN say which emulator is being built; the emulator for TSan is itself compiled without it.
#pragma once

#include <cstddef>

#if defined(HD_SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(HD_SIMT_TSAN)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_write_range(void* address, std::size_t bytes);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace heddle::simt::emulator {

inline void poison(const void* p, std::size_t bytes) {
#if defined(HD_SIMT_ASAN)
  __asan_poison_memory_region(p, bytes);
#else
  (void)p, (void)bytes;
#endif
}
inline void unpoison(const void* p, std::size_t bytes) {
#if defined(HD_SIMT_ASAN)
  __asan_unpoison_memory_region(p, bytes);
#else
  (void)p, (void)bytes;
#endif
}

// Under TSan everything released to an address happens before whatever comes after an acquire of it.
inline void release_order(void* address) {
#if defined(HD_SIMT_TSAN)
  __tsan_release(address);
#else
  (void)address;
#endif
}
inline void acquire_order(void* address) {
#if defined(HD_SIMT_TSAN)
  __tsan_acquire(address);
#else
  (void)address;
#endif
}
inline void race_checked_write(void* p, std::size_t bytes) {
#if defined(HD_SIMT_TSAN)
  __tsan_write_range(p, bytes);
#else
  (void)p, (void)bytes;
#endif
}

/// While it lives, what the C library is seen to do (malloc, memcpy) is none of TSan's business.
class Unobserved {
 public:
#if defined(HD_SIMT_TSAN)
  Unobserved() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unobserved() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  Unobserved() {}
#endif
  Unobserved(const Unobserved&) = delete;
  Unobserved& operator=(const Unobserved&) = delete;
};

#if defined(HD_SIMT_TSAN)
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif
#if defined(HD_SIMT_ASAN)
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif

}  // namespace heddle::simt::emulator
