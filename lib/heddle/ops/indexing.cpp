// Tensor::index: views for numbers, slices, None and the ellipsis; then, where tensors are among the indices, the dimensions
// that they stand for become one, of which elements are taken by number (ops/index).
#include "heddle/ops/indexing.hpp"

#include <limits>

#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/index.hpp"
#include "heddle/ops/masks.hpp"
#include "heddle/ops/select.hpp"
#include "kernels/index/index.hpp"

namespace heddle {

using namespace detail;
using indexing::TensorIndex;
using Kind = indexing::TensorIndex::Kind;

indexing::TensorIndex::TensorIndex(const char* text) : kind(Kind::ellipsis) {
  check(text && std::string_view(text) == "...", "index", "expected \"...\" of texts, got \"{}\"", text ? text : "");
}

namespace {

// The dimensions that an index takes up.
int width_of(const TensorIndex& index) {
  switch (index.kind) {
    case Kind::integer:
    case Kind::slice:
      return 1;
    case Kind::tensor:
      return index.tensor.dtype() == int64 ? 1 : index.tensor.dim();
    default:
      return 0;
  }
}

// A view of a tensor, and for some of its dimensions the numbers to take of them, which broadcast.
struct Indexed {
  Tensor view;
  std::vector<Tensor> numbers;  // one a dimension of the view; undefined where all of it is taken
};

// A mask's places as numbers of the dimensions it covers.
void add_mask(std::string_view where, const Tensor& mask, Indexed& result, int dim) {
  for (int d = 0; d < mask.dim(); ++d)
    check(mask.shape()[d] == result.view.shape()[dim + d], where,
          "expected a mask of the indexed dimensions' sizes, got {} at dimension {} of {}", mask.shape(), dim,
          result.view.shape());
  const Tensor places = nonzero(mask).to(result.view.device());
  for (int d = 0; d < mask.dim(); ++d) result.numbers.push_back(places.select(1, d).contiguous());
}

// A mask without dimensions: a new dimension, taken once or not at all.
void add_flag(bool flag, Indexed& result, int dim) {
  result.view = result.view.unsqueeze(dim);
  result.numbers.push_back(zeros({flag ? 1 : 0}, {int64, result.view.device()}));
}

void add_tensor(std::string_view where, const Tensor& index, Indexed& result, int& dim) {
  if (index.dtype() != int64) {
    if (index.dim() == 0)
      add_flag(index.item() != 0, result, dim);
    else
      add_mask(where, index, result, dim);
    dim += std::max(index.dim(), 1);
    return;
  }
  if (index.dim() == 0) {
    result.view = result.view.select(dim, index.item<std::int64_t>());
    return;
  }
  const Tensor numbers = checked_index(where, index, result.view.shape()[dim], true).to(result.view.device());
  result.numbers.push_back(numbers);
  ++dim;
}

Indexed take_apart(std::string_view where, const Tensor& x, std::initializer_list<TensorIndex> indices) {
  int taken = 0, ellipses = 0;
  for (const TensorIndex& index : indices) {
    check(index.kind != Kind::tensor || index.tensor.defined(), where, "expected an index, got an undefined tensor");
    taken += width_of(index);
    ellipses += index.kind == Kind::ellipsis;
  }
  check(ellipses <= 1, where, "expected at most one ellipsis, got {}", ellipses);
  check(taken <= x.dim(), where, "expected indices of at most {} dimensions for {}, got {}", x.dim(), x.shape(), taken);
  Indexed result{x, {}};
  int dim = 0;
  const auto whole = [&](int count) {
    for (int i = 0; i < count; ++i) result.numbers.push_back({});
    dim += count;
  };
  for (const TensorIndex& index : indices) {
    if (index.kind == Kind::none) {
      result.view = result.view.unsqueeze(dim);
      whole(1);
    } else if (index.kind == Kind::ellipsis) {
      whole(x.dim() - taken);
    } else if (index.kind == Kind::integer) {
      result.view = result.view.select(dim, index.integer);
    } else if (index.kind == Kind::boolean) {
      add_flag(index.integer != 0, result, dim);
      ++dim;
    } else if (index.kind == Kind::slice) {
      const std::int64_t last = std::numeric_limits<std::int64_t>::max();
      result.view =
          result.view.slice(dim, index.slice.start().value_or(0), index.slice.stop().value_or(last), index.slice.step());
      whole(1);
    } else {
      add_tensor(where, index.tensor, result, dim);
    }
  }
  whole(result.view.dim() - dim);
  return result;
}

// How a view with numbers for some dimensions is read: as [outer, size, inner] with one number for each of the result's places.
struct Plan {
  Shape order;            // of the view's dimensions: those before, those with numbers, those after
  Shape outer, inner;     // sizes before and after
  std::int64_t size = 1;  // of the dimensions with numbers, as one
  Shape places;           // the numbers' shape
  Tensor numbers;         // [places] in [0, size), dense

  Shape result_shape() const {
    Shape shape = outer;
    for (const std::int64_t n : places) shape.push_back(n);
    for (const std::int64_t n : inner) shape.push_back(n);
    return shape;
  }
};

Plan plan_of(std::string_view where, const Indexed& indexed) {
  NoGradGuard guard;
  Plan plan;
  const auto has = [&](int d) { return indexed.numbers[static_cast<std::size_t>(d)].defined(); };
  int first = -1, last = -1, count = 0;
  for (int d = 0; d < indexed.view.dim(); ++d)
    if (has(d)) {
      if (first < 0) first = d;
      last = d;
      ++count;
    }
  // Dimensions with numbers that are not neighbours come first in the result.
  const bool apart = last - first + 1 != count;
  const int before = apart ? 0 : first;
  for (int d = 0; d < before; ++d) plan.order.push_back(d);
  for (int d = first; d <= last; ++d)
    if (has(d)) plan.order.push_back(d);
  for (int d = before; d < indexed.view.dim(); ++d)
    if (!has(d)) plan.order.push_back(d);
  for (int i = 0; i < plan.order.rank(); ++i) {
    const int d = static_cast<int>(plan.order[i]);
    const std::int64_t size = indexed.view.shape()[d];
    if (!has(d)) {
      (i < before ? plan.outer : plan.inner).push_back(size);
      continue;
    }
    const Tensor& numbers = indexed.numbers[static_cast<std::size_t>(d)];
    plan.size *= size;
    plan.places = broadcast_shapes(plan.places, numbers.shape(), where);
    plan.numbers = plan.numbers.defined() ? plan.numbers * static_cast<double>(size) + numbers : numbers;
  }
  plan.numbers = plan.numbers.contiguous();
  return plan;
}

}  // namespace

Tensor Tensor::index(std::initializer_list<TensorIndex> indices) const {
  const Indexed indexed = take_apart("index", *this, indices);
  bool views = true;
  for (const Tensor& numbers : indexed.numbers) views = views && !numbers.defined();
  if (views) return indexed.view;
  const Plan plan = plan_of("index", indexed);
  const Tensor lines = indexed.view.permute(plan.order).reshape({plan.outer.numel(), plan.size, plan.inner.numel()});
  return heddle::index_select(lines, 1, plan.numbers.reshape({plan.numbers.numel()})).reshape(plan.result_shape());
}

Tensor Tensor::operator[](std::int64_t index) const {
  return select(0, index);
}
Tensor Tensor::operator[](const Tensor& index) const {
  return this->index({index});
}

Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Tensor& values, bool accumulate) {
  constexpr auto where = "index_put_";
  check(defined() && values.defined(), where, "expected tensors, got an undefined one");
  check_same_kind(where, "value", values, *this);
  const auto none = [](const Tensor& t) { return !needs_grad({t}); };
  check(none(values), where,
        "expected values without gradient, got some that take part in differentiation: a write in place is not "
        "recorded for backward. Write under NoGradGuard or no_grad(), or from detach()");
  begin_write(*this, where);
  NoGradGuard guard;
  const Indexed indexed = take_apart(where, *this, indices);
  bool views = true;
  for (const Tensor& numbers : indexed.numbers) views = views && !numbers.defined();
  if (views) {
    const Tensor source = values.expand(indexed.view.shape());
    copy_values(accumulate ? indexed.view + source : source, indexed.view);
    return *this;
  }
  Plan plan = plan_of(where, indexed);
  const Tensor view = indexed.view.permute(plan.order);
  Tensor source = values.expand(plan.result_shape()).contiguous();
  // What is written must not be what is still to be read.
  if (source.impl()->storage == impl_->storage) source = source.clone();
  if (plan.numbers.impl()->storage == impl_->storage) plan.numbers = plan.numbers.clone();
  if (source.numel() == 0) return *this;
  const kernels::IndexShape s{
      .outer = plan.outer.numel(), .size = plan.size, .count = plan.numbers.numel(), .inner = plan.inner.numel()};
  if (accumulate) {
    const Tensor lines = view.reshape({s.outer, s.size, s.inner});
    copy_values(
        index_add(lines, 1, plan.numbers.reshape({s.count}), source.reshape({s.outer, s.count, s.inner})).reshape(view.shape()),
        view);
    return *this;
  }
  const Tensor target = view.is_contiguous() ? view : view.clone();
  kernels_for<kernels::IndexKernels>(device()).scatter(stream_of(*this), dtype(), s, plan.numbers.data<std::int64_t>(),
                                                       source.raw_data(), target.raw_data());
  if (!view.is_contiguous()) copy_values(target, view);
  return *this;
}

Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, double value) {
  check(defined(), "index_put_", "expected tensors, got an undefined one");
  check_number("index_put_", *this, value);
  return index_put_(indices, full({}, value, options()));
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  check(x.defined() && mask.defined(), "masked_select", "expected tensors, got an undefined one");
  const Shape shape = broadcast_shapes(x.shape(), mask.shape(), "masked_select");
  const Tensor flags = mask_of(mask, "masked_select").expand(shape);
  return shape.empty() ? x.reshape({1}).index({flags.reshape({1})}) : x.expand(shape).index({flags});
}

}  // namespace heddle
