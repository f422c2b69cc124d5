#include "heddle/base/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/base/chunk.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace heddle {
namespace {

// Subnormal numbers cost some processors a hundred cycles each, so every thread that runs chunks flushes them to zero:
// the calling thread too, for the length of its chunks, so that results do not depend on who ran which chunk.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ull << 24)));
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
  explicit Pool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }
  int size() const { return static_cast<int>(workers_.size()) + 1; }

  void run(const Job& job) {
    const bool alone = job.chunks == 1 || workers_.empty();
    {
      std::lock_guard lock(mutex_);
      job_ = job;
      next_.store(0, std::memory_order_relaxed);
      error_ = nullptr;
      if (!alone) {
        busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
        generation_.fetch_add(1, std::memory_order_release);
      }
    }
    if (!alone && sleeping_.load() > 0) wake_.notify_all();
    drain(0);
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

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<unsigned> generation_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<int> busy_{0};
  std::atomic<std::int64_t> next_{0};
  Job job_;
  std::exception_ptr error_;
  bool stop_ = false;
};

int available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

// One caller at a time: several threads of a program may run kernels, and take turns.
struct Shared {
  std::mutex turn;
  std::unique_ptr<Pool> pool;
  std::atomic<int> threads{available_cores()};
};
Shared& shared() {
  static Shared instance;
  return instance;
}

}  // namespace

void set_num_threads(int threads) {
  check(threads >= 0, "set_num_threads", "expected 0 (one a core) or more, got {}", threads);
  check(current_worker < 0, "set_num_threads", "expected a call from outside parallel work");
  auto& s = shared();
  std::lock_guard lock(s.turn);
  s.pool.reset();
  s.threads = threads == 0 ? available_cores() : threads;
}

int get_num_threads() { return shared().threads; }

bool detail::in_chunk() { return current_worker >= 0; }

void detail::run_chunks(std::int64_t chunks, ChunkFunction function, void* context) {
  if (chunks <= 0) return;
  if (current_worker >= 0) {  // nested: the outer loop already keeps every core busy
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) function(context, chunk, current_worker);
    return;
  }
  auto& s = shared();
  std::lock_guard lock(s.turn);
  if (!s.pool) s.pool = std::make_unique<Pool>(s.threads);
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
