#include "heddle/ops/prepared_weights.hpp"

#include <cstring>
#include <utility>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/fork.hpp"

namespace heddle::detail {
namespace {

thread_local PreparedWeights* current_weights = nullptr;

// Bit by bit, since NaN differs from itself.
bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw_data(), b.raw_data(), static_cast<std::size_t>(a.numel()) * size_of(a.dtype())) == 0;
}

}  // namespace

// What the last pass has used; a pass takes all of it, so that it is never shared.
struct PreparedWeights::Left {
  ForkMutex mutex;
  Entries entries;
};
PreparedWeights::Left& PreparedWeights::left() {
  static auto& instance = *new Left;  // never destroyed: threads may still compute while the program ends
  return instance;
}

PreparedWeights::PreparedWeights() {
  Left& last = left();
  std::lock_guard lock(last.mutex);
  entries_.swap(last.entries);
  for (auto& [memory, entry] : entries_) entry.current = false;
}

PreparedWeights::~PreparedWeights() {
  std::erase_if(entries_, [](const auto& item) { return !item.second.current; });
  Left& last = left();
  std::lock_guard lock(last.mutex);
  entries_.swap(last.entries);
}

const void* PreparedWeights::get(const Tensor& weight, std::size_t bytes, const std::function<void(void*)>& make) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[weight.raw_data()];
  if (!entry.current) {
    const auto size = static_cast<std::int64_t>(bytes);
    if (!entry.made.defined() || entry.made.numel() != size || !same(entry.weight, weight)) {
      NoGradGuard guard;
      // Kept only once all of it is there: half of it would be taken for the whole by who asks next.
      Entry fresh{.weight = weight.detach().clone(), .made = empty({size}, {.dtype = uint8})};
      make(fresh.made.data<std::uint8_t>());
      entry = std::move(fresh);
    }
    entry.current = true;
  }
  return entry.made.data<std::uint8_t>();
}

PreparedWeights* PreparedWeights::current() {
  return current_weights;
}

PreparedWeights::Use::Use(PreparedWeights& weights) : before_(std::exchange(current_weights, &weights)) {}
PreparedWeights::Use::~Use() {
  current_weights = before_;
}

}  // namespace heddle::detail
