#include "heddle/base/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/base/chunk.hpp"
#include "heddle/base/cores.hpp"
#include "heddle/base/denormal.hpp"
#include "heddle/base/fork.hpp"
#include "heddle/base/threads.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace heddle {
namespace {

// Subnormal numbers cost some processors a hundred cycles each, so every thread that runs chunks flushes them to zero, unless
// set_flush_denormal() says otherwise: the calling thread too, for the length of its chunks, so that results do not depend on
// who ran which chunk.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(get_flush_denormal() ? saved_ | 0x8040u : saved_ & ~0x8040u); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(get_flush_denormal() ? saved_ | (1ull << 24) : saved_ & ~(1ull << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

 private:
  unsigned long long saved_;
#endif
};

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

thread_local int current_worker = -1;  // whose chunk this thread is in; -1 outside of parallel work

struct Job {
  detail::ChunkFunction function = nullptr;
  void* context = nullptr;
  std::int64_t chunks = 0;
};

class Pool {
 public:
  Pool(int threads, std::string_view where)
      : size_(threads),
        workers_(detail::start_threads(where, threads - 1, [this](int i) { work(i + 1); }, [this] { stop(); })) {}
  ~Pool() {
    stop();
    for (auto& worker : workers_) worker.join();
  }

  void run(const Job& job) {
    const bool alone = job.chunks == 1 || size_ == 1;
    {
      std::lock_guard lock(mutex_);
      job_ = job;
      next_.store(0, std::memory_order_relaxed);
      error_ = nullptr;
      if (!alone) {
        busy_.store(size_ - 1, std::memory_order_relaxed);
        generation_.fetch_add(1, std::memory_order_release);
      }
    }
    if (!alone && sleeping_.load() > 0) wake_.notify_all();
    drain(0);
    if (!alone)
      check(made_in_ == detail::fork_generation(), "parallel",
            "expected a loop to end in the process that began it, got a fork() within one of its chunks");
    for (int spin = 0; busy_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < 4000) {
        relax();
        continue;
      }
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return busy_.load(std::memory_order_acquire) == 0; });
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
  }

  void drain(int worker) {
    current_worker = worker;
    FlushDenormals flush;
    for (std::int64_t chunk; (chunk = next_.fetch_add(1, std::memory_order_relaxed)) < job_.chunks;) {
      try {
        job_.function(job_.context, chunk, worker);
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    current_worker = -1;
  }

  void work(int worker) {
    unsigned seen = 0;
    for (;;) {
      for (int spin = 0; generation_.load(std::memory_order_acquire) == seen && spin < 4000; ++spin) relax();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        sleeping_.fetch_sub(1);
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stop_) return;
      drain(worker);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<unsigned> generation_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<int> busy_{0};
  std::atomic<std::int64_t> next_{0};
  Job job_;
  std::exception_ptr error_;
  bool stop_ = false;
  const int made_in_ = detail::fork_generation();
  const int size_;
  std::vector<std::thread> workers_;  // last: they use the rest
};

// One caller at a time: several threads of a program may run kernels, and take turns.
struct Shared {
  std::mutex turn;
  std::unique_ptr<Pool> pool;  // made by the first work
  std::atomic<int> threads;
  const int made_in = detail::fork_generation();
  Shared* before;  // of the process that this one was forked off, whose threads are not here: left alone, and reachable
};

constinit std::atomic<Shared*> present{nullptr};

// This process's; never destroyed, since destructors of static objects and detached threads may still come.
Shared& shared() {
  Shared* known = present.load(std::memory_order_acquire);
  if (known && known->made_in == detail::fork_generation()) return *known;
  const int threads = known ? known->threads.load() : detail::available_cores();
  std::unique_ptr<Shared> fresh(new Shared{.turn = {}, .pool = {}, .threads{threads}, .before = known});
  if (present.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *known;
}

// At exit, or where a plug-in is unloaded, no thread may stay behind in code that goes. Work that comes later starts others.
struct StopAtExit {
  ~StopAtExit() {
    Shared* const known = present.load(std::memory_order_acquire);
    if (!known || known->made_in != detail::fork_generation() || current_worker >= 0) return;
    std::unique_lock lock(known->turn, std::try_to_lock);
    if (lock) known->pool.reset();
  }
} stop_at_exit;

}  // namespace

void set_num_threads(int threads) {
  constexpr std::string_view where = "set_num_threads";
  const int most = max_num_threads();
  check(threads >= 0 && threads <= most, where, "expected from 0 (one a core) to {} threads, got {}", most, threads);
  check(current_worker < 0, where, "expected a call from outside parallel work");
  const int count = threads == 0 ? detail::available_cores() : threads;
  auto& s = shared();
  std::lock_guard lock(s.turn);
  if (s.pool && s.threads == count) return;
  auto pool = std::make_unique<Pool>(count, where);  // the former one stays where this fails
  s.pool = std::move(pool);
  s.threads = count;
}

int get_num_threads() { return shared().threads; }

int max_num_threads() { return std::max(64, 4 * detail::affinity_cores()); }

bool detail::in_chunk() { return current_worker >= 0; }

void detail::run_chunks(std::int64_t chunks, ChunkFunction function, void* context) {
  if (chunks <= 0) return;
  if (current_worker >= 0) {  // nested: the outer loop already keeps every core busy
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) function(context, chunk, current_worker);
    return;
  }
  auto& s = shared();
  std::lock_guard lock(s.turn);
  if (!s.pool) s.pool = std::make_unique<Pool>(s.threads, "parallel");
  s.pool->run({function, context, chunks});
}

void detail::run_alone(void (*function)(void* context), void* context) {
  // Work begun inside a chunk stays on its thread; so this poses as one.
  struct Chunk {
    FlushDenormals flush;
    int before = std::exchange(current_worker, 0);
    ~Chunk() { current_worker = before; }
  } chunk;
  function(context);
}

}  // namespace heddle
