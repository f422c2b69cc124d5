#include "heddle/ops/cat.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/base/checked.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"

namespace heddle {

using namespace detail;

namespace {

// The part of `whole` that a tensor of `shape` takes from `begin` on along a dimension.
Tensor part(const Tensor& whole, int dim, std::int64_t begin, const Shape& shape) {
  return whole.view_of_memory(shape, whole.strides(), begin * whole.strides()[dim]);
}

}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int dim) {
  check(!tensors.empty(), "cat", "expected a tensor or more, got none");
  const Tensor& first = tensors.front();
  check(first.dim() > 0, "cat", "expected tensors with dimensions, got a scalar");
  const int d = normalize_dim(dim, first.dim(), "cat");
  Shape shape = first.shape();
  shape[d] = 0;
  std::vector<Shape> shapes;
  for (const Tensor& t : tensors) {
    check_same_kind("cat", "tensor", t, first);
    Shape expected = first.shape();
    if (t.dim() == expected.rank()) expected[d] = t.shape()[d];
    check(t.shape() == expected, "cat", "expected shapes that agree but for dimension {}, got {} and {}", d, first.shape(),
          t.shape());
    shape[d] = checked_add(shape[d], t.shape()[d], "cat");
    shapes.push_back(t.shape());
  }
  Tensor y = empty(shape, first.options());
  std::int64_t begin = 0;
  for (const Tensor& t : tensors) {
    copy_values(t, part(y, d, begin, t.shape()));
    begin += t.shape()[d];
  }
  const auto backward = [d, shapes](const Tensor& dy, const Needs& needs) -> Grads {
    Grads grads(shapes.size());
    std::int64_t from = 0;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      if (needs[i]) grads[i] = part(dy, d, from, shapes[i]).clone();
      from += shapes[i][d];
    }
    return grads;
  };
  return record("cat", tensors, y, backward, [d] { return autograd::Attributes{{"dim", std::int64_t{d}}}; });
}

Tensor stack(const std::vector<Tensor>& tensors, int dim) {
  check(!tensors.empty(), "stack", "expected a tensor or more, got none");
  std::vector<Tensor> rows;
  for (const Tensor& t : tensors) {
    check(t.shape() == tensors.front().shape(), "stack", "expected equal shapes, got {} and {}", tensors.front().shape(),
          t.shape());
    rows.push_back(t.unsqueeze(dim));
  }
  return cat(rows, normalize_dim(dim, tensors.front().dim() + 1, "stack"));
}

}  // namespace heddle
