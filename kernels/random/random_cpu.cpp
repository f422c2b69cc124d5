// Random numbers on the CPU: words are drawn 256 at a time into cache (philox_vector.hpp) and turned into numbers from there.
//
// The numbers are the same to the bit on every instruction set, since weights are drawn here: nothing calls the C library's
// functions, and this file is compiled without fused multiply-adds (kernels/CMakeLists.txt).
#include <cmath>

#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/random/philox_vector.hpp"
#include "kernels/random/random.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr int group = 256;                  // words drawn together
constexpr std::int64_t grain = 64 * group;  // elements in a piece of work

// Calls turn(words, numbers) for every group, and copies out the part of the last that is asked for.
template <class T, class F>
void fill(std::int64_t count, const RandomKey& key, T* out, F turn) {
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    const VectorPhilox philox_of_key(key);
    std::uint32_t words[group + philox_batch];
    T numbers[group];
    for (; begin < end; begin += group) {
      philox_of_key.generate(static_cast<std::uint32_t>(begin / 4), group / 4,
                             [&](int i, Words some) HD_INLINE_LAMBDA { store(words + i, some); });
      const std::int64_t n = end - begin < group ? end - begin : group;
      turn(words, n == group ? out + begin : numbers);
      if (n < group)
        for (std::int64_t i = 0; i < n; ++i) out[begin + i] = numbers[i];
    }
  });
}

template <class T>
void uniform(Stream, std::int64_t count, RandomKey key, T low, T high, T* out) {
  const T range = high - low;
  fill(count, key, out, [=](const std::uint32_t* words, T* to) HD_INLINE_LAMBDA {
    for (int i = 0; i < group; ++i) to[i] = low + range * static_cast<T>(uniform01(words[i]));
  });
}

template <class T>
void normal(Stream, std::int64_t count, RandomKey key, T mean, T deviation, T* out) {
  fill(count, key, out, [=](const std::uint32_t* words, T* to) HD_INLINE_LAMBDA {
    for (int i = 0; i < group; i += 2) {
      const T u0 = static_cast<T>(uniform01(words[i])), u1 = static_cast<T>(uniform01(words[i + 1]));
      const T radius = std::sqrt(-2 * vector_log(1 - u0));
      T sine, cosine;
      vector_sincos_turn(u1, sine, cosine);
      to[i] = mean + deviation * (radius * cosine);
      to[i + 1] = mean + deviation * (radius * sine);
    }
  });
}

template <class T>
constexpr RandomKernels<T> table{uniform<T>, normal<T>};

}  // namespace

template <>
const RandomKernels<float>& CpuTable<this_isa, RandomKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const RandomKernels<double>& CpuTable<this_isa, RandomKernels<double>>::get(Variant) {
  return table<double>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const RandomKernels<float>& RandomKernels<float>::cpu() {
  return cpu_table<RandomKernels<float>>(Variant::fast);
}
template <>
const RandomKernels<double>& RandomKernels<double>::cpu() {
  return cpu_table<RandomKernels<double>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
