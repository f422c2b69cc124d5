// The call of a matrix product kernel on tensors. Internal.
#pragma once

#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "kernels/gemm/gemm.hpp"

namespace heddle::detail {

/// What set_float32_matmul_precision() asks for at present.
kernels::Precision matmul_precision();

/// c = op(a) op(b) + bias, as the kernel has it; the tensors' elements are taken as they lie in memory. Of sums of no terms the
/// bias alone is left.
inline void gemm(std::string_view where, const kernels::GemmShape& shape, const Tensor& a, const Tensor& b, const Tensor& bias,
                 const Tensor& c) {
  if (c.numel() == 0) return;
  if (shape.k == 0) {
    copy_values((bias.defined() ? bias : zeros({}, c.options())).expand(c.shape()), c);
    return;
  }
  visit_floating(c.dtype(), where, [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<kernels::GemmKernels<T>>(c.device());
    const Workspace workspace(c.device(), table.workspace(shape));
    table.gemm(stream_of(c), shape, a.data<T>(), b.data<T>(), data_or_null<T>(bias), c.data<T>(), workspace.get());
  });
}

}  // namespace heddle::detail
