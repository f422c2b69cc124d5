#include "tests/simt/block.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/simt/builtins.hpp"
#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {

char fence_order;

int RankSet::next(unsigned from) const {
  for (unsigned i = from / 64; i < word.size(); ++i) {
    const std::uint64_t rest = i == from / 64 ? word[i] & ~std::uint64_t{0} << from % 64 : word[i];
    if (rest) return static_cast<int>(i * 64 + static_cast<unsigned>(std::countr_zero(rest)));
  }
  return -1;
}

std::string line_of(const Site& site) {
  std::string_view path = site.file_name();
  for (std::string_view root : {"kernels/", "tests/", "bench/", "lib/"})
    if (const std::size_t at = path.rfind("/" + std::string(root)); at != std::string_view::npos) {
      path.remove_prefix(at + 1);
      break;
    }
  return std::string(path) + ":" + std::to_string(site.line());
}
bool same_site(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0;
}
std::string text_of(uint3 i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}

BlockRunner& BlockRunner::mine() {
  thread_local BlockRunner runner;
  return runner;
}

void BlockRunner::begin_launch() {
  for (Bank& bank : banks_) release_order(&bank.order);
}
void BlockRunner::end_launch() {
  for (Bank& bank : banks_) acquire_order(&bank.order);
}

void BlockRunner::prepare(const Launch& launch, uint3 block, Schedule schedule, bool tracked) {
  launch_ = &launch;
  block_ = block;
  schedule_ = schedule;
  random_.state = schedule.seed * 0x9E3779B97F4A7C15u + ((std::uint64_t{block.z} * launch.grid.y + block.y) * launch.grid.x + block.x);
  blockIdx = block;
  blockDim = launch.block;
  gridDim = launch.grid;
  count_ = launch.block.x * launch.block.y * launch.block.z;
  finished_ = 0;
  failure_.reset();
  if (!bank_) main_.adopt_thread();
  tracked_ = tracked && under_tsan;
  bank_ = &banks_[tracked_ ? next_bank_++ % 2 : 2];
  while (bank_->threads.size() < count_) bank_->threads.push_back(std::make_unique<Thread>());
  by_rank_.resize(count_);
  warps_.assign((count_ + 31) / 32, Warp{});
  barriers_.fill({});
  for (RankSet& set : waiting_) set.clear();
  bank_->shared.begin_block(launch.shared_bytes);
  bank_->stacks.reserve(count_);
  for (unsigned i = 0; i < count_; ++i) {
    Thread& t = thread(i);
    t.linear = i;
    t.index = {i % launch.block.x, i / launch.block.x % launch.block.y, i / (launch.block.x * launch.block.y)};
    t.state = Thread::State::ready;
    t.copies.clear();
    t.fiber.prepare(bank_->stacks.lowest(i), bank_->stacks.bytes(), i % 32 * 208, tracked_, thread_main);
    warps_[i / 32].present |= 1u << i % 32;
  }
  arrange();
}

// Gives every thread its place in the order; all of them are ready.
void BlockRunner::arrange() {
  std::array<unsigned, max_block_threads / 32> warp;
  const unsigned warps = (count_ + 31) / 32;
  for (unsigned w = 0; w < warps; ++w) warp[w] = w;
  if (schedule_.order == Order::priority)
    for (unsigned w = warps; w > 1; --w) std::swap(warp[w - 1], warp[random_.below(w)]);
  unsigned rank = 0;
  ready_.clear();
  for (unsigned w = 0; w < warps; ++w) {
    const unsigned first = warp[w] * 32, lanes = std::min(32u, count_ - first);
    const bool backwards = schedule_.order == Order::priority && random_.below(2) == 1;
    for (unsigned l = 0; l < lanes; ++l, ++rank) {
      Thread& t = thread(first + (backwards ? lanes - 1 - l : l));
      t.rank = schedule_.order == Order::reverse ? count_ - 1 - rank : rank;
      by_rank_[t.rank] = &t;
      ready_.add(t.rank);
    }
  }
}

void BlockRunner::make_ready(Thread& t) {
  t.state = Thread::State::ready;
  ready_.add(t.rank);
}

Thread* BlockRunner::next_ready() {
  int rank = schedule_.order == Order::random ? ready_.next(random_.below(count_)) : -1;
  if (rank < 0) rank = ready_.next(0);
  return rank < 0 ? nullptr : by_rank_[static_cast<unsigned>(rank)];
}

// Goes on with the thread whose turn it is, which may be the same; without one, with run().
void BlockRunner::hand_over(bool for_good) {
  Thread* const self = running_;
  Thread* const next = next_ready();
  if (next == self && !for_good) return;
  running_ = next;
  if (next) threadIdx = next->index;
  Fiber::run(self->fiber, next ? next->fiber : main_, for_good);
}

std::optional<std::string> BlockRunner::run(const Launch& launch, uint3 block, Schedule schedule, bool tracked) {
  prepare(launch, block, schedule, tracked);
  running_ = next_ready();
  threadIdx = running_->index;
  Fiber::run(main_, running_->fiber);
  if (!failure_ && finished_ < count_) failure_ = stuck();
  if (failure_) {
    for (unsigned i = 0; i < count_; ++i) thread(i).fiber.drop();
    bank_->stacks.forget();
  }
  return failure_;
}

void BlockRunner::thread_main() {
  BlockRunner& runner = mine();
  runner.running_->fiber.entered();
  if (runner.tracked_) acquire_order(&runner.bank_->order);
  runner.launch_->thread();
  runner.finish_thread();
}

void BlockRunner::finish_thread() {
  Thread& t = *running_;
  if (const auto* copy = t.copies.first()) report("an asynchronous copy was never waited for", copy->site);
  t.state = Thread::State::finished;
  warps_[t.linear / 32].finished |= 1u << t.linear % 32;
  ready_.remove(t.rank);
  ++finished_;
  if (tracked_) release_order(&bank_->order);
  hand_over(true);
}

std::string BlockRunner::where(const Thread& t) const {
  return "block " + text_of(block_) + " thread " + text_of(t.index);
}

void BlockRunner::report(const std::string& what, const Site& site) {
  failure_ = where(*running_) + ", " + line_of(site) + ": " + what;
  Thread& self = *running_;
  running_ = nullptr;
  Fiber::run(self.fiber, main_, true);
  std::abort();
}

int BlockRunner::barrier(const char* name, int id, unsigned threads, int vote, const Site& site) {
  Thread& self = *running_;
  Barrier& b = barriers_[static_cast<unsigned>(id)];
  if (threads == 0) threads = count_;
  if (b.arrived == 0) {
    b.first = &self;
    b.threads = threads;
    if (threads > count_) report(std::string(name) + " for more threads than the block has", site);
  } else if (!same_site(b.first->site, site)) {
    report(std::string("divergent barrier: this thread is at ") + name + ", but thread " + text_of(b.first->index) + " waits at " +
               b.first->waits_at + " in " + line_of(b.first->site),
           site);
  } else if (b.threads != threads) {
    report(std::string(name) + " for " + std::to_string(threads) + " threads, elsewhere for " + std::to_string(b.threads), site);
  }
  const unsigned parity = b.generation & 1;
  if (tracked_) release_order(&b.order[parity]);
  b.votes[parity] += vote;
  self.waits_at = name;
  self.site = site;
  self.barrier_id = id;
  if (++b.arrived < b.threads) {
    self.state = Thread::State::at_barrier;
    ready_.remove(self.rank);
    waiting_[static_cast<unsigned>(id)].add(self.rank);
  } else {
    b.arrived = 0;
    b.votes[parity ^ 1] = 0;
    ++b.generation;
    RankSet& set = waiting_[static_cast<unsigned>(id)];
    for (int r = set.next(0); r >= 0 && r < static_cast<int>(count_); r = set.next(static_cast<unsigned>(r))) {
      set.remove(static_cast<unsigned>(r));
      make_ready(*by_rank_[static_cast<unsigned>(r)]);
    }
    if (id == 0 && schedule_.order == Order::priority && b.threads == count_) arrange();
  }
  hand_over();
  if (tracked_) acquire_order(&b.order[parity]);
  return b.votes[parity];
}

// Nobody can go on: the threads that wait, by where they wait, and how many have left.
std::string BlockRunner::stuck() const {
  struct Group {
    unsigned count = 0;
    const Thread* first = nullptr;
  };
  std::map<std::string, Group> groups;
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& t = thread(i);
    if (t.state == Thread::State::finished) continue;
    Group& g = groups[std::string(t.waits_at) + " in " + line_of(t.site)];
    if (g.count++ == 0) g.first = &t;
  }
  const bool divergent = finished_ > 0 || groups.size() > 1;
  std::string text;
  for (const auto& [place, g] : groups) {
    if (text.empty()) text = where(*g.first) + ": " + (divergent ? "divergent threads: " : "deadlock: ");
    else text += "; ";
    text += std::to_string(g.count) + " threads, " + text_of(g.first->index) + " the first, wait at " + place;
  }
  if (finished_ > 0) text += "; " + std::to_string(finished_) + " threads have left the kernel";
  return text;
}

}  // namespace heddle::simt::emulator
