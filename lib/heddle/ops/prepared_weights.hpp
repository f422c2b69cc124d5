// What kernels make of weights, kept for as long as a network is run again and again on parts of one batch: there every
// block of images would otherwise prepare the same weights anew. Internal.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>

#include "heddle/core/tensor.hpp"

namespace heddle::detail {

/// Prepared weights by the memory that they were made from. While it lives, nobody may change or free that.
class PreparedWeights {
 public:
  /// The `bytes` that `make` wrote for `weight`, made by whoever asks first. Any thread may ask.
  const void* get(const void* weight, std::size_t bytes, const std::function<void(void*)>& make);

  /// What this thread's ops are to use; null outside of every Use.
  static PreparedWeights* current();

  /// Makes one current on this thread.
  class Use {
   public:
    explicit Use(PreparedWeights& weights);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    PreparedWeights* before_;
  };

 private:
  std::mutex mutex_;
  std::map<const void*, Tensor> made_;
};

}  // namespace heddle::detail
