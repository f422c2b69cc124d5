// A launch: checked as CUDA would check it, then its blocks shared among worker threads through a counter. A block never
// changes its thread, and an error ends the launch with the first message.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "heddle/base/error.hpp"
#include "tests/simt/block.hpp"
#include "tests/simt/builtins.hpp"
#include "tests/simt/device_memory.hpp"
#include "tests/simt/launch.hpp"
#include "tests/simt/sanitizers.hpp"
#include "tests/simt/streams.hpp"
#include "tests/simt/worker_pool.hpp"

namespace heddle::simt::emulator {
namespace {

// With HD_SIMT_COVERAGE naming a directory, every program says there, when it ends, which kernels it contains and how often
// each was launched; tests/simt/coverage.cpp adds that up.
struct CoverageWriter {
  ~CoverageWriter() {
    const char* const directory = std::getenv("HD_SIMT_COVERAGE");
    if (!directory) return;
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    const std::string path = std::string(directory) + "/" + std::to_string(getpid());
    std::FILE* const file = std::fopen(path.c_str(), "a");
    if (!file) return;
    for (const KernelInfo& k : registered_kernels())
      std::fprintf(file, "%llu %s\n", static_cast<unsigned long long>(k.launches), k.name.c_str());
    std::fclose(file);
  }
} coverage_writer;

std::string text_of(dim3 d) { return emulator::text_of(uint3{d.x, d.y, d.z}); }

void check(const Launch& l) {
  const std::string& name = l.entry->name;
  const std::uint64_t threads = std::uint64_t{l.block.x} * l.block.y * l.block.z;
  if (threads == 0 || threads > max_block_threads || l.block.z > 64)
    fail(name, "expected blocks of 1 to 1024 threads, at most 64 deep, got " + text_of(l.block));
  if (l.grid.x > 0x7FFFFFFFu || l.grid.y > 65535 || l.grid.z > 65535)
    fail(name, "expected a grid of at most (2147483647, 65535, 65535) blocks, got " + text_of(l.grid));
  if (l.shared_bytes > max_shared_bytes)
    fail(name, "expected at most " + std::to_string(max_shared_bytes) + " bytes of shared memory, got " + std::to_string(l.shared_bytes));
  for (std::size_t i = 0; i < l.pointers.size(); ++i)
    if (l.pointers[i] && !is_device_pointer(l.pointers[i]))
      fail(name, "argument " + std::to_string(i + 1) + " is a pointer, but not to memory of the device");
}

// Block number i of the order that the schedule asks for.
class BlockOrder {
 public:
  BlockOrder(dim3 grid, Schedule schedule) : grid_(grid), count_(std::uint64_t{grid.x} * grid.y * grid.z), order_(schedule.order) {
    Random random{schedule.seed};
    offset_ = random.next() % count_;
    stride_ = random.next() % count_ + 1;
    while (std::gcd(stride_, count_) != 1) ++stride_;
  }
  std::uint64_t count() const { return count_; }
  uint3 operator[](std::uint64_t i) const {
    if (order_ == Order::reverse) i = count_ - 1 - i;
    else if (order_ != Order::forward) i = static_cast<std::uint64_t>((static_cast<unsigned __int128>(i) * stride_ + offset_) % count_);
    return {static_cast<unsigned>(i % grid_.x), static_cast<unsigned>(i / grid_.x % grid_.y),
            static_cast<unsigned>(i / (std::uint64_t{grid_.x} * grid_.y))};
  }

 private:
  dim3 grid_;
  std::uint64_t count_, offset_ = 0, stride_ = 1;
  Order order_;
};

// Whether a kernel has not yet run often in this shape. Tests repeat a shape for other options and values, which seldom change
// who reads what when: the first few runs of each are watched for races. Called by one thread at a time.
bool is_news(const Launch& l) {
  constexpr int watched_runs = 8;
  using Shape = std::array<std::uint64_t, 7>;
  static std::map<std::pair<const KernelEntry*, Shape>, int> runs;
  const Shape shape = {l.grid.x, l.grid.y, l.grid.z, l.block.x, l.block.y, l.block.z, l.shared_bytes};
  return runs[{l.entry, shape}]++ < watched_runs;
}

void run_grid(const Launch& l) {
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  const DeviceAccess access;
  const Schedule order = schedule();
  const BlockOrder blocks(l.grid, order);
  std::atomic<std::uint64_t> next{0};
  std::mutex failure_mutex;
  std::optional<std::string> failure;
  // TSan takes microseconds for each thread of a block: of a large grid it watches the first blocks and the last, which
  // hold the ragged ends.
  constexpr std::uint64_t tracked_ends = 4;
  const bool watched = !under_tsan || is_news(l);
  const auto work = [&] {
    for (std::uint64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < blocks.count();) {
      const bool tracked = watched && (i < tracked_ends || i + tracked_ends >= blocks.count());
      auto problem = BlockRunner::mine().run(l, blocks[i], order, tracked);
      if (!problem) continue;
      std::lock_guard failure_lock(failure_mutex);
      if (!failure) failure = std::move(problem);
      next = blocks.count();
    }
  };
  BlockRunner::mine().begin_launch();
  WorkerPool::shared().run(static_cast<int>(std::min<std::uint64_t>(blocks.count(), static_cast<unsigned>(workers()))), work);
  BlockRunner::mine().end_launch();
  if (failure) fail(l.entry->name, *failure + " [order " + name_of(order) + "]");
}

}  // namespace

void submit(Launch l, Stream stream) {
  if (l.grid.x == 0 || l.grid.y == 0 || l.grid.z == 0) return;
  check(l);
  note_launch(*l.entry);
  const std::string& name = l.entry->name;
  enqueue(name, stream, [launch = std::move(l)] {
    if (!dry()) run_grid(launch);
  });
}

}  // namespace heddle::simt::emulator
