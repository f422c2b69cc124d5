#include "tests/simt/async_copies.hpp"

#include <algorithm>
#include <cstring>

#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {

void AsyncCopies::start(char* to, const char* from, int bytes, int valid, const Site& site) {
  const Unobserved unobserved;  // the vector's memory outlives this thread, and serves the next block's
  copies_.push_back({to, from, bytes, valid, committed_, site});
  poison(to, static_cast<std::size_t>(bytes));
}

void AsyncCopies::complete(const Copy& c) {
  unpoison(c.to, static_cast<std::size_t>(c.bytes));
  race_checked_write(c.to, static_cast<std::size_t>(c.bytes));
  const Unobserved unobserved;
  std::memcpy(c.to, c.from, static_cast<std::size_t>(c.valid));
  std::memset(c.to + c.valid, 0, static_cast<std::size_t>(c.bytes - c.valid));
}

void AsyncCopies::wait(unsigned pending) {
  if (copies_.empty()) return;
  const unsigned done = pending == wait_for_all ? committed_ + 1 : committed_ > pending ? committed_ - pending : 0;
  // In the order they were started, so that the later of two copies to one place stays.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    if (copies_[i].group < done) complete(copies_[i]);
    else copies_[kept++] = copies_[i];
  }
  const Unobserved unobserved;
  copies_.resize(kept, Copy{});
}

}  // namespace heddle::simt::emulator
