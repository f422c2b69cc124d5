// The CPU backend's thread pool: fixed chunks handed to whichever thread is free.
//
// The partition into chunks depends on the problem alone, never on the number of threads: a kernel that reduces writes
// one partial result per chunk and adds them in chunk order, and so gives the same bits on any number of threads. Workers
// spin briefly for the next job, then sleep, so that a busy machine is not slowed by waiting ones.
//
// The pool is there for as long as the process: destructors of static objects and threads that still run at exit may use it.
// A child that fork() made gets a pool of its own with its first parallel work. One that was forked within a chunk has half of
// the loop's threads missing: it may exec or _exit, and gets an Error where it leaves the loop.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// Threads that kernels use from now on, which are started here; 0 means one for each core that this process may use: those of its
/// affinity mask, or its cgroup's CPU quota, rounded up, where that is less. Waits for running work. Error for less than 0 or more
/// than max_num_threads(), within parallel work, and where the system starts no more threads; the number then stays what it was.
void set_num_threads(int threads);
/// At first as after set_num_threads(0). These threads are started by the first parallel work, which fails with an Error where
/// the system has no more; fewer may be asked for then.
int get_num_threads();
/// The most that set_num_threads() takes: 4 for each core of the affinity mask, and at least 64. Results do not depend on the
/// number, so more would only cost memory.
int max_num_threads();

namespace detail {
using ChunkFunction = void (*)(void* context, std::int64_t chunk, int worker);
void run_chunks(std::int64_t chunks, ChunkFunction function, void* context);
void run_alone(void (*function)(void* context), void* context);
}  // namespace detail

/// Calls f(chunk, worker) once for every chunk in [0, chunks), from several threads at once; worker lies in
/// [0, get_num_threads()) and no two calls running at once share one: it indexes scratch memory. Returns when all are
/// done. The first exception is rethrown here. Called from inside a chunk it runs on the calling thread alone.
template <class F> void parallel_chunks(std::int64_t chunks, F&& f) {
  detail::run_chunks(
      chunks, [](void* context, std::int64_t chunk, int worker) { (*static_cast<std::remove_reference_t<F>*>(context))(chunk, worker); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

/// Calls f(begin, end) over pieces of [0, count) of `grain` elements each (the last may be shorter).
template <class F> void parallel_for(std::int64_t count, std::int64_t grain, F&& f) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  parallel_chunks((count + grain - 1) / grain, [&](std::int64_t chunk, int) {
    const std::int64_t begin = chunk * grain;
    f(begin, begin + grain < count ? begin + grain : count);
  });
}

/// Calls f() with all parallel work in it done by the calling thread, beside the pool and not in its turn: for a thread
/// that prepares something while others compute. Results are the same.
template <class F> void run_alone(F&& f) {
  detail::run_alone([](void* context) { (*static_cast<std::remove_reference_t<F>*>(context))(); },
                    const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace heddle
HD_API_END
