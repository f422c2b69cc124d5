// Runs one block after another on one thread of the CPU: a fiber for each of the block's threads, each running until it
// waits for others, and then handing over to the next that can go on. When none can and not all have finished, the block
// is stuck, and the reason is one of the bugs this emulator is for.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simt/async_copies.hpp"
#include "tests/simt/fiber.hpp"
#include "tests/simt/kernel_context.hpp"
#include "tests/simt/launch.hpp"
#include "tests/simt/schedule.hpp"
#include "tests/simt/shared_memory.hpp"
#include "tests/simt/warp.hpp"

namespace heddle::simt::emulator {

inline constexpr unsigned max_block_threads = 1024;
inline constexpr int barrier_ids = 16;

/// A set of threads by their rank, the place in the current order.
struct RankSet {
  std::array<std::uint64_t, max_block_threads / 64> word{};

  void add(unsigned rank) { word[rank / 64] |= std::uint64_t{1} << rank % 64; }
  void remove(unsigned rank) { word[rank / 64] &= ~(std::uint64_t{1} << rank % 64); }
  void clear() { word = {}; }
  /// The lowest rank from `from` on; -1 if none.
  int next(unsigned from) const;
};

struct Thread {
  enum class State { ready, at_barrier, at_warp_call, finished };

  Fiber fiber;
  uint3 index{};
  unsigned linear = 0;
  unsigned rank = 0;
  State state = State::ready;
  int barrier_id = 0;
  const char* waits_at = "";  ///< the name of what it waits at
  Site site;                  ///< and its line
  AsyncCopies copies;
};

class BlockRunner {
 public:
  /// The runner of the calling thread.
  static BlockRunner& mine();

  /// Runs one block; what went wrong, if anything, as text without the kernel's name. Under TSan, races are looked for in
  /// the blocks that are `tracked`.
  std::optional<std::string> run(const Launch& launch, uint3 block, Schedule schedule, bool tracked);
  /// Orders the host and the blocks between the two, under TSan.
  void begin_launch();
  void end_launch();

  // For kernel_context.hpp's functions, on a fiber.
  Thread& running() { return *running_; }
  SharedMemory& shared() { return bank_->shared; }
  [[noreturn]] void report(const std::string& what, const Site& site);
  int barrier(const char* name, int id, unsigned threads, int vote, const Site& site);
  void warp_call(const WarpCall& call, const Site& site);

 private:
  struct Barrier {
    unsigned arrived = 0, threads = 0, generation = 0;
    Thread* first = nullptr;
    int votes[2] = {0, 0};
    char order[2] = {0, 0};  // addresses for TSan: two, so that early threads of the next round do not order late ones of this
  };

  // What blocks run on; under TSan tracked blocks on the first two in turn, others on the third. Blocks of one bank are ordered to TSan, one after the other, since they use the same stacks and
  // shared memory; blocks of different banks are not, so that a race between two blocks shows where they come to lie on
  // different ones. Fibers of TSan are far too slow to make anew for each block.
  struct Bank {
    std::vector<std::unique_ptr<Thread>> threads;
    Stacks stacks;
    SharedMemory shared;
    char order = 0;
  };

  static void thread_main();
  void prepare(const Launch& launch, uint3 block, Schedule schedule, bool tracked);
  void arrange();
  void make_ready(Thread& t);
  Thread* next_ready();
  void hand_over(bool for_good = false);
  void finish_thread();
  std::string stuck() const;
  std::string where(const Thread& t) const;

  const Launch* launch_ = nullptr;
  uint3 block_{};
  Schedule schedule_;
  Random random_{0};
  unsigned count_ = 0, finished_ = 0;
  Thread* running_ = nullptr;
  Thread& thread(unsigned i) const { return *bank_->threads[i]; }

  std::array<Bank, 3> banks_;
  unsigned next_bank_ = 0;
  bool tracked_ = false;
  Bank* bank_ = nullptr;
  std::vector<Thread*> by_rank_;
  RankSet ready_;
  std::array<RankSet, barrier_ids> waiting_;
  std::array<Barrier, barrier_ids> barriers_;
  std::vector<Warp> warps_;
  Fiber main_;
  std::optional<std::string> failure_;
};

/// A path from the repository's root on, whatever directory it was compiled in.
std::string line_of(const Site& site);
bool same_site(const Site& a, const Site& b);
std::string text_of(uint3 i);

/// What __threadfence passes through, under TSan.
extern char fence_order;

}  // namespace heddle::simt::emulator
