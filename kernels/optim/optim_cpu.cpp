// Optimizer steps on the CPU: memory-bound, one pass over parameters, gradients and state.
//
// The slices are seen as one long array and cut into ranges of `grain` elements, so that many small parameters share a piece
// of work and a large one is shared out. Per element: SGD reads 3 and writes 2 numbers, Adam reads 4 and writes 3.
#include <cmath>

#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/optim/optim.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 32768;

template <class T>
std::int64_t total(int count, const ParameterSlice<T>* slices) {
  std::int64_t n = 0;
  for (int i = 0; i < count; ++i) n += slices[i].count;
  return n;
}

// Calls f(slice, begin, end) for the parts of slices that make up elements begin .. end of all slices.
template <class T, class F>
HD_INLINE void each_part(const ParameterSlice<T>* slices, std::int64_t begin, std::int64_t end, F f) {
  std::int64_t start = 0;
  for (; start + slices->count <= begin; ++slices) start += slices->count;
  for (; begin < end; start += slices->count, ++slices) {
    const std::int64_t stop = start + slices->count < end ? start + slices->count : end;
    if (begin < stop) f(*slices, begin - start, stop - start);
    begin = stop;
  }
}
template <class T, class F>
void for_parts(int count, const ParameterSlice<T>* slices, F f) {
  parallel_for(total(count, slices), grain, [=](std::int64_t begin, std::int64_t end) { each_part(slices, begin, end, f); });
}

template <class T>
void sgd(Stream, int count, const ParameterSlice<T>* slices, const SgdOptions& given, const SgdOptions* device_options) {
  const SgdOptions o = device_options ? *device_options : given;
  const T lr = static_cast<T>(o.lr), momentum = static_cast<T>(o.momentum), decay = static_cast<T>(o.weight_decay);
  const T fresh = static_cast<T>(1 - o.dampening);
  for_parts(count, slices, [=](const ParameterSlice<T>& slice, std::int64_t begin, std::int64_t end) {
    T* value = slice.value;
    T* buffer = slice.state0;
    const T* gradient = slice.gradient;
    if (o.momentum == 0) {
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) value[i] -= lr * (gradient[i] + decay * value[i]);
    } else if (o.first_step) {
      const T ahead = o.nesterov ? 1 + momentum : T{1};
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) {
        const T g = gradient[i] + decay * value[i];
        buffer[i] = g;
        value[i] -= lr * (ahead * g);
      }
    } else if (o.nesterov) {
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) {
        const T g = gradient[i] + decay * value[i], b = momentum * buffer[i] + fresh * g;
        buffer[i] = b;
        value[i] -= lr * (g + momentum * b);
      }
    } else {
      HD_IVDEP
      for (std::int64_t i = begin; i < end; ++i) {
        const T g = gradient[i] + decay * value[i], b = momentum * buffer[i] + fresh * g;
        buffer[i] = b;
        value[i] -= lr * b;
      }
    }
  });
}

template <class T>
void adam(Stream, int count, const ParameterSlice<T>* slices, const AdamOptions& given, const AdamOptions* device_options) {
  const AdamOptions o = device_options ? *device_options : given;
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(o.step));
  const double correction2 = 1 - std::pow(o.beta2, static_cast<double>(o.step));
  const T step = static_cast<T>(o.lr / correction1), root = static_cast<T>(1 / std::sqrt(correction2));
  const T beta1 = static_cast<T>(o.beta1), beta2 = static_cast<T>(o.beta2), eps = static_cast<T>(o.eps);
  const T rest1 = static_cast<T>(1 - o.beta1), rest2 = static_cast<T>(1 - o.beta2);
  const T coupled = o.decoupled ? T{0} : static_cast<T>(o.weight_decay);
  const T keep = o.decoupled ? static_cast<T>(1 - o.lr * o.weight_decay) : T{1};
  for_parts(count, slices, [=](const ParameterSlice<T>& slice, std::int64_t begin, std::int64_t end) {
    T* value = slice.value;
    T* first = slice.state0;
    T* second = slice.state1;
    const T* gradient = slice.gradient;
    HD_IVDEP
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = gradient[i] + coupled * value[i];
      const T m = beta1 * first[i] + rest1 * g, v = beta2 * second[i] + rest2 * (g * g);
      first[i] = m;
      second[i] = v;
      value[i] = keep * value[i] - step * m / (std::sqrt(v) * root + eps);
    }
  });
}

// n squares in eight running sums, in double: the same order on every instruction set.
template <class T>
HD_INLINE double sum_of_squares(std::int64_t n, const T* x) {
  double sum[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; ++l) sum[l] += static_cast<double>(x[i + l]) * static_cast<double>(x[i + l]);
  for (; i < n; ++i) sum[i % 8] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

template <class T>
std::size_t workspace(int count, const ParameterSlice<T>* slices) {
  return static_cast<std::size_t>((total(count, slices) + grain - 1) / grain) * sizeof(double);
}

template <class T>
void gradient_norm(Stream, int count, const ParameterSlice<T>* slices, double* norm, void* workspace) {
  const std::int64_t n = total(count, slices), pieces = (n + grain - 1) / grain;
  auto* const partial = static_cast<double*>(workspace);
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    double sum = 0;
    each_part(slices, begin, end, [&sum](const ParameterSlice<T>& slice, std::int64_t from, std::int64_t to) {
      sum += sum_of_squares(to - from, slice.gradient + from);
    });
    partial[begin / grain] = sum;
  });
  double sum = 0;
  for (std::int64_t i = 0; i < pieces; ++i) sum += partial[i];
  *norm = std::sqrt(sum);
}

template <class T>
void clip(Stream, int count, const ParameterSlice<T>* slices, double max_norm, const double* norm) {
  const double ratio = max_norm / (*norm + 1e-6);
  if (ratio >= 1) return;
  const T factor = static_cast<T>(ratio);
  for_parts(count, slices, [=](const ParameterSlice<T>& slice, std::int64_t begin, std::int64_t end) {
    T* gradient = const_cast<T*>(slice.gradient);  // the slice calls it const for the steps, which leave it alone
    for (std::int64_t i = begin; i < end; ++i) gradient[i] *= factor;
  });
}

template <class T>
constexpr OptimKernels<T> table{sgd<T>, adam<T>, workspace<T>, gradient_norm<T>, clip<T>};

}  // namespace

template <>
const OptimKernels<float>& CpuTable<this_isa, OptimKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const OptimKernels<double>& CpuTable<this_isa, OptimKernels<double>>::get(Variant) {
  return table<double>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const OptimKernels<float>& OptimKernels<float>::cpu() {
  return cpu_table<OptimKernels<float>>(Variant::fast);
}
template <>
const OptimKernels<double>& OptimKernels<double>::cpu() {
  return cpu_table<OptimKernels<double>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
