#include "heddle/ops/prepared_weights.hpp"

#include <utility>

namespace heddle::detail {
namespace {
thread_local PreparedWeights* current_weights = nullptr;
}

const void* PreparedWeights::get(const void* weight, std::size_t bytes, const std::function<void(void*)>& make) {
  std::lock_guard lock(mutex_);
  Tensor& made = made_[weight];
  if (!made.defined()) {
    made = empty({static_cast<std::int64_t>(bytes)}, {.dtype = uint8});
    make(made.data<std::uint8_t>());
  }
  return made.data<std::uint8_t>();
}

PreparedWeights* PreparedWeights::current() {
  return current_weights;
}

PreparedWeights::Use::Use(PreparedWeights& weights) : before_(std::exchange(current_weights, &weights)) {}
PreparedWeights::Use::~Use() {
  current_weights = before_;
}

}  // namespace heddle::detail
