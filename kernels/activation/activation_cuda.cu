// Activations and dropout on the GPU. x, y, saved, dy, dx [count], dropout's x and y [planes, inner].
//
// forward, backward: a thread takes 16 bytes of every array where all are aligned for it, else the same elements one by one;
// the functions are those of the CPU (activation_functions.hpp). bf16 is calculated with in float and rounded at the store.
// Dropout of elements: a thread draws one Philox block for its four elements. Of planes: a thread takes 16 bytes of a plane and
// draws the plane's word, or one element where planes are not whole vectors.
// naive: an element a thread; the activation is chosen in the kernel.
// Bytes: 2 (backward: 3) times count * sizeof(T). Operations: from 1 (relu) to about 40 (gelu) an element, dropout 10.
#include "kernels/activation/activation_functions.hpp"
#include "kernels/norm/dropout_device.cuh"
#include "kernels/simt/divide.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

template <Activation a>
struct Forward {
  template <class T>
  HD_DEVICE T operator()(T x, T, T slope) const {
    return activate<a>(x, slope);
  }
};
template <Activation a>
struct Backward {
  template <class T>
  HD_DEVICE T operator()(T saved, T dy, T slope) const {
    return gradient<a>(saved, dy, slope);
  }
};
// The same, chosen at run time: f is Forward or Backward.
template <template <Activation> class F>
struct Any {
  Activation a;
  template <class T>
  HD_DEVICE T operator()(T x, T dy, T slope) const {
    switch (a) {
      case Activation::relu:
        return F<Activation::relu>{}(x, dy, slope);
      case Activation::leaky_relu:
        return F<Activation::leaky_relu>{}(x, dy, slope);
      case Activation::gelu:
        return F<Activation::gelu>{}(x, dy, slope);
      case Activation::gelu_tanh:
        return F<Activation::gelu_tanh>{}(x, dy, slope);
      case Activation::silu:
        return F<Activation::silu>{}(x, dy, slope);
      case Activation::sigmoid:
        return F<Activation::sigmoid>{}(x, dy, slope);
      default:
        return F<Activation::tanh>{}(x, dy, slope);
    }
  }
};

// out[i] = f(x[i], dy[i], slope); dy is null where f does not read it. out may be x or dy.
template <int width, class T, class F>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    activation_kernel(std::int64_t count, F f, const T* x, const T* dy, Wide<T> slope, T* out) {
  const std::int64_t i = simt::thread_number() * width;
  if (width > 1 && i + width <= count && simt::is_aligned<width>(x) && simt::is_aligned<width>(dy) &&
      simt::is_aligned<width>(out)) {
    simt::Vec<Wide<T>, width> v = simt::load_wide<width>(x + i), g{};
    if (dy) g = simt::load_wide<width>(dy + i);
    HD_UNROLL
    for (int j = 0; j < width; ++j) v[j] = f(v[j], g[j], slope);
    simt::store_narrow(out + i, v);
    return;
  }
  for (std::int64_t j = i; j < i + width && j < count; ++j)
    out[j] = static_cast<T>(f(static_cast<Wide<T>>(x[j]), dy ? static_cast<Wide<T>>(dy[j]) : Wide<T>(0), slope));
}

template <int width, class F, class T>
void launch(Stream stream, F f, std::int64_t count, const T* x, const T* dy, Wide<T> slope, T* out) {
  simt::launch<activation_kernel<width, T, F>>(simt::blocks_for(count, threads * width), threads, 0, stream, count, f, x, dy,
                                               slope, out);
}

template <class T>
void forward(Stream stream, Activation a, std::int64_t count, const T* x, Wide<T> slope, T* y) {
  visit(a, [&](auto f) {
    launch<simt::vec_width<T>>(stream, Forward<decltype(f)::value>{}, count, x, static_cast<const T*>(nullptr), slope, y);
  });
}
template <class T>
void backward(Stream stream, Activation a, std::int64_t count, const T* saved, const T* dy, Wide<T> slope, T* dx) {
  visit(a, [&](auto f) { launch<simt::vec_width<T>>(stream, Backward<decltype(f)::value>{}, count, saved, dy, slope, dx); });
}
template <class T>
void forward_naive(Stream stream, Activation a, std::int64_t count, const T* x, Wide<T> slope, T* y) {
  launch<1>(stream, Any<Forward>{a}, count, x, static_cast<const T*>(nullptr), slope, y);
}
template <class T>
void backward_naive(Stream stream, Activation a, std::int64_t count, const T* saved, const T* dy, Wide<T> slope, T* dx) {
  launch<1>(stream, Any<Backward>{a}, count, saved, dy, slope, dx);
}

// Dropout. What is dropped is multiplied by 0, what stays by 1 / (1 - p), as on the CPU.

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) dropout_elements_kernel(std::int64_t count, Dropout given, const T* x, T* y) {
  const std::int64_t block = simt::thread_number(), i = block * 4;
  if (i >= count) return;
  const DeviceDropout<Wide<T>> drop(given);
  const PhiloxBlock random = philox(drop.key, static_cast<std::uint32_t>(block));
  if (i + 4 <= count && simt::is_aligned<4>(x) && simt::is_aligned<4>(y)) {
    simt::Vec<Wide<T>, 4> v = simt::load_wide<4>(x + i);
    HD_UNROLL
    for (int w = 0; w < 4; ++w) v[w] *= drop.factor(random.word[w]);
    simt::store_narrow(y + i, v);
    return;
  }
  HD_UNROLL
  for (int w = 0; w < 4; ++w)
    if (i + w < count) y[i + w] = static_cast<T>(static_cast<Wide<T>>(x[i + w]) * drop.factor(random.word[w]));
}

// `runs` divides a plane into runs of `width` elements, a thread for each of count.
template <int width, class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    dropout_planes_kernel(std::uint32_t count, simt::Divider runs, std::int64_t first_plane, Dropout given, const T* x, T* y) {
  const std::uint32_t i = blockIdx.x * threads + threadIdx.x;
  if (i >= count) return;
  const Wide<T> factor = DeviceDropout<Wide<T>>(given).factor_at(first_plane + runs.quotient(i));
  simt::Vec<Wide<T>, width> v = simt::load_wide<width>(x + std::int64_t{i} * width);
  HD_UNROLL
  for (int j = 0; j < width; ++j) v[j] *= factor;
  simt::store_narrow(y + std::int64_t{i} * width, v);
}

template <int width, class T>
void drop_planes(Stream stream, std::int64_t planes, std::int64_t inner, const Dropout& drop, const T* x, T* y) {
  const std::int64_t runs = inner / width, most = std::int64_t{1} << 31;
  const std::int64_t step = runs < most ? (most - 1) / runs : 1;  // planes of a launch
  for (std::int64_t plane = 0; plane < planes; plane += step) {
    const std::int64_t count = (planes - plane < step ? planes - plane : step) * runs;
    simt::launch<dropout_planes_kernel<width, T>>(simt::blocks_for(count, threads), threads, 0, stream,
                                                  static_cast<std::uint32_t>(count), simt::Divider(runs), plane, drop,
                                                  x + plane * inner, y + plane * inner);
  }
}

template <class T>
void dropout(Stream stream, std::int64_t planes, std::int64_t inner, const Dropout& drop, const T* x, T* y) {
  constexpr int width = simt::vec_width<T>;
  if (planes == 0 || inner == 0) return;
  if (!drop.planes)
    simt::launch<dropout_elements_kernel<T>>(simt::blocks_for(planes * inner, 4 * threads), threads, 0, stream, planes * inner,
                                             drop, x, y);
  else if (inner % width == 0 && simt::is_aligned<width>(x) && simt::is_aligned<width>(y))
    drop_planes<width>(stream, planes, inner, drop, x, y);
  else
    drop_planes<1>(stream, planes, inner, drop, x, y);
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    dropout_naive_kernel(std::int64_t count, std::int64_t inner, Dropout given, const T* x, T* y) {
  const std::int64_t i = simt::thread_number();
  const DeviceDropout<T> drop(given);
  if (i < count) y[i] = x[i] * drop.factor_at(drop.planes ? i / inner : i);
}
template <class T>
void dropout_naive(Stream stream, std::int64_t planes, std::int64_t inner, const Dropout& drop, const T* x, T* y) {
  simt::launch<dropout_naive_kernel<T>>(simt::blocks_for(planes * inner, threads), threads, 0, stream, planes * inner, inner,
                                        drop, x, y);
}

template <class T>
constexpr ActivationKernels<T> fast_table{forward<T>, backward<T>, dropout<T>};
template <class T>
constexpr ActivationKernels<T> naive_table{forward_naive<T>, backward_naive<T>, dropout_naive<T>};

}  // namespace

template <>
const ActivationKernels<float>& ActivationKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<float> : fast_table<float>;
}
template <>
const ActivationKernels<double>& ActivationKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<double> : fast_table<double>;
}
template <>
const ActivationKernels<BFloat16>& ActivationKernels<BFloat16>::cuda(Variant) {
  return fast_table<BFloat16>;
}

}  // namespace heddle::kernels
