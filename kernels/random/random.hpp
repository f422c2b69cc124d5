// Filling memory with random numbers.
#pragma once

#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/random/philox.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// Element i takes its number from element i of the key's stream, on every backend.
/// Normal numbers come in pairs by Box and Muller: elements 2j and 2j+1 share words 2j and 2j+1:
/// r = sqrt(-2 ln(1 - u0)), a = 2 pi u1, giving r cos a and r sin a.
template <class T>
struct RandomKernels {
  /// out[i] = low + (high - low) * uniform01(word i), count elements.
  void (*uniform)(Stream, std::int64_t count, RandomKey key, T low, T high, T* out);
  void (*normal)(Stream, std::int64_t count, RandomKey key, T mean, T deviation, T* out);

  static const RandomKernels& cpu();
  static const RandomKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels
