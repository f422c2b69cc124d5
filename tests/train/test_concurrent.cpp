// Several trainings in one process. Generators, gradients' switches, the caching allocator and the thread pool are what they could
// disturb each other by; ThreadSanitizer watches this file too (tests/sanitize).
#include <array>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/train/small_training.hpp"

using heddle::test::SmallTraining;

namespace {

std::vector<double> trained(int which) {
  SmallTraining training(which % 2 == 1, static_cast<std::uint64_t>(5 + which));
  training.fit();
  return training.result();
}

}  // namespace

TEST_CASE("Trainings on several threads at once give the bits that each gives alone", "[concurrent]") {
  constexpr int count = 3;
  std::array<std::vector<double>, count> alone, together;
  for (int i = 0; i < count; ++i) alone[i] = trained(i);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&together, i] { together[i] = trained(i); });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < count; ++i) CHECK(together[i] == alone[i]);
}
