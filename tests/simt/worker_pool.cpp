#include "tests/simt/worker_pool.hpp"

namespace heddle::simt::emulator {

WorkerPool& WorkerPool::shared() {
  static WorkerPool pool;
  return pool;
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void WorkerPool::run(int threads, const std::function<void()>& work) {
  if (threads > 1) {
    std::lock_guard lock(mutex_);
    while (static_cast<int>(threads_.size()) < threads - 1) threads_.emplace_back([this] { loop(); });
    work_ = &work;
    wanted_ = busy_ = threads - 1;
    wake_.notify_all();
  }
  work();
  if (threads > 1) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }
}

void WorkerPool::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || wanted_ > 0; });
    if (stop_) return;
    --wanted_;
    const auto* const work = work_;
    lock.unlock();
    (*work)();
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace heddle::simt::emulator
