#include "heddle/nn/live_modules.hpp"

#include <functional>
#include <map>
#include <mutex>

#include "heddle/base/fork.hpp"

namespace heddle::nn::internal {
namespace {

struct Registry {
  heddle::detail::ForkMutex mutex;
  std::map<const Module*, std::size_t, std::less<>> sizes;  // of all that live, in order of their addresses
};

// Never destroyed: modules of static storage end after it would have.
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}

}  // namespace

void born(const Module* module) {
  const std::lock_guard lock(registry().mutex);
  registry().sizes.insert_or_assign(module, 0);
}

void died(const Module* module) {
  const std::lock_guard lock(registry().mutex);
  registry().sizes.erase(module);
}

void note_size(const Module* module, std::size_t bytes) {
  const std::lock_guard lock(registry().mutex);
  registry().sizes.insert_or_assign(module, bytes);
}

std::size_t noted_size(const Module* module) {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().sizes.find(module);
  return found == registry().sizes.end() ? 0 : found->second;
}

std::vector<const Module*> modules_in(const void* begin, std::size_t bytes) {
  const auto* first = static_cast<const Module*>(begin);
  const auto* last = reinterpret_cast<const Module*>(static_cast<const char*>(begin) + bytes);
  std::vector<const Module*> found;
  const std::lock_guard lock(registry().mutex);
  for (auto at = registry().sizes.lower_bound(first); at != registry().sizes.end() && std::less<>()(at->first, last); ++at)
    found.push_back(at->first);
  return found;
}

}  // namespace heddle::nn::internal
