// Masks: where, masked_fill, and functions of where elements stand. The gradient is chosen by the same mask.
#include "heddle/ops/select.hpp"

#include <limits>

#include "heddle/core/layout.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/masks.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/index/index.hpp"

namespace heddle {

using namespace detail;
using kernels::IndexKernels;

Tensor detail::mask_of(const Tensor& mask, std::string_view where) {
  check(mask.defined(), where, "expected a mask, got an undefined tensor");
  if (mask.dtype() == uint8) return mask.detach();
  const Tensor x = dense(mask);
  Tensor result = empty(x.shape(), {uint8, x.device()});
  if (x.numel())
    kernels_for<IndexKernels>(x.device())
        .nonzero(stream_of(x), x.dtype(), x.numel(), x.raw_data(), result.data<std::uint8_t>());
  return result;
}

void detail::take_where(const Tensor& mask, const Tensor& x, const Tensor& y) {
  if (y.numel() == 0) return;
  const auto space = element_shape(y.shape(), expanded_strides(mask.shape(), mask.strides(), y.shape()),
                                   expanded_strides(x.shape(), x.strides(), y.shape()));
  kernels_for<IndexKernels>(y.device())
      .select(stream_of(y), y.dtype(), space, mask.data<std::uint8_t>(), x.raw_data(), y.raw_data());
}

Tensor detail::kept_where(const Tensor& mask, const Tensor& x, bool where_true) {
  NoGradGuard guard;
  if (where_true) {
    Tensor y = zeros_like(x);
    take_where(mask, x, y);
    return y;
  }
  Tensor y = x.clone();
  take_where(mask, zeros({}, x.options()), y);
  return y;
}

namespace {

// y = x expanded to the shape, in memory of its own.
Tensor spread_out(const Tensor& x, const Shape& shape) {
  NoGradGuard guard;
  Tensor y = empty(shape, x.options());
  copy_values(x.expand(shape), y);
  return y;
}

void check_mask_device(std::string_view where, const Tensor& mask, const Tensor& x) {
  check(mask.defined() && x.defined(), where, "expected tensors, got an undefined one");
  check(mask.device() == x.device(), where, "expected a mask on {}, got one on {}", x.device(), mask.device());
}

Tensor number_like(std::string_view where, double value, const Tensor& x) {
  check_number(where, x, value);
  return full({}, value, x.options());
}

Tensor choose(const char* name, const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_mask_device(name, condition, a);
  check(b.defined(), name, "expected tensors, got an undefined one");
  check_same_kind(name, "second choice", b, a);
  const Shape shape = broadcast_shapes(broadcast_shapes(condition.shape(), a.shape(), name), b.shape(), name);
  const Tensor mask = mask_of(condition, name);
  Tensor y = spread_out(b, shape);
  take_where(mask, a, y);
  if (!needs_grad({a, b})) return y;
  return record(name, {a, b}, y,
                [name, mask = Saved(mask), sa = a.shape(), sb = b.shape()](const Tensor& dy, const Needs& needs) -> Grads {
                  return {needs[0] ? sum_to(kept_where(mask.get(name), dy, true), sa) : Tensor{},
                          needs[1] ? sum_to(kept_where(mask.get(name), dy, false), sb) : Tensor{}};
                });
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return choose("where", condition, a, b);
}
Tensor where(const Tensor& condition, const Tensor& a, double b) {
  check(a.defined(), "where", "expected tensors, got an undefined one");
  return choose("where", condition, a, number_like("where", b, a));
}
Tensor where(const Tensor& condition, double a, const Tensor& b) {
  check(b.defined(), "where", "expected tensors, got an undefined one");
  return choose("where", condition, number_like("where", a, b), b);
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  check(value.defined() && value.dim() == 0, "masked_fill", "expected a scalar to fill with, got a tensor of {} dimensions",
        value.defined() ? value.dim() : -1);
  return choose("masked_fill", mask, value, x);
}
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  check(x.defined(), "masked_fill", "expected tensors, got an undefined one");
  return choose("masked_fill", mask, number_like("masked_fill", value, x), x);
}

Tensor nonzero(const Tensor& mask) {
  const Tensor flags = dense(mask_of(mask, "nonzero")).to(cpu);
  const auto* flag = flags.data<std::uint8_t>();
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < flags.numel(); ++i) count += flag[i] != 0;
  Tensor places = empty({count, flags.dim()}, {int64, cpu});
  auto* place = places.data<std::int64_t>();
  Shape at = flags.shape();
  for (auto& position : at) position = 0;
  for (std::int64_t i = 0; i < flags.numel(); ++i) {
    if (flag[i]) place = std::copy(at.begin(), at.end(), place);
    for (int d = at.rank() - 1; d >= 0 && ++at[d] == flags.shape()[d]; --d) at[d] = 0;
  }
  return places.to(mask.device());
}

Tensor isnan(const Tensor& x) {
  NoGradGuard guard;
  return is_floating_point(x.dtype()) ? ne(x, x) : zeros_like(x);
}
Tensor isinf(const Tensor& x) {
  NoGradGuard guard;
  return is_floating_point(x.dtype()) ? eq(abs(x), std::numeric_limits<double>::infinity()) : zeros_like(x);
}
Tensor isfinite(const Tensor& x) {
  NoGradGuard guard;
  return is_floating_point(x.dtype()) ? lt(abs(x), std::numeric_limits<double>::infinity()) : ones_like(x);
}

namespace {

// Zeros where the column's number less the row's lies above the diagonal (or, with `upper`, below).
Tensor triangle(const char* name, const Tensor& x, std::int64_t diagonal, bool upper) {
  check(x.dim() >= 2, name, "expected a tensor of two dimensions or more, got shape {}", x.shape());
  const std::int64_t m = x.size(-2), n = x.size(-1);
  const TensorOptions options{int64, x.device()};
  const Tensor rows = arange(0, static_cast<double>(m), 1, options).reshape({m, 1}),
               columns = arange(0, static_cast<double>(n), 1, options);
  // Beyond the corners all diagonals are alike.
  const auto bound = static_cast<double>(std::clamp(diagonal, -m - 1, n + 1));
  const Tensor keep = mask_of(upper ? ge(columns, rows + bound) : le(columns, rows + bound), name);
  Tensor y = kept_where(keep, dense(x), true);
  return record(name, {x}, y, [name, keep = Saved(keep)](const Tensor& dy, const Needs&) -> Grads {
    return {kept_where(keep.get(name), dy, true)};
  });
}

}  // namespace

Tensor tril(const Tensor& x, std::int64_t diagonal) {
  return triangle("tril", x, diagonal, false);
}
Tensor triu(const Tensor& x, std::int64_t diagonal) {
  return triangle("triu", x, diagonal, true);
}

Tensor one_hot(const Tensor& labels, std::int64_t num_classes) {
  constexpr auto name = "one_hot";
  check(labels.dtype() == int64, name, "expected labels of int64, got {}", heddle::name_of(labels.dtype()));
  check(num_classes >= -1, name, "expected a number of classes, or -1, got {}", num_classes);
  if (num_classes < 0) {
    check(labels.numel() > 0, name, "expected labels to count the classes of, got shape {}", labels.shape());
    num_classes = max(labels).item<std::int64_t>() + 1;
  }
  const Tensor checked = checked_index(name, labels, num_classes);
  Tensor classes = arange(0, static_cast<double>(num_classes), 1, {int64, labels.device()});
  return eq(checked.unsqueeze(-1), classes);
}

}  // namespace heddle
