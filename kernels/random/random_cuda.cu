// Random numbers on the GPU.
//
// out [count]. fast: one thread draws one Philox block and turns its four words into four neighbouring elements, written as
// one 16-byte (double: 32-byte) access where out is aligned for it. naive: one thread, one element, a block drawn for each.
// Bytes: count * sizeof(T) written. Operations: about 40 integer ones a word; normal adds a log, a root and half a sine and
// a cosine. Bound by memory for uniform, by arithmetic for normal.
#include "kernels/random/random.hpp"
#include "kernels/simt/simt.hpp"
#include "kernels/vector_math.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

template <class T> struct Uniform {
  T low, range;
  HD_DEVICE void operator()(const PhiloxBlock& block, T (&number)[4]) const {
    for (int w = 0; w < 4; ++w) number[w] = low + range * static_cast<T>(uniform01(block.word[w]));
  }
};

template <class T> struct Normal {
  T mean, deviation;
  HD_DEVICE void operator()(const PhiloxBlock& block, T (&number)[4]) const {
    for (int pair = 0; pair < 2; ++pair) {
      const T u0 = static_cast<T>(uniform01(block.word[2 * pair])), u1 = static_cast<T>(uniform01(block.word[2 * pair + 1]));
      const T radius = std::sqrt(-2 * vector_log(1 - u0));
      T sine, cosine;
      vector_sincos_turn(u1, sine, cosine);
      number[2 * pair] = mean + deviation * (radius * cosine);
      number[2 * pair + 1] = mean + deviation * (radius * sine);
    }
  }
};

template <class T, class Turn> HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
random_kernel(std::int64_t count, RandomKey key, Turn turn, T* HD_RESTRICT out) {
  const std::int64_t block = simt::thread_number(), i = block * 4;
  if (i >= count) return;
  simt::Vec<T, 4> number;
  turn(philox(key, static_cast<std::uint32_t>(block)), number.v);
  if (i + 4 <= count && simt::is_aligned<4>(out)) simt::store_vec(out + i, number);
  else
    for (int w = 0; w < 4 && i + w < count; ++w) out[i + w] = number[w];
}

template <class T, class Turn> HD_KERNEL void random_naive_kernel(std::int64_t count, RandomKey key, Turn turn, T* out) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  T number[4];
  turn(philox(key, static_cast<std::uint32_t>(i / 4)), number);
  out[i] = number[i % 4];
}

template <bool naive, class T, class Turn> void fill(Stream stream, std::int64_t count, const RandomKey& key, Turn turn, T* out) {
  if constexpr (naive)
    simt::launch<random_naive_kernel<T, Turn>>(simt::blocks_for(count, threads), threads, 0, stream, count, key, turn, out);
  else
    simt::launch<random_kernel<T, Turn>>(simt::blocks_for(count, 4 * threads), threads, 0, stream, count, key, turn, out);
}

template <bool naive, class T> void uniform(Stream stream, std::int64_t count, RandomKey key, T low, T high, T* out) {
  fill<naive>(stream, count, key, Uniform<T>{low, high - low}, out);
}
template <bool naive, class T> void normal(Stream stream, std::int64_t count, RandomKey key, T mean, T deviation, T* out) {
  fill<naive>(stream, count, key, Normal<T>{mean, deviation}, out);
}

template <bool naive, class T> constexpr RandomKernels<T> table{uniform<naive, T>, normal<naive, T>};

}  // namespace

template <> const RandomKernels<float>& RandomKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? table<true, float> : table<false, float>;
}
template <> const RandomKernels<double>& RandomKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? table<true, double> : table<false, double>;
}

}  // namespace heddle::kernels
