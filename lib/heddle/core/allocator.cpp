#include "heddle/core/allocator.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/recording.hpp"

namespace heddle {
namespace {

constexpr std::size_t granule = 512;
constexpr std::size_t least_waste = 64 << 10;

std::atomic<bool> poison = [] {
  const char* text = std::getenv("HEDDLE_POISON");
  return text && *text && *text != '0';
}();

// The pool that this thread allocates from; 0 is everybody's.
thread_local int current_pool = 0;

// Freed blocks wait in a map by size. A request takes the smallest that serves it, unless that would waste more than an
// eighth of it. Everything on a device runs in one stream, so a freed block may be handed out at once: whoever uses it
// next is launched after whoever used it last.
//
// A pool has blocks of its own, and gets them back. Those of a recorded step are written by every replay, whoever else
// might hold them by then, so nobody else may get them while the recording lives.
class CachingAllocator {
 public:
  explicit CachingAllocator(Device device) : device_(device) {}

  void* allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    const std::size_t size = (bytes + granule - 1) / granule * granule;
    std::lock_guard lock(mutex_);
    void* block = take_cached(size);
    if (!block) block = take_fresh(size);
    stats_.allocated += in_use_.at(block).size;
    stats_.peak_allocated = std::max(stats_.peak_allocated, stats_.allocated);
    total_allocated_ += size;
    ++stats_.allocations;
    if (poison.load(std::memory_order_relaxed)) backend::fill_bytes(device_, block, 0xFF, size);
    return block;
  }

  void deallocate(void* block) noexcept {
    std::lock_guard lock(mutex_);
    auto node = in_use_.extract(block);
    const auto [size, pool] = node.mapped();
    stats_.allocated -= size;
    const auto own = pools_.find(pool);
    (own == pools_.end() ? cached_ : own->second).emplace(size, block);
  }

  int open_pool() {
    std::lock_guard lock(mutex_);
    pools_[++last_pool_];
    return last_pool_;
  }
  // Its blocks become everybody's, those in use when they are freed.
  void close_pool(int pool) noexcept {
    std::lock_guard lock(mutex_);
    cached_.merge(pools_.extract(pool).mapped());
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }
  std::size_t total_allocated() {
    std::lock_guard lock(mutex_);
    return total_allocated_;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    stats_.peak_allocated = stats_.allocated;
    stats_.peak_reserved = stats_.reserved;
  }
  void empty_cache() {
    std::lock_guard lock(mutex_);
    release_cached();
  }

 private:
  void* take_cached(std::size_t size) {
    auto& cached = cache();
    const auto found = cached.lower_bound(size);
    if (found == cached.end() || found->first > size + std::max(size / 8, least_waste)) return nullptr;
    void* block = found->second;
    in_use_.emplace(block, Block{found->first, current_pool});
    cached.erase(found);
    return block;
  }

  void* take_fresh(std::size_t size) {
    void* block = backend::system_allocate(device_, size);
    if (!block && !cached_.empty()) {
      release_cached();
      block = backend::system_allocate(device_, size);
    }
    check(block != nullptr, "allocator", "expected {} bytes of memory on {}, got none: {}", size, device_, held());
    in_use_.emplace(block, Block{size, current_pool});
    stats_.reserved += size;
    stats_.peak_reserved = std::max(stats_.peak_reserved, stats_.reserved);
    ++stats_.system_allocations;
    return block;
  }

  void release_cached() {
    for (auto [size, block] : cached_) {
      backend::system_free(device_, block);
      stats_.reserved -= size;
    }
    cached_.clear();
  }

  // "1203.5 MB in use in 34 blocks, the largest 512.0 MB 256.0 MB 256.0 MB"
  std::string held() const {
    std::vector<std::size_t> sizes;
    for (auto [block, what] : in_use_) sizes.push_back(what.size);
    std::sort(sizes.rbegin(), sizes.rend());
    std::string text = fmt::format("{:.1f} MB in use in {} blocks, the largest", static_cast<double>(stats_.allocated) / 1e6, sizes.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(sizes.size(), 5); ++i)
      text += fmt::format(" {:.1f} MB", static_cast<double>(sizes[i]) / 1e6);
    return text;
  }

  struct Block {
    std::size_t size;
    int pool;
  };
  using Cache = std::multimap<std::size_t, void*>;

  // This thread's; a pool belongs to one device.
  Cache& cache() {
    const auto own = pools_.find(current_pool);
    return own == pools_.end() ? cached_ : own->second;
  }

  Device device_;
  std::mutex mutex_;
  Cache cached_;
  std::map<int, Cache> pools_;
  int last_pool_ = 0;
  std::unordered_map<void*, Block> in_use_;
  MemoryStats stats_;
  std::size_t total_allocated_ = 0;
};

// Never destroyed: tensors of static lifetime are freed after it otherwise.
CachingAllocator& allocator(Device device) {
  if (device.is_cpu()) {
    static auto& host = *new CachingAllocator(cpu);
    return host;
  }
  static std::mutex mutex;
  static auto& gpus = *new std::map<int, CachingAllocator*>;
  std::lock_guard lock(mutex);
  auto& slot = gpus[device.index];
  if (!slot) slot = new CachingAllocator(device);
  return *slot;
}

}  // namespace

MemoryStats memory_stats(Device device) { return allocator(device).stats(); }
void reset_peak_memory_stats(Device device) { allocator(device).reset_peak(); }
void empty_cache(Device device) { allocator(device).empty_cache(); }
void set_poison_memory(bool on) { poison = on; }

std::size_t detail::total_allocated(Device device) { return allocator(device).total_allocated(); }
detail::MemoryPool::MemoryPool(Device device) : device_(device), id_(allocator(device).open_pool()) {}
detail::MemoryPool::~MemoryPool() { allocator(device_).close_pool(id_); }
detail::MemoryPool::Use::Use(const MemoryPool& pool) : before_(std::exchange(current_pool, pool.id_)) {}
detail::MemoryPool::Use::~Use() { current_pool = before_; }

void* detail::allocate(Device device, std::size_t bytes) { return allocator(device).allocate(bytes); }
void detail::deallocate(Device device, void* block) noexcept {
  if (block) allocator(device).deallocate(block);
}

}  // namespace heddle
