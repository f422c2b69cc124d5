#include "tests/simt/device_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "heddle/base/error.hpp"
#include "kernels/simt/runtime.hpp"
#include "tests/simt/sanitizers.hpp"
#include "tests/simt/schedule.hpp"
#include "tests/simt/streams.hpp"

namespace heddle::simt {
namespace emulator {
namespace {

constexpr std::size_t usual_memory = std::size_t{64} << 30;

struct Memory {
  std::mutex mutex;
  std::map<std::uintptr_t, std::size_t> device, pinned;  // bytes by address
  std::size_t in_use = 0, total = usual_memory;
  int accesses = 0;
};
Memory& memory() {
  static Memory& m = *new Memory;  // outlives every static object that frees memory at exit
  return m;
}

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// The allocation that p lies in or ends at, else the map's end.
auto find(const std::map<std::uintptr_t, std::size_t>& map, const void* p) {
  auto it = map.upper_bound(address(p));
  if (it == map.begin()) return map.end();
  --it;
  return address(p) <= it->first + it->second ? it : map.end();
}

}  // namespace

void set_device_memory(std::size_t bytes) { memory().total = bytes ? bytes : usual_memory; }
std::size_t device_bytes_in_use() {
  std::lock_guard lock(memory().mutex);
  return memory().in_use;
}
std::size_t device_allocations() {
  std::lock_guard lock(memory().mutex);
  return memory().device.size();
}

bool is_device_pointer(const void* p) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  return find(m.device, p) != m.device.end() || find(m.pinned, p) != m.pinned.end();
}

void check_device_range(std::string_view where, const void* p, std::size_t bytes) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  if (bytes == 0) return;
  const auto it = find(m.device, p);
  if (it == m.device.end()) fail(where, "expected device memory, got another pointer");
  const std::size_t offset = address(p) - it->first;
  if (offset + bytes > it->second)
    fail(where, std::to_string(bytes) + " bytes at byte " + std::to_string(offset) + " overrun an allocation of " +
                    std::to_string(it->second) + " bytes");
}

DeviceAccess::DeviceAccess() {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  if (m.accesses++ == 0 && under_asan)
    for (const auto& [at, bytes] : m.device) unpoison(reinterpret_cast<void*>(at), bytes);
}
DeviceAccess::~DeviceAccess() {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  if (--m.accesses == 0 && under_asan)
    for (const auto& [at, bytes] : m.device) poison(reinterpret_cast<void*>(at), bytes);
}

}  // namespace emulator

using namespace emulator;

void* allocate(std::size_t bytes) {
  refuse_while_capturing("allocate");
  Memory& m = memory();
  if (bytes == 0) bytes = 1;
  std::lock_guard lock(m.mutex);
  if (bytes > m.total - std::min(m.total, m.in_use)) return nullptr;
  void* p = nullptr;
  if (posix_memalign(&p, 256, bytes) != 0) return nullptr;
  if (!dry()) std::memset(p, 0xFF, bytes);  // NaN
  if (m.accesses == 0) poison(p, bytes);
  m.device[address(p)] = bytes;
  m.in_use += bytes;
  return p;
}

void free(void* p) noexcept {
  if (!p) return;
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  const auto it = m.device.find(address(p));
  if (it == m.device.end()) {
    std::fputs("simt emulator: free of what is no allocation, or was freed before\n", stderr);
    std::abort();
  }
  unpoison(p, it->second);
  m.in_use -= it->second;
  m.device.erase(it);
  std::free(p);
}

void* allocate_pinned(std::size_t bytes) {
  Memory& m = memory();
  void* const p = std::malloc(bytes ? bytes : 1);
  if (!p) fail("allocate_pinned", "no memory for " + std::to_string(bytes) + " bytes");
  std::lock_guard lock(m.mutex);
  m.pinned[address(p)] = bytes;
  return p;
}

void free_pinned(void* p) noexcept {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  m.pinned.erase(address(p));
  std::free(p);
}

MemoryInfo memory_info() {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  return {m.total - std::min(m.total, m.in_use), m.total};
}

void copy_to_device(void* to, const void* from, std::size_t bytes, Stream s) {
  check_device_range("copy_to_device", to, bytes);
  enqueue("copy_to_device", s, [=] {
    const DeviceAccess access;
    std::memcpy(to, from, bytes);
  });
}
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream s) {
  check_device_range("copy_to_host", from, bytes);
  enqueue("copy_to_host", s, [=] {
    const DeviceAccess access;
    std::memcpy(to, from, bytes);
  });
}
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream s) {
  check_device_range("copy_on_device", to, bytes);
  check_device_range("copy_on_device", from, bytes);
  enqueue("copy_on_device", s, [=] {
    const DeviceAccess access;
    std::memmove(to, from, bytes);
  });
}
void fill_bytes(void* to, int value, std::size_t bytes, Stream s) {
  check_device_range("fill_bytes", to, bytes);
  enqueue("fill_bytes", s, [=] {
    const DeviceAccess access;
    std::memset(to, value, bytes);
  });
}

}  // namespace heddle::simt
