// In which order threads run between two barriers, and blocks within a grid. CUDA promises none, so tests take several.
#pragma once

#include <cstdint>
#include <string>

namespace heddle::simt::emulator {

enum class Order {
  forward,   ///< lowest thread and block first
  reverse,   ///< highest first
  random,    ///< any thread that can run, anew at every switch
  priority,  ///< warps in random order, each thread as far as it gets; a new order at every block barrier
};

struct Schedule {
  Order order = Order::forward;
  std::uint64_t seed = 1;
};

/// At first what the environment says: HD_SIMT_ORDER is fwd, rev, rand or prio, HD_SIMT_SEED a number.
Schedule schedule();
void set_schedule(Schedule);
std::string name_of(Schedule);

/// Worker threads that share the blocks of a grid: HD_SIMT_WORKERS, else one for each processor, at most 8; under TSan one.
int workers();
void set_workers(int);

/// Whether launches are checked and counted, but no kernel runs: for what does not depend on results, as the launches of a
/// training step at its real size. At first what HD_SIMT_DRY=1 in the environment says.
bool dry();
void set_dry(bool);

/// SplitMix64: small, seedable, and the same everywhere.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned n) { return static_cast<unsigned>((next() >> 32) * n >> 32); }
};

}  // namespace heddle::simt::emulator
