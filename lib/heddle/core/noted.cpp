#include "heddle/core/noted.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <unordered_map>

#include "heddle/base/fork.hpp"

namespace heddle::detail {
namespace {

// A weak pointer keeps its tensor's address from being used again, so that an entry is never taken for another tensor's. Those
// of tensors that are gone are swept out whenever there are twice as many entries as the last sweep left.
struct Registry {
  ForkMutex mutex;
  std::unordered_map<const void*, std::weak_ptr<TensorImpl>> entries;
  std::size_t limit = 256;
};

// Never destroyed: tensors of static storage are noted and asked for at any time.
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}

}  // namespace

void note(const std::shared_ptr<TensorImpl>& impl) noexcept try {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (!all.entries.try_emplace(impl.get(), impl).second || all.entries.size() < all.limit) return;
  std::erase_if(all.entries, [](const auto& entry) { return entry.second.expired(); });
  all.limit = std::max<std::size_t>(256, 2 * all.entries.size());
} catch (const std::bad_alloc&) {
}

std::shared_ptr<TensorImpl> noted(const void* address) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.entries.find(address);
  return found == all.entries.end() ? nullptr : found->second.lock();
}

}  // namespace heddle::detail
