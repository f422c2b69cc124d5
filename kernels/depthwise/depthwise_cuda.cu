// Depthwise convolution on the GPU. x, dx [n, c, h, w], y, dy [n, k, out_h, out_w], weight [k, 1, kh, kw], k = c * m.
//
// Every element of the input serves kh kw products alone, so all is bound by memory: 18 FLOPs for 8 bytes in a 3 x 3 filter
// (for 4 where activations are bf16), and what matters is to read each element once, in vectors. There is no tile in shared
// memory; a thread's halo is read again through the first cache.
//
// depthwise_rows_kernel, 3 x 3 with stride, dilation and padding 1 and w a multiple of 4, float and bf16: a thread computes 4
// neighbours in each of 4 rows, from 6 rows of a load of four and two single ones: 18 loads for 16 results. Forward and
// gradient by x, whose filter is turned round. depthwise_kernel, every other shape: one result a thread. The gradient by x
// gathers. The gradient by the weights: depthwise_weight_cuda.cuh. Weights and sums are float where activations are bf16.
// naive: one thread a result, summed in double; not for bf16.
#include <algorithm>
#include <type_traits>

#include "kernels/conv/sum_partials_cuda.cuh"
#include "kernels/depthwise/depthwise_weight_cuda.cuh"

namespace heddle::kernels {
namespace {

constexpr int strip = 4;  // rows of a thread in depthwise_rows_kernel

/// A correlation whose outputs read `inputs` channels of their own and are `outputs` to a channel: 1 and m forward, m and 1 in
/// the gradient by x, where filters are turned round and the input (dy) is set apart by the stride.
struct Depthwise {
  int planes = 1, channels = 1, inputs = 1, outputs = 1;  // planes: images times channels
  int in_h = 1, in_w = 1, out_h = 1, out_w = 1, kh = 1, kw = 1;
  int step_h = 1, step_w = 1, up_h = 1, up_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  bool turned = false;
};

Depthwise forward_of(const ConvShape& s) {
  return {.planes = s.n * s.c,
          .channels = s.c,
          .outputs = s.k / s.c,
          .in_h = s.h,
          .in_w = s.w,
          .out_h = s.out_h(),
          .out_w = s.out_w(),
          .kh = s.kh,
          .kw = s.kw,
          .step_h = s.stride_h,
          .step_w = s.stride_w,
          .pad_h = s.pad_h,
          .pad_w = s.pad_w,
          .dilation_h = s.dilation_h,
          .dilation_w = s.dilation_w};
}
Depthwise grad_input_of(const ConvShape& s) {
  return {.planes = s.n * s.c,
          .channels = s.c,
          .inputs = s.k / s.c,
          .in_h = s.out_h(),
          .in_w = s.out_w(),
          .out_h = s.h,
          .out_w = s.w,
          .kh = s.kh,
          .kw = s.kw,
          .up_h = s.stride_h,
          .up_w = s.stride_w,
          .pad_h = s.dilation_h * (s.kh - 1) - s.pad_h,
          .pad_w = s.dilation_w * (s.kw - 1) - s.pad_w,
          .dilation_h = s.dilation_h,
          .dilation_w = s.dilation_w,
          .turned = true};
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads)
    depthwise_rows_kernel(Depthwise s, std::int64_t count, const T* HD_RESTRICT in, const float* HD_RESTRICT weight,
                          const float* HD_RESTRICT bias, T* HD_RESTRICT out) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  const int quads = s.out_w / 4, strips = (s.out_h + strip - 1) / strip;
  const int quad = static_cast<int>(i % quads), first = static_cast<int>(i / quads % strips) * strip;
  const std::int64_t out_plane = i / quads / strips, plane = out_plane / s.outputs;
  const int output = static_cast<int>(out_plane % s.outputs), channel = static_cast<int>(plane % s.channels);
  const std::int64_t size = std::int64_t{s.out_h} * s.out_w;  // of the input's planes too
  const float start = bias ? bias[channel * s.outputs + output] : 0;
  float sum[strip][4];
  HD_UNROLL
  for (int r = 0; r < strip; ++r)
    for (int e = 0; e < 4; ++e) sum[r][e] = start;
  for (int input = 0; input < s.inputs; ++input) {
    const T* const from = in + (plane * s.inputs + input) * size;
    float factor[9];
    HD_UNROLL
    for (int t = 0; t < 9; ++t)
      factor[t] = weight[(std::int64_t{channel} * s.inputs * s.outputs + input + output) * 9 + (s.turned ? 8 - t : t)];
    HD_UNROLL
    for (int r = -1; r <= strip; ++r) {  // rows of the input, each of which serves three rows of the output
      float row[6];
      load_row(from, first + r, s.in_h, s.in_w, quad, row);
      HD_UNROLL
      for (int t = 0; t < 3; ++t)
        if (r + 1 - t >= 0 && r + 1 - t < strip) {
          HD_UNROLL
          for (int e = 0; e < 4; ++e)
            for (int q = 0; q < 3; ++q) sum[r + 1 - t][e] += row[e + q] * factor[t * 3 + q];
        }
    }
  }
  HD_UNROLL
  for (int r = 0; r < strip; ++r)
    if (first + r < s.out_h) {
      simt::Vec<float, 4> four;
      HD_UNROLL
      for (int e = 0; e < 4; ++e) four[e] = sum[r][e];
      simt::store_narrow<4>(out + out_plane * size + (first + r) * s.out_w + quad * 4, four);
    }
}

// Sum is Wide<T> in the fast variant, double in the naive one.
template <class T, class Sum>
HD_KERNEL void depthwise_kernel(Depthwise s, std::int64_t count, const T* HD_RESTRICT in, const Wide<T>* HD_RESTRICT weight,
                                const Wide<T>* HD_RESTRICT bias, T* HD_RESTRICT out) {
  const std::int64_t i = simt::thread_number();
  if (i >= count) return;
  const int q = static_cast<int>(i % s.out_w), p = static_cast<int>(i / s.out_w % s.out_h);
  const std::int64_t out_plane = i / s.out_w / s.out_h, plane = out_plane / s.outputs;
  const int output = static_cast<int>(out_plane % s.outputs), channel = static_cast<int>(plane % s.channels),
            taps = s.kh * s.kw;
  Sum sum = bias ? bias[channel * s.outputs + output] : Wide<T>(0);
  for (int input = 0; input < s.inputs; ++input) {
    const T* const from = in + (plane * s.inputs + input) * s.in_h * s.in_w;
    const Wide<T>* const filter = weight + (std::int64_t{channel} * s.inputs * s.outputs + input + output) * taps;
    for (int r = 0; r < s.kh; ++r) {
      const int y = p * s.step_h - s.pad_h + r * s.dilation_h;
      if (y < 0 || y % s.up_h || y / s.up_h >= s.in_h) continue;
      for (int t = 0; t < s.kw; ++t) {
        const int x = q * s.step_w - s.pad_w + t * s.dilation_w, tap = r * s.kw + t;
        if (x < 0 || x % s.up_w || x / s.up_w >= s.in_w) continue;
        sum += Sum{static_cast<Wide<T>>(from[y / s.up_h * s.in_w + x / s.up_w])} * Sum{filter[s.turned ? taps - 1 - tap : tap]};
      }
    }
  }
  out[i] = static_cast<T>(static_cast<Wide<T>>(sum));
}

template <class T>
std::size_t workspace(const ConvShape& s, ConvPass pass) {
  if (pass != ConvPass::grad_weight) return 0;
  return static_cast<std::size_t>(plan_weight(s).splits * (s.w_size() + s.k)) * sizeof(Wide<T>);
}

template <class T>
void correlate(Stream stream, const Depthwise& s, bool rows, const T* in, const Wide<T>* weight, const Wide<T>* bias, T* out) {
  const std::int64_t out_planes = std::int64_t{s.planes} * s.outputs;
  if constexpr (std::is_same_v<Wide<T>, float>) {
    if (rows && simt::is_aligned<4>(in) && simt::is_aligned<4>(out)) {
      const std::int64_t count = out_planes * (s.out_w / 4) * ((s.out_h + strip - 1) / strip);
      return simt::launch<depthwise_rows_kernel<T>>(simt::blocks_for(count, threads), threads, 0, stream, s, count, in, weight,
                                                    bias, out);
    }
  }
  const std::int64_t count = out_planes * s.out_h * s.out_w;
  simt::launch<depthwise_kernel<T, Wide<T>>>(simt::blocks_for(count, threads), threads, 0, stream, s, count, in, weight, bias,
                                             out);
}

template <class T>
void forward(Stream stream, const ConvShape& s, const T* x, const Wide<T>* weight, const Wide<T>* bias, T* y, void*) {
  correlate<T>(stream, forward_of(s), plain_3x3(s), x, weight, bias, y);
}
template <class T>
void grad_input(Stream stream, const ConvShape& s, const T* dy, const Wide<T>* weight, T* dx, void*) {
  correlate<T>(stream, grad_input_of(s), plain_3x3(s), dy, weight, nullptr, dx);
}
template <class T>
void grad_weight(Stream stream, const ConvShape& s, const T* x, const T* dy, Wide<T>* dweight, Wide<T>* dbias,
                 void* workspace) {
  const DepthwiseWeight plan = plan_weight(s);
  auto* const partials = static_cast<Wide<T>*>(workspace);
  const SplitSums<Wide<T>> sums{plan.splits, s.w_size(), s.w_size() + s.k, partials, dweight, dbias};
  const unsigned blocks = simt::blocks_for(std::int64_t{plan.splits} * s.k * plan.tap_blocks, 1);
  if constexpr (std::is_same_v<Wide<T>, float>) {
    if (plain_3x3(s) && simt::is_aligned<4>(x) && simt::is_aligned<4>(dy)) {
      simt::launch<depthwise_weight_kernel<T, true>>(blocks, threads, 0, stream, plan, x, dy, partials);
      return sum_partials(stream, sums);
    }
  }
  simt::launch<depthwise_weight_kernel<T, false>>(blocks, threads, 0, stream, plan, x, dy, partials);
  sum_partials(stream, sums);
}

template <class T>
std::size_t naive_workspace(const ConvShape&, ConvPass) {
  return 0;
}
template <class T>
void naive_correlate(Stream stream, const Depthwise& s, const T* in, const T* weight, const T* bias, T* out) {
  const std::int64_t count = std::int64_t{s.planes} * s.outputs * s.out_h * s.out_w;
  simt::launch<depthwise_kernel<T, double>>(simt::blocks_for(count, threads), threads, 0, stream, s, count, in, weight, bias,
                                            out);
}
template <class T>
void naive_forward(Stream stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void*) {
  naive_correlate(stream, forward_of(s), x, weight, bias, y);
}
template <class T>
void naive_grad_input(Stream stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void*) {
  naive_correlate<T>(stream, grad_input_of(s), dy, weight, nullptr, dx);
}

template <class T>
void naive_grad_weight(Stream stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void*) {
  simt::launch<depthwise_naive_weight_kernel<T>>(simt::blocks_for(s.w_size() + (dbias ? s.k : 0), threads), threads, 0, stream,
                                                 s, x, dy, dweight, dbias);
}

template <class T>
constexpr DepthwiseKernels<T> fast{workspace<T>, forward<T>, grad_input<T>, grad_weight<T>};
template <class T>
constexpr DepthwiseKernels<T> naive{naive_workspace<T>, naive_forward<T>, naive_grad_input<T>, naive_grad_weight<T>};

}  // namespace

template <>
const DepthwiseKernels<float>& DepthwiseKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive<float> : fast<float>;
}
template <>
const DepthwiseKernels<double>& DepthwiseKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive<double> : fast<double>;
}
template <>
const DepthwiseKernels<BFloat16>& DepthwiseKernels<BFloat16>::cuda(Variant) {
  return fast<BFloat16>;
}

}  // namespace heddle::kernels
