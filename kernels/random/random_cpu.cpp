// Random numbers on the CPU. Words are drawn for 64 Philox blocks at a time, one vector lane a block, into four arrays in
// cache, and turned into numbers from there: about 40 integer operations a word, and everything vectorises.
#include <cmath>

#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/random/random.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t group = 64;              // Philox blocks drawn together
constexpr std::int64_t grain = 64 * group * 4;  // elements in a piece of work

struct Words {
  std::uint32_t of[4][group];
};

HD_INLINE void draw(const RandomKey& key, std::uint32_t first, Words& words) {
  const std::uint64_t step = key.device_step ? *key.device_step : key.step;
  const std::uint32_t use = static_cast<std::uint32_t>(key.purpose) << 24 | key.call;
  for (std::uint32_t i = 0; i < group; ++i) {
    const PhiloxBlock block =
        philox(key.seed, first + i, use, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32));
    for (int w = 0; w < 4; ++w) words.of[w][i] = block.word[w];
  }
}

// Calls turn(words, numbers) for every group, and copies out the part that is asked for.
template <class T, class F>
void fill(std::int64_t count, const RandomKey& key, T* out, F turn) {
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    Words words;
    T numbers[group * 4];
    for (; begin < end; begin += group * 4) {
      draw(key, static_cast<std::uint32_t>(begin / 4), words);
      const std::int64_t n = end - begin < group * 4 ? end - begin : group * 4;
      turn(words, n == group * 4 ? out + begin : numbers);
      if (n < group * 4)
        for (std::int64_t i = 0; i < n; ++i) out[begin + i] = numbers[i];
    }
  });
}

template <class T>
void uniform(Stream, std::int64_t count, RandomKey key, T low, T high, T* out) {
  const T range = high - low;
  fill(
      count, key, out, [=](const Words& words, T* to) __attribute__((always_inline)) {
        for (int i = 0; i < group; ++i)
          for (int w = 0; w < 4; ++w) to[4 * i + w] = low + range * static_cast<T>(uniform01(words.of[w][i]));
      });
}

template <class T>
void normal(Stream, std::int64_t count, RandomKey key, T mean, T deviation, T* out) {
  fill(
      count, key, out, [=](const Words& words, T* to) __attribute__((always_inline)) {
        for (int i = 0; i < group; ++i)
          for (int pair = 0; pair < 2; ++pair) {
            const T u0 = static_cast<T>(uniform01(words.of[2 * pair][i])),
                    u1 = static_cast<T>(uniform01(words.of[2 * pair + 1][i]));
            const T radius = std::sqrt(-2 * vector_log(1 - u0));
            T sine, cosine;
            vector_sincos_turn(u1, sine, cosine);
            to[4 * i + 2 * pair] = mean + deviation * (radius * cosine);
            to[4 * i + 2 * pair + 1] = mean + deviation * (radius * sine);
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
