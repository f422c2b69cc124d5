// Kernels with one bug each, and the same kernels without: what the emulator and the sanitizers are shown, to see that they
// notice the one and keep quiet about the other.
#pragma once

#include <string>
#include <vector>

namespace heddle::simt::planted {

enum class Bug {
  none,
  // reduce: a sum through static shared memory
  missing_barrier,         ///< read before the others have written
  missing_trailing_barrier,  ///< the next round writes what others still read
  overrun_static,
  // pipeline: a ring of asynchronous copies
  missing_wait,
  wait_for_too_few,  ///< wait<3> where wait<2> is needed
  missing_barrier_after_wait,
  missing_barrier_before_refill,
  overrun_dynamic,  ///< from one carved piece into the next
  carve_too_much,
  // exchange: warp by warp
  missing_syncwarp,
  wrong_mask,           ///< a mask that leaves out a lane that shuffles
  mask_of_lost_lane,    ///< a mask that names a lane which has left
  shuffle_from_outside,  ///< a lane of the mask reads one that is not
  mixed_collectives,
  // meet: block barriers
  divergent_barrier,
  early_return,
  barrier_in_half,
  // global memory
  overrun_global,
  cross_block_race,
  host_pointer,
  host_touches_device,
};

struct Case {
  Bug bug;
  std::string name;
};
const std::vector<Case>& cases();

/// Runs the kernels that have this bug planted, with `threads` threads a block (64 or 256); true if they gave the right
/// result. An error of the emulator is thrown, a sanitizer's report ends the program.
bool run(Bug bug, unsigned threads);

}  // namespace heddle::simt::planted
