// Optimizer steps on the GPU, one launch a parameter and one thread an element; the gradients' norm by one thread, slice by
// slice. What the fast kernels are compared with. Pointers as in optim.hpp.
#include <cmath>

#include "kernels/optim/optim_rules.hpp"
#include "kernels/simt/simt.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 128;

template <class T, class Rule>
HD_KERNEL void naive_step_kernel(ParameterSlice<T> slice, typename Rule::Options given,
                                 const typename Rule::Options* device_options) {
  const std::int64_t i = simt::thread_number();
  if (i >= slice.count) return;
  Rule rule;
  rule.derive(device_options ? *device_options : given);
  T none = 0;
  rule(slice.value[i], slice.gradient[i], rule.has_state0() ? slice.state0[i] : none,
       rule.has_state1() ? slice.state1[i] : none);
}

// norm begins with the sum so far, and ends with its root where this is the last slice.
template <class T>
HD_KERNEL void naive_norm_kernel(ParameterSlice<T> slice, bool first, bool last, double* norm) {
  double sum = first ? 0 : *norm;
  for (std::int64_t i = 0; i < slice.count; ++i)
    sum += static_cast<double>(slice.gradient[i]) * static_cast<double>(slice.gradient[i]);
  *norm = last ? std::sqrt(sum) : sum;
}

template <class T>
HD_KERNEL void naive_clip_kernel(std::int64_t count, T* gradient, double max_norm, const double* norm) {
  const std::int64_t i = simt::thread_number();
  const double ratio = max_norm / (*norm + 1e-6);
  if (i < count && ratio < 1) gradient[i] *= static_cast<T>(ratio);
}

template <class T, class Rule>
void step(Stream stream, int count, const ParameterSlice<T>* slices, const typename Rule::Options& options,
          const typename Rule::Options* device_options) {
  for (int s = 0; s < count; ++s)
    simt::launch<naive_step_kernel<T, Rule>>(simt::blocks_for(slices[s].count, threads), threads, 0, stream, slices[s], options,
                                             device_options);
}
template <class T>
std::size_t workspace(int, const ParameterSlice<T>*) {
  return 0;
}
template <class T>
void gradient_norm(Stream stream, int count, const ParameterSlice<T>* slices, double* norm, void*) {
  for (int s = 0; s < count; ++s) simt::launch<naive_norm_kernel<T>>(1, 1, 0, stream, slices[s], s == 0, s == count - 1, norm);
}
template <class T>
void clip(Stream stream, int count, const ParameterSlice<T>* slices, double max_norm, const double* norm) {
  for (int s = 0; s < count; ++s)
    simt::launch<naive_clip_kernel<T>>(simt::blocks_for(slices[s].count, threads), threads, 0, stream, slices[s].count,
                                       const_cast<T*>(slices[s].gradient), max_norm, norm);
}

template <class T>
constexpr OptimKernels<T> table{step<T, SgdRule<T>>, step<T, AdamRule<T>>, workspace<T>, gradient_norm<T>, clip<T>};

}  // namespace

template <class T>
const OptimKernels<T>& naive_optim_cuda() {
  return table<T>;
}
template const OptimKernels<float>& naive_optim_cuda<float>();
template const OptimKernels<double>& naive_optim_cuda<double>();

}  // namespace heddle::kernels
