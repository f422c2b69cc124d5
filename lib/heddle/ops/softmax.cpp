#include "heddle/ops/softmax.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/ops/common.hpp"
#include "kernels/loss/loss.hpp"

namespace heddle {

using namespace detail;

namespace {

Tensor softmax(std::string_view where, const Tensor& x, int dim, bool log) {
  if (x.dtype() == bfloat16) return softmax(where, x.to(float32), dim, log).to(bfloat16);
  dim = normalize_dim(dim, x.dim(), where);
  const std::int64_t classes = x.dim() ? x.size(dim) : 1;
  const kernels::SoftmaxShape s{product(x.shape(), 0, dim), classes, product(x.shape(), dim + 1, x.dim())};
  const Tensor x_dense = dense(x);
  Tensor y = empty_like(x_dense);
  visit_floating(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<kernels::LossKernels<T>>(x.device()).softmax(stream_of(x), s, log, x_dense.data<T>(), y.data<T>());
  });
  if (!needs_grad({x})) return y;
  const auto backward = [s, log, kept = Saved(y), name = std::string(where)](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = empty_like(dy);
    visit_floating(dy.dtype(), name, [&]<class T>(TypeTag<T>) {
      if (dy.numel() == 0) return;
      kernels_for<kernels::LossKernels<T>>(dy.device())
          .softmax_backward(stream_of(dy), s, log, kept.get(name).data<T>(), dy.data<T>(), dx.data<T>());
    });
    return {dx};
  };
  return record(where, {x}, y, backward, [dim] { return autograd::Attributes{{"dim", std::int64_t{dim}}}; });
}

}  // namespace

Tensor softmax(const Tensor& x, int dim) {
  return softmax("softmax", x, dim, false);
}
Tensor log_softmax(const Tensor& x, int dim) {
  return softmax("log_softmax", x, dim, true);
}

}  // namespace heddle
