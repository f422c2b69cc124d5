// Reductions. The kernel reduces one run of neighbouring dimensions, [outer, reduced, inner]; a list of dimensions is worked
// off run by run from the last to the first, so that no layout has to be copied and the first pass shrinks the data most.
#include "heddle/ops/reduce.hpp"

#include <array>
#include <limits>

#include "heddle/autograd/trace.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {

using namespace detail;
using kernels::Reduce;
using kernels::ReduceKernels;
using kernels::ReduceShape;

namespace {

using Marks = std::array<bool, Shape::max_rank>;

// Which dimensions of a tensor of this rank are listed; all where none is.
Marks marks_of(std::string_view where, const Shape& dims, int rank) {
  Marks marks{};
  if (dims.empty()) marks.fill(true);
  for (std::int64_t d : dims) {
    check(d >= -Shape::max_rank && d < Shape::max_rank, where, "expected dimensions of a tensor of {} of them, got {}", rank,
          dims);
    const auto at = static_cast<std::size_t>(normalize_dim(static_cast<int>(d), rank, where));
    check(!marks[at], where, "expected each dimension once, got {}", dims);
    marks[at] = true;
  }
  return marks;
}

// The result's shape: marked sizes are 1, or gone.
Shape reduced_shape(const Shape& shape, const Marks& marks, bool keepdim) {
  Shape result;
  for (int d = 0; d < shape.rank(); ++d) {
    if (!marks[static_cast<std::size_t>(d)])
      result.push_back(shape[d]);
    else if (keepdim)
      result.push_back(1);
  }
  return result;
}

Tensor reduce_run(std::string_view where, Reduce op, const Tensor& x, int begin, int end) {
  if (x.dtype() == bfloat16) return reduce_run(where, op, widened(x), begin, end).to(bfloat16);
  Shape shape = x.shape();
  for (int d = begin; d < end; ++d) shape[d] = 1;
  Tensor y = empty(shape, x.options());
  const ReduceShape s{product(x.shape(), 0, begin), product(x.shape(), begin, end), product(x.shape(), end, x.dim())};
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<ReduceKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(s));
    table.reduce(stream_of(x), op, s, x.data<T>(), y.data<T>(), workspace.get());
  });
  return y;
}

// Reduces the marked dimensions and keeps them, as sizes of 1. Nothing is recorded.
Tensor reduce(std::string_view where, Reduce op, const Tensor& x, const Marks& marks) {
  const Shape shape = reduced_shape(x.shape(), marks, true);
  if (x.numel() == 0) {
    check(shape.numel() == 0 || op == Reduce::sum || op == Reduce::mean, where,
          "expected elements to choose from, got shape {}", x.shape());
    return full(shape, op == Reduce::mean ? std::numeric_limits<double>::quiet_NaN() : 0, x.options());
  }
  Tensor y = dense(x);
  bool any = false;
  for (int end = x.dim(); end > 0; --end) {
    if (!marks[static_cast<std::size_t>(end - 1)]) continue;
    int begin = end;
    while (begin > 0 && marks[static_cast<std::size_t>(begin - 1)]) --begin;
    y = reduce_run(where, op, y, begin, end);
    any = true;
    end = begin + 1;
  }
  if (any) return y;
  // A scalar's only value: a tensor of its own, since ops don't hand out their inputs' memory.
  return reduce_run(where, op, y, x.dim(), x.dim());
}

// A dense tensor under another shape of as many elements; nothing is recorded.
Tensor reshaped(const Tensor& t, const Shape& shape) {
  return t.view_of_memory(shape, shape.dense_strides(), 0);
}

// The gradient of a sum: dy (with the reduced dimensions kept) repeated.
Tensor spread(const Tensor& dy, const Shape& kept, const Shape& shape) {
  return reshaped(dy, kept).expand(shape).contiguous();
}

autograd::Attributes attributes_of(const Marks& marks, int rank, bool keepdim) {
  Shape dims;
  for (int d = 0; d < rank; ++d)
    if (marks[static_cast<std::size_t>(d)]) dims.push_back(d);
  return {{"dims", dims}, {"keepdim", keepdim}};
}

}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) {
  const Marks marks = marks_of("sum", dims, x.dim());
  const Shape kept = reduced_shape(x.shape(), marks, true);
  const Tensor y = reshaped(reduce("sum", Reduce::sum, x, marks), reduced_shape(x.shape(), marks, keepdim));
  return record(
      "sum", {x}, y, [kept, shape = x.shape()](const Tensor& dy, const Needs&) -> Grads { return {spread(dy, kept, shape)}; },
      [&] { return attributes_of(marks, x.dim(), keepdim); });
}

Tensor mean(const Tensor& x, const Dims& dims, bool keepdim) {
  check(is_floating_point(x.dtype()), "mean", "expected float32 or float64, got {}", heddle::name_of(x.dtype()));
  const Marks marks = marks_of("mean", dims, x.dim());
  const Shape kept = reduced_shape(x.shape(), marks, true);
  const Tensor y = reshaped(reduce("mean", Reduce::mean, x, marks), reduced_shape(x.shape(), marks, keepdim));
  const auto backward = [kept, shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    const double count = static_cast<double>(shape.numel()) / static_cast<double>(std::max<std::int64_t>(kept.numel(), 1));
    return {spread(div(dy, count), kept, shape)};
  };
  return record("mean", {x}, y, backward, [&] { return attributes_of(marks, x.dim(), keepdim); });
}

Tensor var(const Tensor& x, const Dims& dims, int correction, bool keepdim) {
  const Marks marks = marks_of("var", dims, x.dim());
  std::int64_t count = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (marks[static_cast<std::size_t>(d)]) count *= x.size(d);
  const bool none = reduced_shape(x.shape(), marks, true).numel() == 0;  // nothing to compute
  check(none || count > correction, "var", "expected more than {} elements, got {} of shape {}", correction, count, x.shape());
  return div(sum(square(sub(x, mean(x, dims, true))), dims, keepdim), static_cast<double>(count - correction));
}

Tensor std(const Tensor& x, const Dims& dims, int correction, bool keepdim) {
  return sqrt(var(x, dims, correction, keepdim));
}

namespace {

Tensor extreme(const char* where, Reduce op, const Tensor& x, const Shape& dims = {}, bool keepdim = false) {
  const Marks marks = marks_of(where, dims, x.dim());
  const Shape kept = reduced_shape(x.shape(), marks, true);
  const Tensor y = reshaped(reduce(where, op, x, marks), reduced_shape(x.shape(), marks, keepdim));
  if (!needs_grad({x})) return y;
  return record(where, {x}, y, [=, x = Saved(x), y = Saved(y)](const Tensor& dy, const Needs&) -> Grads {
    // NaN equals nothing; where one is the result, all of them are winners.
    const Tensor winners = eq(x.get(where), reshaped(y.get(where), kept)) + ne(x.get(where), x.get(where));
    return {winners * (reshaped(dy, kept) / sum(winners, dims, true))};
  });
}

ReduceShape along(const Tensor& x, int dim) {
  if (x.dim() == 0) return {};
  return {product(x.shape(), 0, dim), x.size(dim), product(x.shape(), dim + 1, x.dim())};
}

// The first maximum's place, the dimension kept.
Tensor first_maximum(std::string_view where, const Tensor& x, int dim) {
  check(x.dim() == 0 || x.size(dim) > 0, where, "expected elements to choose from along dimension {}, got shape {}", dim, x.shape());
  if (x.dtype() == bfloat16) return first_maximum(where, widened(x), dim);
  Shape shape = x.shape();
  if (x.dim()) shape[dim] = 1;
  Tensor index = empty(shape, {int64, x.device()});
  if (x.numel() == 0) return index;
  const Tensor x_dense = dense(x);
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<ReduceKernels<T>>(x.device());
    const ReduceShape s = along(x, dim);
    const Workspace workspace(x.device(), table.workspace(s));
    table.argmax(stream_of(x), s, x_dense.data<T>(), index.data<std::int64_t>(), workspace.get());
  });
  return index;
}

Shape without(Shape shape, int dim) {
  if (shape.rank()) shape.erase(dim);
  return shape;
}

// The other way round, smallest first: -1 - x of integers, since the smallest has no negative.
Tensor reversed(const Tensor& x) {
  return no_grad([&] { return is_floating_point(x.dtype()) ? neg(x) : sub(-1.0, x); });
}

ValuesAndIndices extreme_along(const char* where, Reduce op, const Tensor& x, int dim, bool keepdim) {
  dim = normalize_dim(dim, x.dim(), where);
  const Tensor index = first_maximum(where, op == Reduce::max ? x : reversed(x), dim);
  Marks marks{};
  marks[static_cast<std::size_t>(dim)] = true;
  const Shape kept = index.shape(), shape = keepdim ? kept : without(kept, dim);
  Tensor values = reshaped(reduce(where, op, x, marks), shape);
  if (needs_grad({x})) {
    // The places are the caller's too: whoever overwrites them is found out.
    const auto backward = [=, index = Saved(index), size = x.dim() ? x.size(dim) : 1](const Tensor& dy, const Needs&) -> Grads {
      // 1 at the winner, 0 elsewhere, from comparing its place to each.
      Shape line;
      for (int d = 0; d < kept.rank(); ++d) line.push_back(d == dim ? size : 1);
      const Tensor places = reshaped(arange(0, static_cast<double>(size), 1, {int64, dy.device()}), line);
      return {eq(index.get(where), places).to(dy.dtype()) * reshaped(dy, kept)};
    };
    values = record(where, {x}, values, backward);
  }
  return {values, reshaped(index, shape)};
}

}  // namespace

Tensor max(const Tensor& x) {
  return extreme("max", Reduce::max, x);
}
Tensor min(const Tensor& x) {
  return extreme("min", Reduce::min, x);
}
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) {
  return extreme("amax", Reduce::max, x, dims, keepdim);
}
Tensor amin(const Tensor& x, const Dims& dims, bool keepdim) {
  return extreme("amin", Reduce::min, x, dims, keepdim);
}
ValuesAndIndices max(const Tensor& x, int dim, bool keepdim) {
  return extreme_along("max", Reduce::max, x, dim, keepdim);
}
ValuesAndIndices min(const Tensor& x, int dim, bool keepdim) {
  return extreme_along("min", Reduce::min, x, dim, keepdim);
}

namespace {

Tensor place_along(std::string_view where, const Tensor& x, int dim, bool keepdim) {
  dim = normalize_dim(dim, x.dim(), where);
  const Tensor index = first_maximum(where, x, dim);
  return keepdim ? index : reshaped(index, without(index.shape(), dim));
}

Tensor place_of_all(std::string_view where, const Tensor& x) {
  check(x.numel() > 0, where, "expected elements to choose from, got shape {}", x.shape());
  const Tensor line = reshaped(dense(x), {x.numel()});
  return reshaped(first_maximum(where, line, 0), {});
}

}  // namespace

Tensor argmax(const Tensor& x, int dim, bool keepdim) {
  return place_along("argmax", x, dim, keepdim);
}
Tensor argmax(const Tensor& x) {
  return place_of_all("argmax", x);
}
Tensor argmin(const Tensor& x, int dim, bool keepdim) {
  return place_along("argmin", reversed(x), dim, keepdim);
}
Tensor argmin(const Tensor& x) {
  return place_of_all("argmin", reversed(x));
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(broadcast_shapes(shape, x.shape(), "sum_to") == x.shape(), "sum_to", "expected a shape that broadcasts to {}, got {}",
        x.shape(), shape);
  Shape stretched;
  const int shift = x.dim() - shape.rank();
  for (int d = 0; d < x.dim(); ++d)
    if (d < shift || (shape[d - shift] == 1 && x.size(d) != 1)) stretched.push_back(d);
  if (stretched.empty()) return x.reshape(shape);
  return sum(x, stretched, true).reshape(shape);
}

}  // namespace heddle
