// Dropout's factors on the CPU: 0 for what is dropped, 1 / (1 - p) for what stays, a few hundred elements at a time into a
// buffer that the first cache holds. One random word an element, so this is arithmetic: about two instructions a word
// (kernels/random/philox_vector.hpp), and no conversion to numbers in [0, 1): uniform01(word) < p is word < threshold.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/norm/norm.hpp"
#include "kernels/norm/pair_sums.hpp"
#include "kernels/random/philox_vector.hpp"
#include "kernels/vector.hpp"

namespace heddle::kernels {
namespace {

template <class T> class DropoutFactors {
 public:
  /// Room for a piece's factors: it may begin within a block of four words, and whole batches are written.
  struct alignas(64) Buffer {
    T data[piece_size + 4 + philox_batch];
  };

  explicit DropoutFactors(const Dropout& drop)
      : elements_(drop.p > 0 && !drop.planes), planes_(drop.p > 0 && drop.planes), first_(drop.first), random_(drop.key) {
    const float limit = __builtin_ceilf(drop.p * 0x1p24f);  // a word is dropped when word >> 8 is below this
    const bool all = limit >= 0x1p24f;
    threshold_ = all ? 0 : static_cast<std::uint32_t>(limit) << 8;
    scale_ = all ? T(0) : 1 / (1 - static_cast<T>(drop.p));
  }

  bool elements() const { return elements_; }
  bool planes() const { return planes_; }
  T scale() const { return scale_; }

  /// The factors of elements begin .. begin + count, count <= piece_size; null where elements are not dropped.
  const T* piece(std::int64_t begin, int count, Buffer& buffer) const { return elements_ ? draw(begin, count, buffer) : nullptr; }

  /// The factors of `begin` and what follows it in the stream, whether they are elements' or planes'.
  __attribute__((noinline)) const T* draw(std::int64_t begin, int count, Buffer& buffer) const {
    begin += first_;
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
  std::int64_t first_;
  VectorPhilox random_;
};

// What was kept, a bit an element, so that kernels which go through their elements several times draw them once. Only float.

/// Which of `count` factors are not 0; a vector's worth of them may lie behind the last.
inline __attribute__((noinline)) void pack_kept(const float* factors, int count, std::uint8_t* bits) {
#if defined(__AVX512F__)
  for (int i = 0; i < count; i += 16) {
    const __mmask16 kept = _mm512_cmp_ps_mask(_mm512_loadu_ps(factors + i), _mm512_setzero_ps(), _CMP_NEQ_UQ);
    std::memcpy(bits + i / 8, &kept, 2);
  }
#elif defined(__AVX2__)
  for (int i = 0; i < count; i += 8)
    bits[i / 8] = static_cast<std::uint8_t>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(factors + i), _mm256_setzero_ps(), _CMP_NEQ_UQ)));
#elif defined(__SSE2__)
  for (int i = 0; i < count; i += 8) {
    const auto kept = [&](int at) { return _mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(factors + at), _mm_setzero_ps())); };
    bits[i / 8] = static_cast<std::uint8_t>(kept(i) | kept(i + 4) << 4);
  }
#else
  for (int i = 0; i < count; i += 8) {
    bits[i / 8] = 0;
    for (int j = 0; j < 8; ++j) bits[i / 8] |= static_cast<std::uint8_t>((factors[i + j] != 0) << j);
  }
#endif
}
/// The factors again: `scale` for what was kept.
inline __attribute__((noinline)) void unpack_kept(const std::uint8_t* bits, int count, float scale, float* factors) {
  constexpr int width = lanes<float>;
  Vec<std::int32_t> place;
  for (int i = 0; i < width; ++i) place[i] = 1 << (i % (width < 8 ? 4 : width));
  for (int i = 0; i < count; i += width) {
    std::uint16_t word = 0;
    std::memcpy(&word, bits + i / 8, width > 8 ? 2 : 1);
    const Vec<std::int32_t> kept = broadcast<std::int32_t>(width < 8 ? word >> i % 8 : word) & place;
    store(factors + i, kept != 0 ? broadcast(scale) : Vec<float>{});
  }
}

/// The factors of whole planes, asked for in rising order of planes mostly: a hundred are drawn together.
template <class T> class PlaneFactors {
 public:
  explicit PlaneFactors(const DropoutFactors<T>& drop) : drop_(drop) {}

  /// 1 where planes are not dropped.
  HD_INLINE T operator[](std::int64_t plane) {
    if (!drop_.planes()) return 1;
    if (plane - first_ < 0 || plane - first_ >= together) {
      first_ = plane / together * together;
      drop_.draw(first_, together, buffer_);
    }
    return buffer_.data[plane - first_];
  }

 private:
  static constexpr int together = 128;
  const DropoutFactors<T>& drop_;
  std::int64_t first_ = -together;
  typename DropoutFactors<T>::Buffer buffer_;
};

}  // namespace
}  // namespace heddle::kernels
