// The caching allocator: what it counts, that it hands freed blocks out again, and poison.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

#include "heddle/core/allocator.hpp"
#include "heddle/core/backend.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("the allocator counts what is in use and what is cached", "[allocator]") {
  for (Device device : test_devices()) {
    empty_cache(device);
    reset_peak_memory_stats(device);
    const MemoryStats before = memory_stats(device);
    {
      const Tensor x = empty({1000, 1000}, {.device = device});
      const MemoryStats during = memory_stats(device);
      REQUIRE(during.allocated >= before.allocated + 4000000);
      REQUIRE(during.allocated < before.allocated + 4100000);
      REQUIRE(during.allocations == before.allocations + 1);
      REQUIRE(during.system_allocations == before.system_allocations + 1);
    }
    const MemoryStats after = memory_stats(device);
    REQUIRE(after.allocated == before.allocated);
    REQUIRE(after.peak_allocated >= before.allocated + 4000000);
    REQUIRE(after.reserved >= before.reserved + 4000000);
    {
      const Tensor again = empty({1000, 1000}, {.device = device});
      REQUIRE(memory_stats(device).system_allocations == after.system_allocations);
    }
    empty_cache(device);
    REQUIRE(memory_stats(device).reserved == before.reserved);
    reset_peak_memory_stats(device);
    REQUIRE(memory_stats(device).peak_allocated == memory_stats(device).allocated);
  }
}

TEST_CASE("a much larger block is not spent on a small request", "[allocator]") {
  empty_cache();
  { const Tensor large = empty({4 << 20}, {.dtype = uint8}); }
  const MemoryStats before = memory_stats();
  const Tensor small = empty({1 << 20}, {.dtype = uint8});
  REQUIRE(memory_stats().allocated - before.allocated < (2u << 20));
}

TEST_CASE("a large request may cut a larger block, whose parts become one again", "[allocator]") {
  for (Device device : test_devices()) {
    const auto megabytes = [&](int count) { return empty({count << 20}, {uint8, device}); };
    empty_cache(device);
    const MemoryStats before = memory_stats(device);
    { const Tensor whole = megabytes(8); }
    const MemoryStats cached = memory_stats(device);
    {
      const Tensor first = megabytes(3), second = megabytes(2);
      const Tensor third = megabytes(3), one_more = megabytes(1);
      CHECK(memory_stats(device).system_allocations == cached.system_allocations + 1);  // for the last
      CHECK(memory_stats(device).allocated - before.allocated == 9u << 20);
      const auto at = [](const Tensor& t) { return static_cast<const char*>(t.raw_data()); };
      CHECK(at(second) - at(first) == 3 << 20);
      CHECK(at(third) - at(second) == 2 << 20);
    }
    {
      const Tensor whole = megabytes(8);
      CHECK(memory_stats(device).system_allocations == cached.system_allocations + 1);
      empty_cache(device);
      CHECK(memory_stats(device).reserved == before.reserved + (8u << 20));
    }
    {
      // A part that is in use keeps the rest from being given back, but not from being handed out.
      Tensor part = megabytes(6);
      empty_cache(device);
      CHECK(memory_stats(device).reserved == before.reserved + (8u << 20));
      const Tensor rest = megabytes(2);
      CHECK(memory_stats(device).system_allocations == cached.system_allocations + 1);
    }
    { const Tensor small = empty({1000}, {.device = device}); }  // never cuts
    const MemoryStats now = memory_stats(device);
    { const Tensor whole = megabytes(8); }
    CHECK(memory_stats(device).system_allocations == now.system_allocations);
    empty_cache(device);
    CHECK(memory_stats(device).reserved == before.reserved);
  }
}

TEST_CASE("blocks are aligned, and an empty tensor takes none", "[allocator]") {
  const MemoryStats before = memory_stats();
  REQUIRE(empty({0, 5}).raw_data() == nullptr);
  REQUIRE(memory_stats().allocations == before.allocations);
  for (int size : {1, 3, 17, 1000, 70001})
    REQUIRE(reinterpret_cast<std::uintptr_t>(empty({size}, {.dtype = uint8}).raw_data()) % 64 == 0);
}

TEST_CASE("poisoned memory shows what was never written", "[allocator]") {
  for (Device device : test_devices()) {
    set_poison_memory(true);
    const auto values = empty({100}, {.device = device}).to_vector<float>();
    set_poison_memory(false);
    for (float v : values) REQUIRE(std::isnan(v));
  }
}

TEST_CASE("threads allocate at the same time", "[allocator]") {
  const MemoryStats before = memory_stats();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) {
        Tensor x = full({100 + i}, t);
        for (float v : x.to_vector<float>())
          if (v != static_cast<float>(t)) throw std::runtime_error("two threads share a block");
      }
    });
  for (auto& thread : threads) thread.join();
  REQUIRE(memory_stats().allocated == before.allocated);
}

TEST_CASE("more memory than there is, is an error that says what is held", "[allocator]") {
  const Tensor held = empty({1000, 1000});
  try {
    empty({std::int64_t{1} << 60}, {.dtype = uint8});
    FAIL("2^60 bytes were granted");
  } catch (const Error& error) {
    const std::string message = error.what();
    REQUIRE(message.find("[allocator] expected 1152921504606846976 bytes of memory on cpu, got none") == 0);
    REQUIRE(message.find("MB in use in") != std::string::npos);
    REQUIRE(message.find("; it was for uint8 [1152921504606846976]") != std::string::npos);
  }
}

#if HD_TEST_FORKS
// AddressSanitizer's own allocator may be locked by another thread at the fork, for good in the child.
TEST_CASE("a child of fork() finds the allocator whole, whatever other threads were at", "[allocator][unsanitized]") {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&stop, t] {
      for (int i = 0; !stop; ++i) full({100 + i % 500}, t);
    });
  for (int round = 0; round < 30; ++round)
    CHECK(in_child([] {
            for (int i = 0; i < 50; ++i)
              if (full({100 + i * 10}, 2).to_vector<float>()[99] != 2) return 1;
            return memory_stats().allocated > 0 || memory_stats().reserved > 0 ? 0 : 2;
          }) == 0);
  stop = true;
  for (auto& thread : threads) thread.join();
}

// Sanitizers take terabytes of addresses for themselves.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("where memory ends, the cache goes first, then an Error comes, and all is as before", "[allocator][unsanitized]") {
  CHECK(in_child([] {
          const auto megabytes = [](std::int64_t count) { return empty({count << 20}, {.dtype = uint8}); };
          empty_cache();
          { const Tensor cached = megabytes(256); }
          std::size_t pages = 0;
          std::ifstream("/proc/self/statm") >> pages;
          const std::size_t limit = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (64u << 20);
          const rlimit most{limit, limit};
          if (::setrlimit(RLIMIT_AS, &most) != 0) return 1;
          const Tensor large = megabytes(300);  // there is room for it where the 256 were
          const MemoryStats before = memory_stats();
          try {
            megabytes(2000);
            return 2;
          } catch (const Error& error) {
            if (std::string(error.what()).find("[allocator] expected 2097152000 bytes of memory on cpu, got none") != 0) return 3;
          }
          const MemoryStats after = memory_stats();
          if (after.allocated != before.allocated || after.reserved != before.reserved) return 4;
          return full({1000}, 3).to_vector<float>()[999] == 3 ? 0 : 5;
        }) == 0);
}
#endif
#endif

TEST_CASE("devices are chosen by name", "[backend]") {
  REQUIRE(choose_device("cpu").device == cpu);
  REQUIRE(choose_device("cpu").reason == "cpu, as asked");
  REQUIRE_THROWS_AS(choose_device("gpu"), Error);
  if (cuda_device_count() > 0) {
    REQUIRE(choose_device().device == cuda);
    REQUIRE_THROWS_AS(choose_device("cuda:99"), Error);
  } else {
    REQUIRE(choose_device().device == cpu);
    REQUIRE(choose_device().reason.find("cpu, since ") == 0);
    REQUIRE_THROWS_AS(choose_device("cuda"), Error);
    REQUIRE_THROWS_AS(zeros({3}, {.device = cuda}), Error);
  }
}
