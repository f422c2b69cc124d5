// Philox against its authors' known answers, and the numbers made from it against their distributions.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/random/random.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

TEST_CASE("philox4x32-10 gives the known answers of Random123", "[random]") {
  struct Known {
    std::uint32_t counter[4];
    std::uint64_t key;  // the low word is key[0]
    std::uint32_t word[4];
  };
  const Known known[] = {
      {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& k : known) {
    const auto block = philox(k.key, k.counter[0], k.counter[1], k.counter[2], k.counter[3]);
    for (int w = 0; w < 4; ++w) REQUIRE(block.word[w] == k.word[w]);
  }
}

TEMPLATE_TEST_CASE("element i takes word i of the key's stream", "[random]", float, double) {
  using T = TestType;
  const RandomKey key{.seed = 0x123456789abcdef0, .step = 0x1122334455, .call = 77, .purpose = Purpose::init};
  for (const auto& backend : backends<RandomKernels<T>>())
    for (std::int64_t count : {1, 2, 3, 5, 255, 256, 257, 50001}) {
      INFO(backend.name << ", " << count);
      auto run = [&](auto kernel, T first, T second) {
        return same_on_any_threads([&] {
          auto out = backend.buffer(std::vector<T>(static_cast<std::size_t>(count) + 1, T{42}));
          kernel({}, count, key, first, second, out);
          return out.host();
        });
      };
      const auto u = run(backend.table->uniform, T(-2), T(3)), n = run(backend.table->normal, T(1), T(2));
      REQUIRE(u[static_cast<std::size_t>(count)] == 42);
      REQUIRE(n[static_cast<std::size_t>(count)] == 42);
      auto number = [&](std::int64_t i) {
        const auto block = philox(key.seed, static_cast<std::uint32_t>(i / 4), 1u << 24 | 77, 0x22334455, 0x11);
        return static_cast<double>(block.word[i % 4] >> 8) / 16777216.0;
      };
      for (std::int64_t i = 0; i < count; ++i) {
        if (std::abs(static_cast<double>(u[static_cast<std::size_t>(i)]) - (-2 + 5 * number(i))) > 1e-6) REQUIRE(i == -1);
        const double radius = std::sqrt(-2 * std::log(1 - number(i / 2 * 2))), turn = 2 * M_PI * number(i / 2 * 2 + 1);
        const double want = 1 + 2 * radius * (i % 2 ? std::sin(turn) : std::cos(turn));
        if (std::abs(static_cast<double>(n[static_cast<std::size_t>(i)]) - want) > (sizeof(T) == 4 ? 5e-6 : 1e-13)) {
          INFO("element " << i);
          REQUIRE(static_cast<double>(n[static_cast<std::size_t>(i)]) == want);
        }
      }
    }
}

TEST_CASE("a step read from memory is the step", "[random]") {
  for (const auto& backend : backends<RandomKernels<float>>()) {
    INFO(backend.name);
    auto step = backend.buffer(std::vector<std::uint64_t>{5});
    auto given = backend.buffer(std::vector<float>(100)), read = backend.buffer(std::vector<float>(100));
    backend.table->uniform({}, 100, {.seed = 3, .step = 5}, 0, 1, given);
    backend.table->uniform({}, 100, {.seed = 3, .step = 9, .device_step = step}, 0, 1, read);
    REQUIRE(given.host() == read.host());
  }
}

TEST_CASE("different seeds, steps, calls and purposes give different numbers", "[random]") {
  const RandomKey keys[] = {{.seed = 1},
                            {.seed = 2},
                            {.seed = 1ull << 32},
                            {.seed = 1, .step = 1},
                            {.seed = 1, .step = 1ull << 32},
                            {.seed = 1, .call = 1},
                            {.seed = 1, .purpose = Purpose::dropout}};
  for (const auto& backend : backends<RandomKernels<float>>()) {
    std::vector<std::vector<float>> seen;
    for (const auto& key : keys) {
      auto out = backend.buffer(std::vector<float>(1000));
      backend.table->uniform({}, 1000, key, 0, 1, out);
      for (const auto& other : seen) {
        int equal = 0;
        for (std::size_t i = 0; i < 1000; ++i) equal += other[i] == out.host()[i];
        REQUIRE(equal < 3);
      }
      seen.push_back(out.host());
    }
  }
}

TEST_CASE("uniform and normal numbers have their distributions' moments and shape", "[random][large]") {
  constexpr std::int64_t count = 1 << 20;
  for (const auto& backend : backends<RandomKernels<float>>()) {
    INFO(backend.name);
    auto out = backend.buffer(std::vector<float>(count));
    // The largest distance between the empirical distribution and the true one (Kolmogorov and Smirnov); a fair sample
    // exceeds 1.95 / sqrt(count) once in a thousand times, and these numbers are always the same.
    auto distance = [&](auto distribution) {
      std::vector<float> sorted(out.host().begin(), out.host().begin() + count);
      std::sort(sorted.begin(), sorted.end());
      double worst = 0;
      for (std::int64_t i = 0; i < count; ++i)
        worst = std::max(worst, std::abs(distribution(static_cast<double>(sorted[static_cast<std::size_t>(i)])) -
                                         (static_cast<double>(i) + 0.5) / count));
      return worst;
    };
    auto correlation = [&](std::int64_t lag, double mean, double variance) {
      double sum = 0;
      for (std::int64_t i = 0; i + lag < count; ++i)
        sum += (static_cast<double>(out.host()[static_cast<std::size_t>(i)]) - mean) *
               (static_cast<double>(out.host()[static_cast<std::size_t>(i + lag)]) - mean);
      return sum / count / variance;
    };
    backend.table->uniform({}, count, {.seed = 11}, 0, 1, out);
    REQUIRE(*std::min_element(out.host().begin(), out.host().end()) >= 0);
    REQUIRE(*std::max_element(out.host().begin(), out.host().end()) < 1);
    REQUIRE(distance([](double x) { return x; }) < 1.95 / 1024);
    for (std::int64_t lag : {1, 2, 3, 4, 256}) REQUIRE(std::abs(correlation(lag, 0.5, 1.0 / 12)) < 4.0 / 1024);

    backend.table->normal({}, count, {.seed = 12}, 0, 1, out);
    REQUIRE(distance([](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }) < 1.95 / 1024);
    for (std::int64_t lag : {1, 2, 3, 4, 256}) REQUIRE(std::abs(correlation(lag, 0, 1)) < 4.0 / 1024);
    double fourth = 0;
    for (float x : out.host()) fourth += std::pow(static_cast<double>(x), 4);
    REQUIRE(std::abs(fourth / count - 3) < 0.04);
  }
}
