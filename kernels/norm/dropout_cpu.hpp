// Dropout's factors on the CPU: 0 for what is dropped, 1 / (1 - p) for what stays, a few hundred elements at a time into a
// buffer that the first cache holds. One random word an element, so this is arithmetic: about two instructions a word
// (kernels/random/philox_vector.hpp), and no conversion to numbers in [0, 1): uniform01(word) < p is word < threshold.
#pragma once

#include <cstdint>

#include "kernels/norm/norm.hpp"
#include "kernels/random/philox_vector.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

/// Elements that kernels with dropout take at a time.
inline constexpr int piece_size = 1024;

template <class T> class DropoutFactors {
 public:
  /// Room for a piece's factors: it may begin within a block of four words, and whole batches are written.
  struct alignas(64) Buffer {
    T data[piece_size + 4 + philox_batch];
  };

  explicit DropoutFactors(const Dropout& drop)
      : elements_(drop.p > 0 && !drop.planes), planes_(drop.p > 0 && drop.planes), key_(drop.key), random_(drop.key) {
    const float limit = __builtin_ceilf(drop.p * 0x1p24f);  // a word is dropped when word >> 8 is below this
    const bool all = limit >= 0x1p24f;
    threshold_ = all ? 0 : static_cast<std::uint32_t>(limit) << 8;
    scale_ = all ? T(0) : 1 / (1 - static_cast<T>(drop.p));
  }

  bool elements() const { return elements_; }

  /// The factor of a whole plane; 1 where planes are not dropped.
  T plane(std::int64_t index) const {
    if (!planes_) return 1;
    const PhiloxBlock block = philox(key_, static_cast<std::uint32_t>(index / 4));
    return block.word[index % 4] >= threshold_ ? scale_ : 0;
  }

  /// The factors of elements begin .. begin + count, count <= piece_size; null where elements are not dropped.
  const T* piece(std::int64_t begin, int count, Buffer& buffer) const {
    if (!elements_) return nullptr;
    const int skip = static_cast<int>(begin % 4);
    random_.generate(static_cast<std::uint32_t>(begin / 4), (skip + count + 3) / 4, [&](int i, Words words) {
      const auto keep = words >= broadcast(threshold_);
      if constexpr (sizeof(T) == 4) {
        store(buffer.data + i, keep ? broadcast(scale_) : Vec<T>{});
      } else {
        for (int lane = 0; lane < lanes<std::uint32_t>; ++lane) buffer.data[i + lane] = keep[lane] ? scale_ : 0;
      }
    });
    return buffer.data + skip;
  }

 private:
  bool elements_, planes_;
  std::uint32_t threshold_;
  T scale_;
  RandomKey key_;
  VectorPhilox random_;
};

}  // namespace
}  // namespace heddle::kernels
