// Convolution by its definition: one loop per index, sums in double. Read and trusted more easily than the fast one.
#include <algorithm>
#include <cstdint>

#include "heddle/base/parallel.hpp"
#include "kernels/conv/conv_algorithms.hpp"

namespace heddle::kernels {
namespace {

bool serves(const ConvShape&, ConvPass) {
  return true;
}
std::size_t workspace(const ConvShape&, ConvPass) {
  return 0;
}

template <class T>
void forward(Stream, const ConvShape& s, const T* x, const T* weight, const T* bias, T* y, void*) {
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  parallel_chunks(std::int64_t{s.n} * s.k, [&](std::int64_t plane, int) {
    const std::int64_t n = plane / s.k, k = plane % s.k, c0 = k / kg * cg;
    for (int p = 0; p < oh; ++p)
      for (int q = 0; q < ow; ++q) {
        double sum = bias ? bias[k] : T{0};
        for (int c = 0; c < cg; ++c)
          for (int r = 0; r < s.kh; ++r)
            for (int t = 0; t < s.kw; ++t) {
              const int h = p * s.stride_h - s.pad_h + r * s.dilation_h, w = q * s.stride_w - s.pad_w + t * s.dilation_w;
              if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
              sum += double{x[((n * s.c + c0 + c) * s.h + h) * s.w + w]} * weight[((k * cg + c) * s.kh + r) * s.kw + t];
            }
        y[(plane * oh + p) * ow + q] = static_cast<T>(sum);
      }
  });
}

template <class T>
void grad_input(Stream, const ConvShape& s, const T* dy, const T* weight, T* dx, void*) {
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  parallel_chunks(std::int64_t{s.n} * s.c, [&](std::int64_t plane, int) {
    const std::int64_t n = plane / s.c, c = plane % s.c, k0 = c / cg * kg;
    for (int h = 0; h < s.h; ++h)
      for (int w = 0; w < s.w; ++w) {
        double sum = 0;
        for (std::int64_t k = k0; k < k0 + kg; ++k)
          for (int r = 0; r < s.kh; ++r)
            for (int t = 0; t < s.kw; ++t) {
              const int p = h + s.pad_h - r * s.dilation_h, q = w + s.pad_w - t * s.dilation_w;
              if (p < 0 || q < 0 || p % s.stride_h || q % s.stride_w) continue;
              if (p / s.stride_h >= oh || q / s.stride_w >= ow) continue;
              sum += double{dy[((n * s.k + k) * oh + p / s.stride_h) * ow + q / s.stride_w]} *
                     weight[((k * cg + c % cg) * s.kh + r) * s.kw + t];
            }
        dx[(plane * s.h + h) * s.w + w] = static_cast<T>(sum);
      }
  });
}

template <class T>
void grad_weight(Stream, const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias, void*) {
  const int oh = s.out_h(), ow = s.out_w(), cg = s.c / s.groups, kg = s.k / s.groups;
  parallel_chunks(s.k, [&](std::int64_t k, int) {
    const std::int64_t c0 = k / kg * cg;
    for (int c = 0; c < cg; ++c)
      for (int r = 0; r < s.kh; ++r)
        for (int t = 0; t < s.kw; ++t) {
          double sum = 0;
          for (std::int64_t n = 0; n < s.n; ++n)
            for (int p = 0; p < oh; ++p)
              for (int q = 0; q < ow; ++q) {
                const int h = p * s.stride_h - s.pad_h + r * s.dilation_h, w = q * s.stride_w - s.pad_w + t * s.dilation_w;
                if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                sum += double{x[((n * s.c + c0 + c) * s.h + h) * s.w + w]} * dy[((n * s.k + k) * oh + p) * ow + q];
              }
          dweight[((k * cg + c) * s.kh + r) * s.kw + t] = static_cast<T>(sum);
        }
    if (!dbias) return;
    double sum = 0;
    for (std::int64_t n = 0; n < s.n; ++n)
      for (int i = 0; i < oh * ow; ++i) sum += dy[(n * s.k + k) * oh * ow + i];
    dbias[k] = static_cast<T>(sum);
  });
}

template <class T>
constexpr ConvAlgorithm<T, NaiveConv> table{serves, {workspace, forward<T>, grad_input<T>, grad_weight<T>}};

}  // namespace

template <>
const ConvAlgorithm<float, NaiveConv>& CpuTable<this_isa, ConvAlgorithm<float, NaiveConv>>::get(Variant) {
  return table<float>;
}
template <>
const ConvAlgorithm<double, NaiveConv>& CpuTable<this_isa, ConvAlgorithm<double, NaiveConv>>::get(Variant) {
  return table<double>;
}

}  // namespace heddle::kernels
