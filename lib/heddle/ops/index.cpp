// Gathering and its gradient, which adds in order.
#include "heddle/ops/index.hpp"

#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/masks.hpp"
#include "kernels/index/index.hpp"

namespace heddle {

using namespace detail;
using kernels::IndexKernels;
using kernels::IndexShape;

Tensor detail::checked_index(std::string_view where, const Tensor& index, std::int64_t size, bool wraps) {
  Tensor result = dense(index);
  if (result.device().is_cpu()) {
    bool negative = false;
    const auto* number = result.data<std::int64_t>();
    for (std::int64_t i = 0; i < result.numel(); ++i) {
      check(number[i] >= (wraps ? -size : 0) && number[i] < size, where, "expected numbers in [{}, {}), got {} at {}",
            wraps ? -size : 0, size, number[i], i);
      negative = negative || number[i] < 0;
    }
    if (!negative) return result;
    result = result.clone();
    auto* wrapped = result.data<std::int64_t>();
    for (std::int64_t i = 0; i < result.numel(); ++i) wrapped[i] += wrapped[i] < 0 ? size : 0;
    return result;
  }
  if (!wraps) return result;
  NoGradGuard guard;
  return result + lt(result, 0) * static_cast<double>(size);
}

namespace {

void check_index(std::string_view where, const Tensor& x, const Tensor& index) {
  check(x.defined() && index.defined(), where, "expected tensors, got an undefined one");
  check_kind(where, "tensor of numbers", index, int64, x);
}

// Of a vector of numbers that all lines share.
IndexShape vector_shape(const Shape& x, int dim, std::int64_t count) {
  return {.outer = product(x, 0, dim), .size = x[dim], .count = count, .inner = product(x, dim + 1, x.rank())};
}

// Of an index with a number for every element.
IndexShape full_shape(const Shape& x, int dim, std::int64_t count) {
  IndexShape s = vector_shape(x, dim, count);
  s.stride_outer = s.count * s.inner;
  s.stride = s.inner;
  s.stride_inner = 1;
  return s;
}

// y [shape with `count` along dim] of dense x.
Tensor gathered(const IndexShape& s, const Tensor& x, const Tensor& index, const Shape& shape) {
  Tensor y = empty(shape, x.options());
  if (y.numel())
    kernels_for<IndexKernels>(x.device())
        .gather(stream_of(x), x.dtype(), s, x.raw_data(), index.data<std::int64_t>(), y.raw_data());
  return y;
}

// Adds dense `src` to the dense, new x, by way of float32 where x is bfloat16.
void add_in_order(std::string_view where, const IndexShape& s, const Tensor& index, const Tensor& src, const Tensor& x) {
  if (src.numel() == 0 || x.numel() == 0) return;
  if (x.dtype() == bfloat16) {
    const Tensor wide = widened(x);
    add_in_order(where, s, index, widened(src), wide);
    return copy_values(wide, x);
  }
  check(x.dtype() != uint8, where, "expected float32, float64 or int64, got uint8");
  kernels_for<IndexKernels>(x.device())
      .scatter_add(stream_of(x), x.dtype(), s, index.data<std::int64_t>(), src.raw_data(), x.raw_data());
}

// Zeros with the gradient added where its elements came from.
autograd::BackwardFunction back(const char* where, const IndexShape& s, const Tensor& index, const Shape& shape) {
  return [=, index = Saved(index)](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = zeros(shape, dy.options());
    add_in_order(where, s, index.get(where), dy, dx);
    return {dx};
  };
}

// The part of t that starts at 0 and has this shape, dense.
Tensor corner(const Tensor& t, const Shape& shape) {
  return t.shape() == shape ? dense(t) : dense(t.view_of_memory(shape, t.strides(), 0));
}

// Gathers along dim of what is one value to every element of the index.
Tensor gather_numbers(const char* where, const Tensor& x, int dim, const Tensor& index) {
  Shape part = index.shape();
  part[dim] = x.shape()[dim];
  for (int d = 0; d < x.dim(); ++d)
    check(part[d] <= x.shape()[d], where, "expected an index no larger than {} but along dimension {}, got {}", x.shape(), dim,
          index.shape());
  const Tensor numbers = checked_index(where, index, x.shape()[dim]);
  const IndexShape s = full_shape(part, dim, index.shape()[dim]);
  const Tensor y = gathered(s, corner(x, part), numbers, index.shape());
  if (!needs_grad({x})) return y;
  if (part == x.shape()) return record(where, {x}, y, back(where, s, numbers, part));
  return record(where, {x}, y, [=, numbers = Saved(numbers), shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    const Tensor inside = zeros(part, dy.options());
    add_in_order(where, s, numbers.get(where), dy, inside);
    Tensor dx = zeros(shape, dy.options());
    copy_values(inside, dx.view_of_memory(part, dx.strides(), 0));
    return {dx};
  });
}

// A scalar takes part as a vector of one element.
Tensor at_least_vector(const Tensor& t) {
  return t.dim() == 0 ? t.reshape({1}) : t;
}

}  // namespace

Tensor index_select(const Tensor& x, int dim, const Tensor& index) {
  constexpr auto where = "index_select";
  check_index(where, x, index);
  check(index.dim() <= 1, where, "expected an index of one dimension, got {}", index.shape());
  const int d = normalize_dim(dim, x.dim(), where);
  if (x.dim() == 0) {
    check(index.numel() == 1, where, "expected one number for a scalar, got index {}", index.shape());
    return index_select(x.reshape({1}), 0, index).reshape({});
  }
  const Tensor numbers = checked_index(where, index, x.shape()[d]);
  Shape shape = x.shape();
  shape[d] = numbers.numel();
  const IndexShape s = vector_shape(x.shape(), d, numbers.numel());
  const Tensor y = gathered(s, dense(x), numbers, shape);
  if (!needs_grad({x})) return y;
  return record(where, {x}, y, back(where, s, numbers, x.shape()));
}

Tensor gather(const Tensor& x, int dim, const Tensor& index) {
  constexpr auto where = "gather";
  check_index(where, x, index);
  const int d = normalize_dim(dim, x.dim(), where);
  if (x.dim() == 0 || index.dim() == 0) {
    const Tensor y = gather(at_least_vector(x), 0, at_least_vector(index));
    return index.dim() == 0 ? y.reshape({}) : y;
  }
  check(index.dim() == x.dim(), where, "expected an index of {} dimensions for {}, got {}", x.dim(), x.shape(), index.shape());
  return gather_numbers(where, x, d, index);
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, int dim) {
  constexpr auto where = "take_along_dim";
  check_index(where, x, index);
  const int d = normalize_dim(dim, x.dim(), where);
  check(index.dim() == x.dim(), where, "expected an index of {} dimensions for {}, got {}", x.dim(), x.shape(), index.shape());
  if (x.dim() == 0) return gather(x, 0, index);
  Shape of_x = x.shape(), of_index = index.shape();
  of_x[d] = of_index[d] = 1;
  of_x = of_index = broadcast_shapes(of_x, of_index, where);
  of_x[d] = x.shape()[d];
  of_index[d] = index.shape()[d];
  return gather_numbers(where, x.expand(of_x), d, index.expand(of_index));
}
Tensor take_along_dim(const Tensor& x, const Tensor& index) {
  return take_along_dim(x.reshape({x.numel()}), index.reshape({index.numel()}), 0);
}

Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& src) {
  constexpr auto where = "scatter_add";
  check_index(where, x, index);
  check_same_kind(where, "source", src, x);
  const int d = normalize_dim(dim, x.dim(), where);
  if (x.dim() == 0) return scatter_add(x.reshape({1}), 0, at_least_vector(index), at_least_vector(src)).reshape({});
  check(index.dim() == x.dim() && src.dim() == x.dim(), where,
        "expected index and source of {} dimensions for {}, got {} and {}", x.dim(), x.shape(), index.shape(), src.shape());
  Shape part = index.shape();
  for (int e = 0; e < x.dim(); ++e)
    check(part[e] <= src.shape()[e] && (e == d || part[e] <= x.shape()[e]), where,
          "expected an index no larger than the source {}, nor than {} but along dimension {}, got {}", src.shape(), x.shape(),
          d, index.shape());
  part[d] = x.shape()[d];
  const Tensor numbers = checked_index(where, index, x.shape()[d]);
  const IndexShape s = full_shape(part, d, index.shape()[d]);
  Tensor y = no_grad([&] { return x.clone(); });
  const Tensor inside = corner(y, part);
  add_in_order(where, s, numbers, corner(src, index.shape()), inside);
  if (part != y.shape()) copy_values(inside, y.view_of_memory(part, y.strides(), 0));
  if (!needs_grad({x, src})) return y;
  return record(where, {x, src}, y,
                [=, numbers = Saved(numbers), of_src = src.shape(), of_index = index.shape()](const Tensor& dy,
                                                                                              const Needs& needs) -> Grads {
                  if (!needs[1]) return {dy, {}};
                  Tensor ds = gathered(s, corner(dy, part), numbers.get(where), of_index);
                  if (of_index != of_src) {
                    const Tensor whole = zeros(of_src, dy.options());
                    copy_values(ds, whole.view_of_memory(of_index, whole.strides(), 0));
                    ds = whole;
                  }
                  return {dy, ds};
                });
}

Tensor index_add(const Tensor& x, int dim, const Tensor& index, const Tensor& src) {
  constexpr auto where = "index_add";
  check_index(where, x, index);
  check_same_kind(where, "source", src, x);
  const int d = normalize_dim(dim, x.dim(), where);
  if (x.dim() == 0) return index_add(x.reshape({1}), 0, index, at_least_vector(src)).reshape({});
  check(index.dim() <= 1, where, "expected an index of one dimension, got {}", index.shape());
  Shape expected = x.shape();
  expected[d] = index.numel();
  check(src.shape() == expected, where, "expected a source of shape {}, got {}", expected, src.shape());
  const Tensor numbers = checked_index(where, index, x.shape()[d]);
  const IndexShape s = vector_shape(x.shape(), d, numbers.numel());
  Tensor y = no_grad([&] { return x.clone(); });
  add_in_order(where, s, numbers, dense(src), y);
  if (!needs_grad({x, src})) return y;
  return record(where, {x, src}, y, [=, numbers = Saved(numbers)](const Tensor& dy, const Needs& needs) -> Grads {
    return {dy, needs[1] ? gathered(s, dy, numbers.get(where), expected) : Tensor{}};
  });
}

}  // namespace heddle
