// Members of Tensor that look at its memory in another way, and copy only where the layout forces it. The gradient of a
// view is the same rearrangement backwards.
#include <algorithm>
#include <array>
#include <optional>

#include "heddle/autograd/trace.hpp"
#include "heddle/base/checked.hpp"
#include "heddle/core/layout.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle {

using namespace detail;

namespace {

// The gradient of what keeps all elements in their order: dy under the input's shape.
autograd::BackwardFunction back_to(const Shape& shape) {
  return [shape](const Tensor& dy, const Needs&) -> Grads { return {dy.view_of_memory(shape, shape.dense_strides(), 0)}; };
}

// Strides that give `shape` to elements laid out as t's are, if there are any. Both shapes fall into runs of dimensions
// with equal products; a run works when its dimensions in t follow each other in memory without gaps.
std::optional<Shape> strides_for(const Tensor& t, const Shape& shape) {
  Shape sizes, strides;  // of t, without sizes of 1, whose strides say nothing
  for (int d = 0; d < t.dim(); ++d) {
    if (t.size(d) == 1) continue;
    sizes.push_back(t.size(d));
    strides.push_back(t.strides()[d]);
  }
  Shape result = shape;
  int from = 0, to = 0;
  while (from < sizes.rank()) {
    std::int64_t have = sizes[from], want = 1;
    int from_end = from + 1, to_end = to;
    while (have != want || (to_end < shape.rank() && shape[to_end] == 1)) {
      if (want < have || have == want) {
        want *= shape[to_end++];
      } else {
        if (strides[from_end - 1] != strides[from_end] * sizes[from_end]) return {};
        have *= sizes[from_end++];
      }
    }
    std::int64_t stride = strides[from_end - 1];
    for (int d = to_end - 1; d >= to; --d) {
      result[d] = stride;
      stride *= shape[d];
    }
    from = from_end;
    to = to_end;
  }
  for (; to < shape.rank(); ++to) result[to] = 1;
  return result;
}

// The shape with its -1, if it has one, replaced by what is left.
Shape completed(const Shape& wish, const Tensor& t) {
  Shape shape = wish;
  int open = -1;
  std::int64_t known = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    check(shape[d] >= -1, "reshape", "expected sizes of 0 or more, or -1, got {}", wish);
    if (shape[d] >= 0) {
      known = checked_mul(known, shape[d], "reshape");
      continue;
    }
    check(open < 0, "reshape", "expected at most one -1, got {}", wish);
    open = d;
  }
  check(open < 0 || known > 0, "reshape", "expected sizes that leave one choice for -1, got {} (any size fits beside a 0)", wish);
  if (open >= 0) shape[open] = t.numel() / known;
  check(shape.numel() == t.numel(), "reshape", "expected a shape of {} elements for {}, got {}", t.numel(), t.shape(), wish);
  return shape;
}

}  // namespace

Tensor Tensor::reshape(const Shape& wish) const {
  const Shape target = completed(wish, *this);
  if (is_contiguous() || numel() == 0)
    return record("reshape", {*this}, view_of_memory(target, target.dense_strides(), 0), back_to(shape()));
  if (const auto strides = strides_for(*this, target))
    return record("reshape", {*this}, view_of_memory(target, *strides, 0), back_to(shape()));
  return contiguous().reshape(target);
}

Tensor Tensor::flatten(int start, int end) const {
  const int first = normalize_dim(start, dim(), "flatten"), last = normalize_dim(end, dim(), "flatten");
  check(first <= last, "flatten", "expected start before end, got {} and {} for shape {}", start, end, shape());
  Shape target;
  for (int d = 0; d < first; ++d) target.push_back(shape()[d]);
  target.push_back(product(shape(), first, std::min(last + 1, dim())));
  for (int d = last + 1; d < dim(); ++d) target.push_back(shape()[d]);
  return reshape(target);
}

Tensor Tensor::permute(const Shape& dims) const {
  check(dims.rank() == dim(), "permute", "expected the {} dimensions of {} in some order, got {}", dim(), shape(), dims);
  Shape target = shape(), target_strides = strides(), order = dims, inverse = dims;
  std::array<bool, Shape::max_rank> seen{};
  for (int d = 0; d < dim(); ++d) {
    check(dims[d] >= -dim() && dims[d] < dim(), "permute", "expected dimensions in [{}, {}), got {}", -dim(), dim(), dims);
    const int from = normalize_dim(static_cast<int>(dims[d]), dim(), "permute");
    check(!seen[static_cast<std::size_t>(from)], "permute", "expected each dimension once, got {}", dims);
    seen[static_cast<std::size_t>(from)] = true;
    target[d] = shape()[from];
    target_strides[d] = strides()[from];
    order[d] = from;
    inverse[from] = d;
  }
  return record("permute", {*this}, view_of_memory(target, target_strides, 0),
                [inverse](const Tensor& dy, const Needs&) -> Grads { return {dy.permute(inverse).contiguous()}; },
                [&] { return autograd::Attributes{{"dims", order}}; });
}

Tensor Tensor::transpose(int dim0, int dim1) const {
  const int one = normalize_dim(dim0, dim(), "transpose"), other = normalize_dim(dim1, dim(), "transpose");
  Shape dims = shape();
  for (int d = 0; d < dim(); ++d) dims[d] = d == one ? other : d == other ? one : d;
  return permute(dims);
}

namespace {

// The gradient of a part: zeros around it. `part` gives the view of a tensor of the input's shape that was taken.
template <class Part>
autograd::BackwardFunction around(const Shape& shape, Part part) {
  return [=](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = zeros(shape, dy.options());
    part(dx).copy_(dy);
    return {dx};
  };
}

Tensor slice_view(const Tensor& t, int dim, std::int64_t begin, std::int64_t count, std::int64_t step) {
  Shape shape = t.shape(), strides = t.strides();
  shape[dim] = count;
  if (count > 1) strides[dim] *= step;  // a larger step would lead beyond the end, and its product with a stride anywhere
  return t.view_of_memory(shape, strides, count ? begin * t.strides()[dim] : 0);
}

Tensor select_view(const Tensor& t, int dim, std::int64_t index) {
  Shape shape = t.shape(), strides = t.strides();
  shape.erase(dim);
  strides.erase(dim);
  return t.view_of_memory(shape, strides, index * t.strides()[dim]);
}

}  // namespace

Tensor Tensor::slice(int dim, std::int64_t begin, std::int64_t end, std::int64_t step) const {
  check(this->dim() > 0, "slice", "expected a tensor with dimensions, got a scalar");
  check(step > 0, "slice", "expected a step of 1 or more, got {}", step);
  const int d = normalize_dim(dim, this->dim(), "slice");
  const std::int64_t extent = shape()[d];
  const auto bound = [extent](std::int64_t b) { return std::clamp<std::int64_t>(b < 0 ? b + extent : b, 0, extent); };
  const std::int64_t from = bound(begin), to = std::max(from, bound(end)), count = ceil_div(to - from, step);
  return record("slice", {*this}, slice_view(*this, d, from, count, step),
                around(shape(), [=](const Tensor& t) { return slice_view(t, d, from, count, step); }));
}

Tensor Tensor::select(int dim, std::int64_t index) const {
  check(this->dim() > 0, "select", "expected a tensor with dimensions, got a scalar");
  const int d = normalize_dim(dim, this->dim(), "select");
  const std::int64_t extent = shape()[d];
  check(index >= -extent && index < extent, "select", "expected an index in [{}, {}) for dimension {} of {}, got {}", -extent,
        extent, d, shape(), index);
  const std::int64_t at = index < 0 ? index + extent : index;
  return record("select", {*this}, select_view(*this, d, at),
                around(shape(), [=](const Tensor& t) { return select_view(t, d, at); }));
}

Tensor Tensor::squeeze(int dim) const {
  const int d = normalize_dim(dim, this->dim(), "squeeze");
  if (this->dim() == 0 || shape()[d] != 1) return *this;
  return record("squeeze", {*this}, select_view(*this, d, 0), back_to(shape()));
}

Tensor Tensor::unsqueeze(int dim) const {
  const int d = normalize_dim(dim, this->dim() + 1, "unsqueeze");
  Shape target = shape(), target_strides = strides();
  target.insert(d, 1);
  target_strides.insert(d, d < this->dim() ? shape()[d] * strides()[d] : 1);
  return record("unsqueeze", {*this}, view_of_memory(target, target_strides, 0), back_to(shape()));
}

Tensor Tensor::expand(const Shape& wish) const {
  Shape target = wish;
  const int shift = target.rank() - dim();
  bool fits = shift >= 0;
  for (int d = 0; fits && d < dim(); ++d) {
    if (target[d + shift] == -1) target[d + shift] = shape()[d];
    fits = target[d + shift] >= 0 && (shape()[d] == target[d + shift] || shape()[d] == 1);
  }
  for (int d = 0; fits && d < shift; ++d) fits = target[d] >= 0;
  check(fits, "expand", "expected a shape that {} stretches to, got {}", shape(), wish);
  if (target == shape()) return *this;
  return record("expand", {*this}, view_of_memory(target, expanded_strides(shape(), strides(), target), 0),
                [shape = shape()](const Tensor& dy, const Needs&) -> Grads { return {sum_to(dy, shape)}; });
}

}  // namespace heddle
