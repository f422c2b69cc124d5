// Running sums and products over the middle of [outer, reduced, inner] on the CPU: one pass, each line by one thread.
//
// inner == 1: a row's elements one after the other. inner > 1: columns side by side, row by row, up to 128 running totals at
// once. Bytes: one read of x, one write of y.
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/scan/scan.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;  // elements of a piece of work
constexpr std::int64_t strip = 128;    // columns whose running totals are kept at once

template <Scan op, class T>
void scan_lines(ScanKind kind, const ReduceShape& s, const T* x, T* y) {
  using Total = ScanTotal<T>;
  if (s.outer * s.reduced * s.inner == 0) return;
  const std::int64_t width = s.inner < strip ? s.inner : strip, strips = (s.inner + width - 1) / width,
                     unit = s.reduced * width;
  parallel_for(s.outer * strips, unit >= grain ? 1 : grain / unit, [=](std::int64_t begin, std::int64_t end) {
    Total total[strip];
    for (std::int64_t u = begin; u < end; ++u) {
      const std::int64_t first = u % strips * width, here = s.inner - first < width ? s.inner - first : width;
      const std::int64_t base = u / strips * s.reduced * s.inner + first;
      for (std::int64_t k = 0; k < here; ++k) total[k] = scan_start<Total>(op);
      for (std::int64_t i = 0; i < s.reduced; ++i) {
        const std::int64_t row = base + (kind.reverse ? s.reduced - 1 - i : i) * s.inner;
        if (kind.exclusive) {
          for (std::int64_t k = 0; k < here; ++k) {
            const T value = x[row + k];  // y may be x
            y[row + k] = static_cast<T>(total[k]);
            total[k] = scan_step(op, total[k], static_cast<Total>(value));
          }
        } else {
          for (std::int64_t k = 0; k < here; ++k) {
            total[k] = scan_step(op, total[k], static_cast<Total>(x[row + k]));
            y[row + k] = static_cast<T>(total[k]);
          }
        }
      }
    }
  });
}

template <class T>
void scan(Stream, ScanKind kind, const ReduceShape& s, const T* x, T* y) {
  if (kind.op == Scan::sum) return scan_lines<Scan::sum>(kind, s, x, y);
  scan_lines<Scan::product>(kind, s, x, y);
}

template <class T>
constexpr ScanKernels<T> table{scan<T>};

}  // namespace

template <>
const ScanKernels<float>& CpuTable<this_isa, ScanKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const ScanKernels<double>& CpuTable<this_isa, ScanKernels<double>>::get(Variant) {
  return table<double>;
}
template <>
const ScanKernels<std::int64_t>& CpuTable<this_isa, ScanKernels<std::int64_t>>::get(Variant) {
  return table<std::int64_t>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const ScanKernels<float>& ScanKernels<float>::cpu() {
  return cpu_table<ScanKernels<float>>(Variant::fast);
}
template <>
const ScanKernels<double>& ScanKernels<double>::cpu() {
  return cpu_table<ScanKernels<double>>(Variant::fast);
}
template <>
const ScanKernels<std::int64_t>& ScanKernels<std::int64_t>::cpu() {
  return cpu_table<ScanKernels<std::int64_t>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
