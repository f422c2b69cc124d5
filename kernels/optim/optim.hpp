// Optimizer steps, all parameters of a group in one call (on the GPU, in one launch).
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// One parameter tensor: value, gradient and the optimizer's state, `count` elements each.
template <class T>
struct ParameterSlice {
  T* value;
  const T* gradient;
  T* state0;  ///< SGD: momentum buffer; Adam: first moment. Null where there is none.
  T* state1;  ///< Adam: second moment
  std::int64_t count;
};

/// SGD with momentum as in PyTorch (Sutskever et al., ICML 2013, without their learning-rate factor on the buffer):
/// g += weight_decay * p; b = momentum * b + (1 - dampening) * g; p -= lr * (nesterov ? g + momentum * b : b).
struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;  ///< the buffer is set to g instead
};

/// Adam (Kingma and Ba, ICLR 2015), or AdamW (Loshchilov and Hutter, ICLR 2019) with decoupled weight decay.
struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false;
  std::int64_t step = 1;  ///< this step's number, from 1
};

/// Where the options come from: by value, or, for a captured graph, from device memory at `device_options` when not null.
template <class T>
struct OptimKernels {
  /// `slices` lies in host memory and may be reused once the call returns.
  void (*sgd)(Stream, int count, const ParameterSlice<T>* slices, const SgdOptions&, const SgdOptions* device_options);
  void (*adam)(Stream, int count, const ParameterSlice<T>* slices, const AdamOptions&, const AdamOptions* device_options);
  /// Bytes that gradient_norm wants to be handed.
  std::size_t (*workspace)(int count, const ParameterSlice<T>* slices);
  /// *norm = sqrt(sum of squares of all gradients), in double, in fixed order.
  void (*gradient_norm)(Stream, int count, const ParameterSlice<T>* slices, double* norm, void* workspace);
  /// Every gradient is multiplied by min(1, max_norm / (*norm + 1e-6)).
  void (*clip)(Stream, int count, const ParameterSlice<T>* slices, double max_norm, const double* norm);

  static const OptimKernels& cpu();
  static const OptimKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels
