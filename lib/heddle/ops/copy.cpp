// Members of Tensor that copy: dense layouts, clones, other devices and types.
#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"

namespace heddle {

using namespace detail;

namespace {

// The values in new memory, which nothing else knows yet.
Tensor copied(const Tensor& source, const TensorOptions& options) {
  Tensor result = empty(source.shape(), options);
  copy_values(source, result);
  return result;
}

}  // namespace

Tensor Tensor::contiguous() const {
  return is_contiguous() ? *this : clone();
}

Tensor Tensor::clone() const {
  return record("clone", {*this}, copied(*this, options()), [](const Tensor& dy, const Needs&) -> Grads { return {dy}; });
}

Tensor Tensor::to(Device where) const {
  if (where == device()) return *this;
  return record("to", {*this}, copied(*this, {dtype(), where}),
                [from = device()](const Tensor& dy, const Needs&) -> Grads { return {dy.to(from)}; });
}

Tensor Tensor::to(DType type) const {
  if (type == dtype()) return *this;
  Tensor result = copied(*this, {type, device()});
  if (!is_floating_point(type)) return result;
  return record("to", {*this}, result, [from = dtype()](const Tensor& dy, const Needs&) -> Grads { return {dy.to(from)}; });
}

}  // namespace heddle
