// Convolution on the GPU by its definition: one thread an element of the result, summed in double. What the fast kernels are
// compared with, and what serves filters too large for shared memory.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

template <class T>
HD_DEVICE inline double wide(T x) {
  return static_cast<Wide<T>>(x);
}
// A weight as the factor of an activation of T.
template <class T>
HD_DEVICE inline double factor(Wide<T> weight) {
  return wide(static_cast<T>(weight));
}

template <class T>
HD_KERNEL void conv_naive_forward_kernel(ConvShape s, const T* x, const Wide<T>* weight, const Wide<T>* bias, T* y) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.y_size()) return;
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  const int q = static_cast<int>(i % ow), p = static_cast<int>(i / ow % oh), k = static_cast<int>(i / ow / oh % s.k);
  const std::int64_t first = (i / ow / oh / s.k * s.c + k / kg * cg) * s.h * s.w;
  double sum = bias ? bias[k] : Wide<T>(0);
  for (int c = 0; c < cg; ++c)
    for (int r = 0; r < s.kh; ++r)
      for (int t = 0; t < s.kw; ++t) {
        const int h = p * s.stride_h - s.pad_h + r * s.dilation_h, w = q * s.stride_w - s.pad_w + t * s.dilation_w;
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        sum += wide(x[first + (std::int64_t{c} * s.h + h) * s.w + w]) *
               factor<T>(weight[((std::int64_t{k} * cg + c) * s.kh + r) * s.kw + t]);
      }
  y[i] = static_cast<T>(static_cast<Wide<T>>(sum));
}

template <class T>
HD_KERNEL void conv_naive_grad_input_kernel(ConvShape s, const T* dy, const Wide<T>* weight, T* dx) {
  const std::int64_t i = simt::thread_number();
  if (i >= s.x_size()) return;
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  const int w = static_cast<int>(i % s.w), h = static_cast<int>(i / s.w % s.h), c = static_cast<int>(i / s.w / s.h % s.c);
  const std::int64_t n = i / s.w / s.h / s.c;
  double sum = 0;
  for (int k = c / cg * kg; k < (c / cg + 1) * kg; ++k)
    for (int r = 0; r < s.kh; ++r)
      for (int t = 0; t < s.kw; ++t) {
        const int p = h + s.pad_h - r * s.dilation_h, q = w + s.pad_w - t * s.dilation_w;
        if (p < 0 || q < 0 || p % s.stride_h || q % s.stride_w || p / s.stride_h >= oh || q / s.stride_w >= ow) continue;
        sum += wide(dy[((n * s.k + k) * oh + p / s.stride_h) * ow + q / s.stride_w]) *
               factor<T>(weight[((std::int64_t{k} * cg + c % cg) * s.kh + r) * s.kw + t]);
      }
  dx[i] = static_cast<T>(static_cast<Wide<T>>(sum));
}

// The first w_size threads compute dweight, the k behind them dbias.
template <class T>
HD_KERNEL void conv_naive_grad_weight_kernel(ConvShape s, const T* x, const T* dy, Wide<T>* dweight, Wide<T>* dbias) {
  const std::int64_t i = simt::thread_number();
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  if (i >= s.w_size() + (dbias ? s.k : 0)) return;
  double sum = 0;
  if (i >= s.w_size()) {
    const std::int64_t k = i - s.w_size();
    for (std::int64_t n = 0; n < s.n; ++n)
      for (int p = 0; p < oh * ow; ++p) sum += wide(dy[(n * s.k + k) * oh * ow + p]);
    dbias[k] = static_cast<Wide<T>>(sum);
    return;
  }
  const int t = static_cast<int>(i % s.kw), r = static_cast<int>(i / s.kw % s.kh);
  const int k = static_cast<int>(i / s.kw / s.kh / cg), c = k / kg * cg + static_cast<int>(i / s.kw / s.kh % cg);
  for (std::int64_t n = 0; n < s.n; ++n)
    for (int p = 0; p < oh; ++p)
      for (int q = 0; q < ow; ++q) {
        const int h = p * s.stride_h - s.pad_h + r * s.dilation_h, w = q * s.stride_w - s.pad_w + t * s.dilation_w;
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        sum += wide(x[((n * s.c + c) * s.h + h) * s.w + w]) * wide(dy[((n * s.k + k) * oh + p) * ow + q]);
      }
  dweight[i] = static_cast<Wide<T>>(sum);
}

template <class T>
struct NaiveConvCuda {
  static constexpr int threads = 128;

  static std::size_t workspace(const ConvShape&, ConvPass) { return 0; }
  static void forward(Stream stream, const ConvShape& s, const T* x, const Wide<T>* weight, const Wide<T>* bias, T* y, void*) {
    simt::launch<conv_naive_forward_kernel<T>>(simt::blocks_for(s.y_size(), threads), threads, 0, stream, s, x, weight, bias,
                                               y);
  }
  static void grad_input(Stream stream, const ConvShape& s, const T* dy, const Wide<T>* weight, T* dx, void*) {
    simt::launch<conv_naive_grad_input_kernel<T>>(simt::blocks_for(s.x_size(), threads), threads, 0, stream, s, dy, weight, dx);
  }
  static void grad_weight(Stream stream, const ConvShape& s, const T* x, const T* dy, Wide<T>* dweight, Wide<T>* dbias, void*) {
    simt::launch<conv_naive_grad_weight_kernel<T>>(simt::blocks_for(s.w_size() + (dbias ? s.k : 0), threads), threads, 0,
                                                   stream, s, x, dy, dweight, dbias);
  }
};

}  // namespace
}  // namespace heddle::kernels
