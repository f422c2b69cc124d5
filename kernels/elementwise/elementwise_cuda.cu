// Elementwise arithmetic on the GPU: memory-bound, one launch, one pass.
//
// a, b by the strides of the shape, y dense. binary, compare: the index space is collapsed (collapse.hpp), and a thread takes
// 16 bytes of a row where rows and arrays are aligned for it, each input read as one vector, one broadcast number or by its
// stride; else one element. Offsets are 32-bit numbers, divisions multiplications (element_index.hpp); what is larger is
// cut into several launches. unary, scalar, add_scaled: dense, 16 bytes a thread. bf16 is calculated with in float.
// naive: elementwise_naive_cuda.cuh.
// Bytes: 2 (unary, scalar) or 3 times count * sizeof(T), less what is broadcast; about one operation an element, but for pow,
// exp and their like (some 10 to 40).
#include "kernels/elementwise/collapse.hpp"
#include "kernels/elementwise/element_index.hpp"
#include "kernels/elementwise/element_visit.hpp"
#include "kernels/elementwise/elementwise_naive_cuda.cuh"

namespace heddle::kernels {
namespace {

// Two inputs of any layout

template <int width, class T, class F>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) elementwise_walk_kernel(ElementIndex index, F f, const T* a, const T* b, T* y) {
  const std::uint32_t unit = blockIdx.x * threads + threadIdx.x;
  if (unit >= index.units) return;
  const ElementRun run = index.run<width>(unit);
  const auto u = simt::widen(load_run<width>(a + run.a, index.step_a, run.count));
  const auto v = simt::widen(load_run<width>(b + run.b, index.step_b, run.count));
  simt::Vec<Wide<T>, width> result{};
  HD_UNROLL
  for (int j = 0; j < width; ++j)
    if (width == 1 || j < run.count) result[j] = f(u[j], v[j]);
  store_run<width>(y + run.first, 1, run.count, simt::narrow<T, width>(result));
}

template <class F, class T>
void walk(Stream stream, F f, const ElementShape& whole, const T* a, const T* b, T* y) {
  constexpr int width = simt::vec_width<T>;
  if (whole.count() == 0) return;
  each_part(collapse(whole), index_limit,
            [&](const ElementShape& part, std::int64_t offset_a, std::int64_t offset_b, std::int64_t first) {
              const auto run = [&]<int w>(std::integral_constant<int, w>) {
                const ElementIndex index(part, w);
                simt::launch<elementwise_walk_kernel<w, T, F>>(simt::blocks_for(index.units, threads), threads, 0, stream,
                                                               index, f, a + offset_a, b + offset_b, y + first);
              };
              const bool whole_runs = part.dims == 1 || part.size[part.dims - 1] % width == 0;
              if (whole_runs && simt::is_aligned<width>(y + first) && runs_aligned<width>(part, part.stride_a, a + offset_a) &&
                  runs_aligned<width>(part, part.stride_b, b + offset_b))
                run(std::integral_constant<int, width>{});
              else
                run(std::integral_constant<int, 1>{});
            });
}

template <class T>
void binary(Stream stream, Binary op, const ElementShape& shape, const T* a, const T* b, T* y) {
  visit(op, [&]<Binary o>(OpTag<o>) { walk(stream, OfTwo<o>{}, shape, a, b, y); });
}
template <class T>
void compare(Stream stream, Compare op, const ElementShape& shape, const T* a, const T* b, T* y) {
  visit(op, [&]<Compare o>(OpTag<o>) { walk(stream, OfTwo<o>{}, shape, a, b, y); });
}

// Dense

// y[i] = f(x[i], y[i]); y is read where `accumulates`. x may be y.
template <bool accumulates, class T, class F>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads) elementwise_map_kernel(std::int64_t count, F f, const T* x, T* y) {
  constexpr int width = simt::vec_width<T>;
  const std::int64_t i = simt::thread_number() * width;
  if (i + width <= count && simt::is_aligned<width>(x) && simt::is_aligned<width>(y)) {
    simt::Vec<Wide<T>, width> v = simt::load_wide<width>(x + i), old = v;
    if constexpr (accumulates) old = simt::load_wide<width>(y + i);
    HD_UNROLL
    for (int j = 0; j < width; ++j) v[j] = f(v[j], old[j]);
    simt::store_narrow(y + i, v);
    return;
  }
  for (std::int64_t j = i; j < i + width && j < count; ++j)
    y[j] = static_cast<T>(f(static_cast<Wide<T>>(x[j]), accumulates ? static_cast<Wide<T>>(y[j]) : Wide<T>(0)));
}

template <bool accumulates, class F, class T>
void map(Stream stream, F f, std::int64_t count, const T* x, T* y) {
  simt::launch<elementwise_map_kernel<accumulates, T, F>>(simt::blocks_for(count, threads * simt::vec_width<T>), threads, 0,
                                                          stream, count, f, x, y);
}

template <class T>
void unary(Stream stream, Unary op, std::int64_t count, const T* x, T* y) {
  visit(op, [&]<Unary o>(OpTag<o>) { map<false>(stream, OfOne<o>{}, count, x, y); });
}
template <class T>
void scalar(Stream stream, Scalar op, std::int64_t count, const T* x, T s, T* y) {
  if (const auto plainer = as_unary(op, s)) return unary(stream, *plainer, count, x, y);
  visit(op, [&]<Scalar o>(OpTag<o>) { map<false>(stream, WithNumber<o, T>{s}, count, x, y); });
}
template <class T>
void add_scaled(Stream stream, std::int64_t count, const T* x, Wide<T> s, T* y) {
  map<true>(stream, AddScaled<Wide<T>>{s}, count, x, y);
}

template <class T>
constexpr ElementwiseKernels<T> fast_table{binary<T>, compare<T>, unary<T>, scalar<T>, add_scaled<T>};
template <>
constexpr ElementwiseKernels<BFloat16> fast_table<BFloat16>{binary<BFloat16>, nullptr, nullptr, nullptr, add_scaled<BFloat16>};
}  // namespace

template <>
const ElementwiseKernels<float>& ElementwiseKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<float> : fast_table<float>;
}
template <>
const ElementwiseKernels<double>& ElementwiseKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<double> : fast_table<double>;
}
template <>
const ElementwiseKernels<BFloat16>& ElementwiseKernels<BFloat16>::cuda(Variant) {
  return fast_table<BFloat16>;
}
template <>
const ElementwiseKernels<std::int64_t>& ElementwiseKernels<std::int64_t>::cuda(Variant v) {
  return v == Variant::naive ? naive_table<std::int64_t> : fast_table<std::int64_t>;
}

}  // namespace heddle::kernels
