#include "heddle/core/allocator.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/base/chunk.hpp"
#include "heddle/base/fork.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/recording.hpp"

namespace heddle {
namespace {

constexpr std::size_t granule = 512;
constexpr std::size_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max() - 2 * granule;  // what an address can tell apart
constexpr std::size_t least_waste = 64 << 10, least_part = 256 << 10;

std::atomic<bool> poison = [] {
  const char* text = std::getenv("HEDDLE_POISON");
  return text && *text && *text != '0';
}();

// The pool that this thread allocates from; 0 is everybody's.
thread_local int current_pool = 0;

struct Block;
using Cache = std::multimap<std::size_t, Block*>;  // free blocks by size
using InUse = std::unordered_map<void*, Block*>;

// What the system granted in one piece may be cut into blocks, which know their neighbours. A block brings its own nodes of the
// two maps, one of which it stands in: so freeing memory takes none, and cannot fail.
struct Block {
  char* memory = nullptr;
  std::size_t size = 0;
  int pool = 0;
  Block *before = nullptr, *after = nullptr;
  bool free = false;
  Cache::iterator place{};       // while it is free
  Cache::node_type free_node{};  // while it is not
  InUse::node_type use_node{};   // while it is not in use
};

// Freed blocks wait in a map by size. A request takes the smallest that serves it, unless that would waste more than an
// eighth of it; a large request may cut it off a larger one instead. Neighbours that are free become one again, at once: where
// they waited for a request that nothing else serves, a training step went on growing for a dozen steps. Small requests never
// cut: what they left would no longer serve the next step's request for the whole. Nor do threads that run chunks of work side
// by side: they ask in another order each time, and would go on cutting each other's blocks, which so leave the caches.
// Everything on a device runs in one stream, so a freed block may be handed out at once: whoever uses it next is launched
// after whoever used it last.
//
// A pool has blocks of its own, and gets them back. Those of a recorded step are written by every replay, whoever else
// might hold them by then, so nobody else may get them while the recording lives.
class CachingAllocator {
 public:
  explicit CachingAllocator(Device device) : device_(device) {}

  void* allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    check(bytes <= most_bytes, "allocator", "expected at most {} bytes, got {}", most_bytes, bytes);
    const std::size_t size = (bytes + granule - 1) / granule * granule;
    std::lock_guard lock(mutex_);
    try {
      return serve(size);
    } catch (const std::bad_alloc&) {  // for the lists
    }
    release_cached();
    try {
      return serve(size);
    } catch (const std::bad_alloc&) {
      detail::out_of_memory("allocator");
    }
  }

  void deallocate(void* memory) noexcept {
    std::lock_guard lock(mutex_);
    give_back(in_use_.find(memory));
  }

  int open_pool() {
    std::lock_guard lock(mutex_);
    pools_[++last_pool_];
    return last_pool_;
  }
  // Its blocks become everybody's, those in use when they are freed.
  void close_pool(int pool) noexcept {
    std::lock_guard lock(mutex_);
    for (auto& [size, block] : pools_.at(pool)) block->pool = 0;
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
  // The free blocks of a pool, or everybody's.
  Cache& cache(int pool) noexcept {
    if (pool == 0) return cached_;
    const auto own = pools_.find(pool);
    return own == pools_.end() ? cached_ : own->second;
  }

  // A block that stands in no map yet.
  std::unique_ptr<Block> make_block() {
    auto block = std::make_unique<Block>();
    block->use_node = in_use_.extract(in_use_.emplace(nullptr, block.get()).first);
    Cache one;
    block->free_node = one.extract(one.emplace(0, block.get()));
    return block;
  }

  void put(Block* block) noexcept {
    block->free = true;
    block->free_node.key() = block->size;
    block->place = cache(block->pool).insert(std::move(block->free_node));
  }
  void take(Block* block) noexcept {
    block->free = false;
    block->free_node = cache(block->pool).extract(block->place);
  }

  void* serve(std::size_t size) {
    const bool may_cut = size >= least_part && !detail::in_chunk();
    Block* block = take_cached(size, may_cut);
    if (!block) block = take_fresh(size);
    block->use_node.key() = block->memory;
    try {
      in_use_.insert(std::move(block->use_node));
    } catch (...) {  // no room for more places
      put(block);
      throw;
    }
    stats_.allocated += block->size;
    stats_.peak_allocated = std::max(stats_.peak_allocated, stats_.allocated);
    total_allocated_ += size;
    ++stats_.allocations;
    if (poison.load(std::memory_order_relaxed)) fill(block, size);
    return block->memory;
  }

  void fill(Block* block, std::size_t size) {
    try {
      backend::fill_bytes(device_, block->memory, 0xFF, size);
    } catch (...) {
      give_back(in_use_.find(block->memory));
      throw;
    }
  }

  void give_back(InUse::iterator place) noexcept {
    Block* block = place->second;
    block->use_node = in_use_.extract(place);
    stats_.allocated -= block->size;
    if (block->pool != 0 && !pools_.contains(block->pool)) block->pool = 0;
    if (joins(block->before, block)) block = join(block->before, block);
    if (joins(block->after, block)) block = join(block, block->after);
    put(block);
  }

  // Whether a block that becomes free and this neighbour become one.
  static bool joins(const Block* neighbour, const Block* block) {
    return neighbour && neighbour->free && neighbour->pool == block->pool;
  }
  // Two neighbours, of which the one that waits no longer does.
  Block* join(Block* first, Block* second) noexcept {
    take(first->free ? first : second);
    first->size += second->size;
    first->after = second->after;
    if (first->after) first->after->before = first;
    delete second;
    return first;
  }
  // Leaves what is beyond `size` to others: to `rest`.
  void cut(Block* block, std::size_t size, Block* rest) noexcept {
    rest->memory = block->memory + size;
    rest->size = block->size - size;
    rest->pool = block->pool;
    rest->before = block;
    rest->after = block->after;
    if (rest->after) rest->after->before = rest;
    block->after = rest;
    block->size = size;
    put(rest);
  }

  Block* take_cached(std::size_t size, bool may_cut) {
    Cache& cached = cache(current_pool);
    auto found = cached.lower_bound(size);
    const bool fits = found != cached.end() && found->first <= size + std::max(size / 8, least_waste);
    if (!fits && may_cut) found = cached.lower_bound(size + least_part);
    if (found == cached.end() || (!fits && !may_cut)) return nullptr;
    Block* const block = found->second;
    std::unique_ptr<Block> rest = fits ? nullptr : make_block();  // before anything changes
    take(block);
    if (rest) cut(block, size, rest.release());
    return block;
  }

  Block* take_fresh(std::size_t size) {
    std::unique_ptr<Block> block = make_block();
    void* memory = backend::system_allocate(device_, size);
    if (!memory && !cached_.empty()) {
      release_cached();
      memory = backend::system_allocate(device_, size);
    }
    if (!memory) refuse(size);
    stats_.reserved += size;
    stats_.peak_reserved = std::max(stats_.peak_reserved, stats_.reserved);
    ++stats_.system_allocations;
    block->memory = static_cast<char*>(memory);
    block->size = size;
    block->pool = pools_.contains(current_pool) ? current_pool : 0;
    return block.release();
  }

  [[noreturn]] void refuse(std::size_t size) const {
    fail("allocator", strings::format("expected {} bytes of memory on {}, got none: {}", size, device_, held()));
  }

  // What is cut can be given back only when all of it is free.
  void release_cached() noexcept {
    for (auto at = cached_.begin(); at != cached_.end();) {
      const Block* block = at->second;
      if (block->before || block->after) {
        ++at;
        continue;
      }
      backend::system_free(device_, block->memory);
      stats_.reserved -= block->size;
      delete block;
      at = cached_.erase(at);
    }
  }

  // "1203.5 MB in use in 34 blocks, the largest 512.0 MB 256.0 MB 256.0 MB"
  std::string held() const {
    std::vector<std::size_t> sizes;
    for (const auto& [memory, block] : in_use_) sizes.push_back(block->size);
    std::sort(sizes.rbegin(), sizes.rend());
    std::string text =
        strings::format("{:.1f} MB in use in {} blocks, the largest", static_cast<double>(stats_.allocated) / 1e6, sizes.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(sizes.size(), 5); ++i)
      text += strings::format(" {:.1f} MB", static_cast<double>(sizes[i]) / 1e6);
    return text;
  }

  Device device_;
  detail::ForkMutex mutex_;
  Cache cached_;
  std::map<int, Cache> pools_;
  int last_pool_ = 0;
  std::unordered_map<void*, Block*> in_use_;
  MemoryStats stats_;
  std::size_t total_allocated_ = 0;
};

// Never destroyed: tensors of static lifetime are freed after it otherwise.
CachingAllocator& allocator(Device device) {
  if (device.is_cpu()) {
    static auto& host = *new CachingAllocator(cpu);
    return host;
  }
  static detail::ForkMutex mutex;
  static auto& gpus = *new std::map<int, CachingAllocator*>;
  std::lock_guard lock(mutex);
  auto& slot = gpus[device.index];
  if (!slot) slot = new CachingAllocator(device);
  return *slot;
}

}  // namespace

MemoryStats memory_stats(Device device) {
  return allocator(device).stats();
}
void reset_peak_memory_stats(Device device) {
  allocator(device).reset_peak();
}
void empty_cache(Device device) {
  allocator(device).empty_cache();
}
void set_poison_memory(bool on) {
  poison = on;
}

std::size_t detail::total_allocated(Device device) {
  return allocator(device).total_allocated();
}
detail::MemoryPool::MemoryPool(Device device) : device_(device), id_(allocator(device).open_pool()) {}
detail::MemoryPool::~MemoryPool() {
  allocator(device_).close_pool(id_);
}
detail::MemoryPool::Use::Use(const MemoryPool& pool) : before_(std::exchange(current_pool, pool.id_)) {}
detail::MemoryPool::Use::~Use() {
  current_pool = before_;
}

void* detail::allocate(Device device, std::size_t bytes) {
  return allocator(device).allocate(bytes);
}
void detail::deallocate(Device device, void* block) noexcept {
  if (block) allocator(device).deallocate(block);
}

}  // namespace heddle
