// Work that is tried again and again with a fault in it, each time in a process of its own, so that one that ends is counted.
//
// A trial survives if the work either succeeds or throws, and then, without the fault, gives the same bits as ever.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace faults {

/// Something that a user does, from the seed on; the sum of the bits that come out.
struct Work {
  const char* name;
  std::uint64_t (*run)(const std::string& folder);
};
const std::vector<Work>& works();

/// Makes faults: from arm(n) on the n-th call fails, and all later ones where `lasting`, until disarm(). calls() counts since.
struct Fault {
  void (*arm)(std::int64_t n, bool lasting);
  void (*disarm)();
  std::int64_t (*calls)();
};

struct Counts {
  int tried = 0, survived = 0, terminated = 0, different = 0;
  int errors = 0, others = 0;  // of those that survived: that threw heddle::Error, or something else
};

/// Tries the first `count` calls that each work makes one by one, and some of those that follow. Prints a line for each work
/// and one for each trial that did not survive, and at the end "tried N survived N terminated N". The exit status.
int run_trials(const Fault& fault, int count, const std::string& only, bool with_lasting);

}  // namespace faults
