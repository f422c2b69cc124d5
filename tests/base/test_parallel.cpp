// The thread pool: every chunk once, no two workers alike, exceptions out, calls within calls, any number of threads.
#include "heddle/base/parallel.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "heddle/base/error.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct ThreadsBackAfterwards {
  int before = get_num_threads();
  ~ThreadsBackAfterwards() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("every chunk is called once, by workers that no two calls share at a time") {
  ThreadsBackAfterwards restore;
  for (int threads : {1, 2, 3, 4, 9}) {
    set_num_threads(threads);
    REQUIRE(get_num_threads() == threads);
    for (std::int64_t chunks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(chunks)), busy(static_cast<std::size_t>(threads));
      std::atomic<int> wrong = 0;
      parallel_chunks(chunks, [&](std::int64_t chunk, int worker) {
        if (worker < 0 || worker >= threads || busy[static_cast<std::size_t>(worker)].fetch_add(1) != 0) ++wrong;
        ++calls[static_cast<std::size_t>(chunk)];
        if (worker >= 0 && worker < threads) --busy[static_cast<std::size_t>(worker)];
      });
      CHECK(wrong == 0);
      for (const auto& n : calls) CHECK(n == 1);
    }
  }
}

TEST_CASE("parallel_for covers its range in pieces of the grain, whatever the number of threads") {
  ThreadsBackAfterwards restore;
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (std::int64_t count : {-1, 0, 1, 9, 10, 11, 100})
      for (std::int64_t grain : {-3, 0, 1, 4, 10, 1000}) {
        std::vector<std::atomic<int>> seen(count > 0 ? static_cast<std::size_t>(count) : 0);
        std::atomic<int> wrong = 0;
        parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
          const std::int64_t step = std::max<std::int64_t>(grain, 1);
          if (begin % step != 0 || end != std::min(begin + step, count)) ++wrong;
          for (auto i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        CHECK(wrong == 0);
        for (const auto& n : seen) CHECK(n == 1);
      }
  }
}

TEST_CASE("an exception leaves a parallel loop as it was thrown, and the pool goes on") {
  ThreadsBackAfterwards restore;
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (int round = 0; round < 20; ++round) {
      CHECK_THROWS_AS(parallel_chunks(50, [](std::int64_t chunk, int) { if (chunk == 17) throw std::out_of_range("17"); }), std::out_of_range);
      CHECK_THROWS_WITH(parallel_chunks(50, [](std::int64_t, int) { fail("all", "of them"); }), "[all] of them");
      std::atomic<int> calls = 0;
      parallel_chunks(50, [&](std::int64_t, int) { ++calls; });
      CHECK(calls == 50);
    }
  }
}

TEST_CASE("a parallel loop within another runs on the thread that meets it") {
  ThreadsBackAfterwards restore;
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::atomic<int> calls = 0, elsewhere = 0;
    parallel_chunks(8, [&](std::int64_t, int outer) {
      const auto here = std::this_thread::get_id();
      parallel_chunks(16, [&](std::int64_t, int inner) {
        ++calls;
        if (std::this_thread::get_id() != here || inner != outer) ++elsewhere;
      });
    });
    CHECK(calls == 8 * 16);
    CHECK(elsewhere == 0);
    CHECK_THROWS_AS(parallel_chunks(4, [](std::int64_t, int) { parallel_chunks(4, [](std::int64_t, int) { fail("inner", ""); }); }), Error);
  }
}

TEST_CASE("the number of threads can change between loops, not within one") {
  ThreadsBackAfterwards restore;
  for (int round = 0; round < 30; ++round) {
    set_num_threads(1 + round % 5);
    std::atomic<std::int64_t> sum = 0;
    parallel_chunks(100, [&](std::int64_t chunk, int) { sum += chunk; });
    CHECK(sum == 4950);
  }
  set_num_threads(0);
  CHECK(get_num_threads() >= 1);
  CHECK_THROWS_AS(set_num_threads(-1), Error);
  set_num_threads(2);
  // 32,000 threads were made once before the system refused the next.
  for (int absurd : {max_num_threads() + 1, 1000000, std::numeric_limits<int>::max()}) {
    CHECK_THROWS_WITH(set_num_threads(absurd), "[set_num_threads] expected from 0 (one a core) to " + std::to_string(max_num_threads()) +
                                                   " threads, got " + std::to_string(absurd));
    CHECK(get_num_threads() == 2);
  }
  CHECK(max_num_threads() >= 64);
  CHECK_THROWS_AS(parallel_chunks(2, [](std::int64_t, int) { set_num_threads(3); }), Error);
  CHECK(get_num_threads() == 2);
}

TEST_CASE("many small loops, one after another and from several threads at once") {
  ThreadsBackAfterwards restore;
  set_num_threads(3);
  std::int64_t total = 0;
  for (int round = 0; round < 5000; ++round) {
    std::atomic<int> calls = 0;
    parallel_chunks(round % 7, [&](std::int64_t, int) { calls.fetch_add(1, std::memory_order_relaxed); });
    total += calls;
  }
  CHECK(total == (5000 / 7) * 21 + 0 + 1);  // 714 rounds of 0 .. 6, then 0 and 1

  std::vector<std::int64_t> sums(4);
  std::vector<std::thread> callers;
  for (auto& sum : sums)
    callers.emplace_back([&sum] {
      for (int round = 0; round < 300; ++round) {
        std::vector<std::int64_t> parts(11);
        parallel_chunks(11, [&](std::int64_t chunk, int) { parts[static_cast<std::size_t>(chunk)] = chunk; });
        sum += std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
      }
    });
  for (auto& caller : callers) caller.join();
  for (auto sum : sums) CHECK(sum == 300 * 55);
}

TEST_CASE("a sum of one partial result a chunk has the same bits on any number of threads") {
  ThreadsBackAfterwards restore;
  std::vector<float> values(10007);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i)) * std::exp(static_cast<float>(i % 23) - 11);
  const auto sum = [&] {
    std::vector<float> partial(101);
    parallel_for(static_cast<std::int64_t>(values.size()), 100, [&](std::int64_t begin, std::int64_t end) {
      float s = 0;
      for (auto i = begin; i < end; ++i) s += values[static_cast<std::size_t>(i)];
      partial[static_cast<std::size_t>(begin / 100)] = s;
    });
    float s = 0;
    for (float p : partial) s += p;
    return s;
  };
  set_num_threads(1);
  const float expected = sum();
  for (int threads : {2, 3, 4})
    for (int round = 0; round < 10; ++round) {
      set_num_threads(threads);
      CHECK(sum() == expected);
    }
}

#if defined(__x86_64__) || defined(__aarch64__)
TEST_CASE("subnormal numbers are zero in every chunk, on whichever thread, and nowhere else") {
  ThreadsBackAfterwards restore;
  volatile float tiny = std::numeric_limits<float>::min();
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::vector<float> halves(64, 1.0f);
    parallel_chunks(64, [&](std::int64_t chunk, int) { halves[static_cast<std::size_t>(chunk)] = tiny * 0.5f; });
    for (float h : halves) CHECK(h == 0);
    CHECK(tiny * 0.5f > 0);
  }
}
#endif
