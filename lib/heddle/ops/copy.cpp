// Members of Tensor that copy: dense layouts, clones, other devices and types.
#include "heddle/ops/common.hpp"

namespace heddle {

using namespace detail;

Tensor Tensor::contiguous() const {
  return is_contiguous() ? *this : clone();
}

Tensor Tensor::clone() const {
  return record("clone", {*this}, empty_like(*this).copy_(*this), [](const Tensor& dy, const Needs&) -> Grads { return {dy}; });
}

Tensor Tensor::to(Device where) const {
  if (where == device()) return *this;
  return record("to", {*this}, empty(shape(), {dtype(), where}).copy_(*this),
                [from = device()](const Tensor& dy, const Needs&) -> Grads { return {dy.to(from)}; });
}

Tensor Tensor::to(DType type) const {
  if (type == dtype()) return *this;
  Tensor result = empty(shape(), {type, device()});
  result.copy_(*this);
  if (!is_floating_point(type)) return result;
  return record("to", {*this}, result, [from = dtype()](const Tensor& dy, const Needs&) -> Grads { return {dy.to(from)}; });
}

}  // namespace heddle
