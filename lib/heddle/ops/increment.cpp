#include "heddle/ops/increment.hpp"

#include "heddle/core/dispatch.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {

void increment_(Tensor& counter) {
  check(counter.is_contiguous(), "increment_", "expected a dense counter, got strides {}", counter.strides());
  auto* values = counter.data<std::int64_t>();
  ++counter.impl()->storage->version;
  if (counter.numel())
    kernels_for<kernels::ElementwiseKernels<std::int64_t>>(counter.device())
        .scalar(stream_of(counter), kernels::Scalar::add, counter.numel(), values, 1, values);
}

}  // namespace heddle
