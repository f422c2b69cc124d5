// Asynchronous copies to shared memory: what was there is gone at once, and what is copied shows only at the wait.
#pragma once

#include <cstdint>
#include <string>

#include "tests/simt/kernel_context.hpp"

namespace heddle::simt {

template <int Bytes>
void cp_async(void* shared, const void* global, int valid = Bytes, emulator::Site site = emulator::Site::current()) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
  if (valid < 0 || valid > Bytes) emulator::report("cp_async: " + std::to_string(valid) + " valid bytes", site);
  if (reinterpret_cast<std::uintptr_t>(shared) % Bytes != 0) emulator::report("cp_async: destination is not aligned", site);
  if (reinterpret_cast<std::uintptr_t>(global) % Bytes != 0) emulator::report("cp_async: source is not aligned", site);
  if (emulator::is_shared(global, 1)) emulator::report("cp_async: source is in shared memory", site);
  // Touched here, in code that the sanitizers instrument: both ranges are this thread's to access from now on.
  auto* const from = static_cast<const volatile unsigned char*>(global);
  for (int i = 0; i < valid; ++i) (void)from[i];
  auto* const to = static_cast<volatile std::uint32_t*>(shared);
  for (int i = 0; i < Bytes / 4; ++i) to[i] = 0xFFFFFFFFu;
  if (!emulator::is_shared(shared, Bytes)) emulator::report("cp_async: destination is not in shared memory", site);
  emulator::start_copy(shared, global, Bytes, valid, site);
}
inline void cp_async_commit() { emulator::commit_copies(); }
template <int Pending> void cp_async_wait() { emulator::wait_for_copies(Pending); }
inline void cp_async_wait_all() { emulator::wait_for_copies(emulator::wait_for_all); }

}  // namespace heddle::simt
