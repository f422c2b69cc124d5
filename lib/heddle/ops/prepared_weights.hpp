// What kernels make of weights, kept for as long as a network is run again and again on parts of one batch: there every
// block of images would otherwise prepare the same weights anew. From batch to batch of an evaluation weights stay as they are,
// too, so what one pass has used waits for the next, with a copy of the weights that it was made from: comparing these takes
// a fraction of the time. Internal.
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
  /// Begins with what the last one left, unless another has that; leaves what it was asked for.
  PreparedWeights();
  ~PreparedWeights();
  PreparedWeights(const PreparedWeights&) = delete;
  PreparedWeights& operator=(const PreparedWeights&) = delete;

  /// The `bytes` that `make` wrote, or would write, for the dense `weight`, made by whoever asks first. Any thread may ask.
  const void* get(const Tensor& weight, std::size_t bytes, const std::function<void(void*)>& make);

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
  struct Entry {
    Tensor weight, made;   // a copy; bytes
    bool current = false;  // made or compared since this began
  };
  using Entries = std::map<const void*, Entry>;
  struct Left;
  static Left& left();

  std::mutex mutex_;
  Entries entries_;
};

}  // namespace heddle::detail
