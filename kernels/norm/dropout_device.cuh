// Dropout as one thread of a GPU applies it, beside a norm, behind a convolution or alone. Masks are drawn anew wherever they
// are needed: a Philox block is four elements' words, so a thread that takes four elements spends about 25 integer
// operations on each, less than their bytes cost.
#pragma once

#include "kernels/norm/norm.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

HD_DEVICE inline std::uint32_t word_of(const PhiloxBlock& block, int i) {
  return i < 2 ? (i == 0 ? block.word[0] : block.word[1]) : (i == 2 ? block.word[2] : block.word[3]);
}

/// One side's dropout of values that are calculated with as T; the step that a captured graph reads from memory is read once.
template <class T>
struct DeviceDropout {
  bool elements, planes;
  float p;
  T scale;
  RandomKey key;

  HD_DEVICE explicit DeviceDropout(const Dropout& drop)
      : elements(drop.p > 0 && !drop.planes),
        planes(drop.p > 0 && drop.planes),
        p(drop.p),
        scale(1 / (1 - static_cast<T>(drop.p))),
        key(drop.key) {
    if (key.device_step) key.step = *key.device_step, key.device_step = nullptr;
  }

  HD_DEVICE T factor(std::uint32_t word) const { return keeps(word, p) ? scale : T(0); }
  HD_DEVICE T factor_at(std::int64_t i) const {
    return factor(word_of(philox(key, static_cast<std::uint32_t>(i / 4)), static_cast<int>(i % 4)));
  }
  /// The factor of a whole plane; 1 where planes are not dropped.
  HD_DEVICE T plane(std::int64_t i) const { return planes ? factor_at(i) : T(1); }
  /// Multiplies V elements from flat index i on, a multiple of V, by their own factors.
  template <int V>
  HD_DEVICE void apply(std::int64_t i, simt::Vec<T, V>& v) const {
    if (!elements) return;
    if constexpr (V % 4 == 0) {
      for (int from = 0; from < V; from += 4) {
        const PhiloxBlock block = philox(key, static_cast<std::uint32_t>((i + from) / 4));
        for (int j = 0; j < 4; ++j) v[from + j] *= factor(block.word[j]);
      }
    } else {
      for (int j = 0; j < V; ++j) v[j] *= factor_at(i + j);
    }
  }
};

}  // namespace
}  // namespace heddle::kernels
