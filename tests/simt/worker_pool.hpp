// Threads that wait for work, kept from launch to launch.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace heddle::simt::emulator {

class WorkerPool {
 public:
  static WorkerPool& shared();
  ~WorkerPool();
  /// Calls `work` on `threads` threads at once, the calling one among them, and returns when all have returned.
  void run(int threads, const std::function<void()>& work);

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  const std::function<void()>* work_ = nullptr;
  int wanted_ = 0, busy_ = 0;
  bool stop_ = false;
};

}  // namespace heddle::simt::emulator
