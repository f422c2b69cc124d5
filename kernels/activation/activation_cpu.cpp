// Activations and dropout on the CPU, element by element in blocks of 16,384. 8 bytes an element forward (12 backward) and
// between 1 and about 40 operations: relu and its like are bound by memory, gelu by arithmetic. Element dropout is bound by
// its random numbers (kernels/norm/dropout_cpu.hpp).
#include <algorithm>

#include "heddle/base/inline.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/activation/activation_functions.hpp"
#include "kernels/norm/dropout_cpu.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t block_size = 16384;

template <class T> void forward(Stream, Activation a, std::int64_t count, const T* x, T slope, T* y) {
  visit(a, [&](auto f) {
    parallel_for(count, block_size, [&](std::int64_t begin, std::int64_t end) {
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) y[i] = activate<decltype(f)::value>(x[i], slope);
    });
  });
}

template <class T> void backward(Stream, Activation a, std::int64_t count, const T* saved, const T* dy, T slope, T* dx) {
  visit(a, [&](auto f) {
    parallel_for(count, block_size, [&](std::int64_t begin, std::int64_t end) {
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) dx[i] = gradient<decltype(f)::value>(saved[i], dy[i], slope);
    });
  });
}

template <class T> void dropout(Stream, std::int64_t planes, std::int64_t inner, const Dropout& drop, const T* x, T* y) {
  const DropoutFactors<T> factors(drop);
  if (factors.elements()) {
    parallel_for(planes * inner, block_size, [&](std::int64_t begin, std::int64_t end) {
      typename DropoutFactors<T>::Buffer buffer;
      for (std::int64_t at = begin; at < end; at += piece_size) {
        const int count = static_cast<int>(std::min<std::int64_t>(piece_size, end - at));
        const T* factor = factors.piece(at, count, buffer);
        HD_IVDEP
        for (int i = 0; i < count; ++i) y[at + i] = x[at + i] * factor[i];
      }
    });
    return;
  }
  parallel_for(planes, std::max<std::int64_t>(1, block_size / std::max<std::int64_t>(1, inner)), [&](std::int64_t begin, std::int64_t end) {
    PlaneFactors<T> plane_factors(factors);
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const T factor = plane_factors[plane];
      HD_IVDEP
      for (std::int64_t i = plane * inner; i < (plane + 1) * inner; ++i) y[i] = x[i] * factor;
    }
  });
}

template <class T> constexpr ActivationKernels<T> table{forward<T>, backward<T>, dropout<T>};

}  // namespace

template <> const ActivationKernels<float>& CpuTable<this_isa, ActivationKernels<float>>::get(Variant) { return table<float>; }
template <> const ActivationKernels<double>& CpuTable<this_isa, ActivationKernels<double>>::get(Variant) { return table<double>; }
#if HEDDLE_ISA_IS_BASE
template <> const ActivationKernels<float>& ActivationKernels<float>::cpu() {
  return cpu_table<ActivationKernels<float>>(Variant::fast);
}
template <> const ActivationKernels<double>& ActivationKernels<double>::cpu() {
  return cpu_table<ActivationKernels<double>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
