// What kernels call, passed on to the block that the calling thread runs.
#include "tests/simt/kernel_context.hpp"

#include "tests/simt/block.hpp"
#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {

void report(const std::string& what, const Site& site) { BlockRunner::mine().report(what, site); }

int barrier(const char* name, int id, unsigned threads, int vote, const Site& site) {
  return BlockRunner::mine().barrier(name, id, threads, vote, site);
}

void warp_call(const WarpCall& call, const Site& site) { BlockRunner::mine().warp_call(call, site); }

void* static_shared(const void* key, const char* name, std::size_t bytes, std::size_t align, const Site& site) {
  std::string error;
  void* const p = BlockRunner::mine().shared().variable(key, name, bytes, align, error);
  if (!p) report(error, site);
  return p;
}

void* dynamic_shared(unsigned index, std::size_t offset, std::size_t bytes, std::size_t align, const Site& site) {
  std::string error;
  void* const p = BlockRunner::mine().shared().piece(index, offset, bytes, align, error);
  if (!p) report(error, site);
  return p;
}

bool is_shared(const void* p, std::size_t bytes) { return BlockRunner::mine().shared().contains(p, bytes); }

void start_copy(void* to, const void* from, int bytes, int valid, const Site& site) {
  BlockRunner::mine().running().copies.start(static_cast<char*>(to), static_cast<const char*>(from), bytes, valid, site);
}
void commit_copies() { BlockRunner::mine().running().copies.commit(); }
void wait_for_copies(unsigned pending_groups) { BlockRunner::mine().running().copies.wait(pending_groups); }

void fence() {
  acquire_order(&fence_order);
  release_order(&fence_order);
}

}  // namespace heddle::simt::emulator
