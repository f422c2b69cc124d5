// The asynchronous copies that one thread has started and not yet waited for.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/simt/kernel_context.hpp"

namespace heddle::simt::emulator {

class AsyncCopies {
 public:
  struct Copy {
    char* to;
    const char* from;
    int bytes, valid;
    unsigned group;
    Site site;
  };

  void clear() { copies_.clear(), committed_ = 0; }
  /// Takes the destination away until the copy completes. Its bytes are NaN already.
  void start(char* to, const char* from, int bytes, int valid, const Site& site);
  void commit() { ++committed_; }
  /// Completes all groups but the latest `pending`.
  void wait(unsigned pending);
  const Copy* first() const { return copies_.empty() ? nullptr : copies_.data(); }

 private:
  void complete(const Copy& c);

  std::vector<Copy> copies_;
  unsigned committed_ = 0;  // groups so far; copies not yet committed belong to the group of this number
};

}  // namespace heddle::simt::emulator
