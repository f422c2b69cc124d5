// Parts are slices. flip and roll copy, and their gradients are the same turned back.
#include "heddle/ops/rearrange.hpp"

#include <array>

#include "heddle/ops/cat.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/index.hpp"

namespace heddle {

using namespace detail;

namespace {

int dimension(std::string_view where, const Tensor& x, int dim) {
  check(x.defined(), where, "expected a tensor, got an undefined one");
  check(x.dim() > 0, where, "expected a tensor with dimensions, got a scalar");
  return normalize_dim(dim, x.dim(), where);
}

}  // namespace

std::vector<Tensor> split_with_sizes(const Tensor& x, const std::vector<std::int64_t>& split_sizes, int dim) {
  constexpr auto where = "split_with_sizes";
  const int d = dimension(where, x, dim);
  const std::int64_t size = x.shape()[d];
  std::int64_t rest = size;
  for (const std::int64_t part : split_sizes) {
    check(part >= 0 && part <= rest, where, "expected sizes of 0 or more that add up to {}, got {} where {} is left", size,
          part, rest);
    rest -= part;
  }
  check(rest == 0, where, "expected sizes that add up to {}, got {}", size, size - rest);
  std::vector<Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t part : split_sizes) {
    parts.push_back(x.slice(d, begin, begin + part));
    begin += part;
  }
  return parts;
}

std::vector<Tensor> split(const Tensor& x, std::int64_t split_size, int dim) {
  const int d = dimension("split", x, dim);
  const std::int64_t size = x.shape()[d];
  check(split_size > 0 || (split_size == 0 && size == 0), "split", "expected a size of 1 or more, got {}", split_size);
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < size; begin += split_size) {
    const std::int64_t part = std::min(split_size, size - begin);
    parts.push_back(x.slice(d, begin, begin + part));
    if (part < split_size) break;
  }
  if (parts.empty()) parts.push_back(x.slice(d, 0, 0));
  return parts;
}

std::vector<Tensor> chunk(const Tensor& x, std::int64_t chunks, int dim) {
  const int d = dimension("chunk", x, dim);
  check(chunks > 0, "chunk", "expected a number of chunks of 1 or more, got {}", chunks);
  const std::int64_t size = x.shape()[d];
  if (size == 0) {
    std::vector<Tensor> parts;
    for (std::int64_t i = 0; i < chunks; ++i) parts.push_back(x.slice(d, 0, 0));
    return parts;
  }
  return split(x, (size - 1) / chunks + 1, d);
}

std::vector<Tensor> unbind(const Tensor& x, int dim) {
  const int d = dimension("unbind", x, dim);
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < x.shape()[d]; ++i) parts.push_back(x.select(d, i));
  return parts;
}

namespace {

// The dimensions listed, each of x's own, none twice.
Shape listed(std::string_view where, const Tensor& x, const Shape& dims) {
  Shape result;
  std::array<bool, Shape::max_rank> seen{};
  for (const std::int64_t dim : dims) {
    check(dim >= -Shape::max_rank && dim < Shape::max_rank, where, "expected dimensions of a tensor of {} of them, got {}",
          x.dim(), dims);
    const int d = normalize_dim(static_cast<int>(dim), x.dim(), where);
    check(!seen[static_cast<std::size_t>(d)], where, "expected each dimension once, got {}", dims);
    seen[static_cast<std::size_t>(d)] = true;
    result.push_back(d);
  }
  return result;
}

Tensor flipped(const Tensor& x, const Shape& dims) {
  NoGradGuard guard;
  Tensor y = x;
  for (const std::int64_t dim : dims) {
    const int d = static_cast<int>(dim);
    if (y.dim() == 0 || y.shape()[d] <= 1) continue;
    y = index_select(y, d, arange(static_cast<double>(y.shape()[d] - 1), -1, -1, {int64, x.device()}));
  }
  return y.impl() == x.impl() ? x.clone() : y;
}

// shifts and dims of equal number, dims those of x.
Tensor rolled(const Tensor& x, const Shape& shifts, const Shape& dims, bool back) {
  NoGradGuard guard;
  Tensor y = x;
  for (int i = 0; i < dims.rank(); ++i) {
    const int d = static_cast<int>(dims[i]);
    const std::int64_t size = y.dim() == 0 ? 1 : y.shape()[d];
    if (size <= 1) continue;
    std::int64_t shift = shifts[i] % size;
    if (back) shift = -shift;
    if (shift < 0) shift += size;
    if (shift) y = cat({y.slice(d, size - shift, size), y.slice(d, 0, size - shift)}, d);
  }
  return y.impl() == x.impl() ? x.clone() : y;
}

}  // namespace

Tensor flip(const Tensor& x, const Dims& dims) {
  check(x.defined(), "flip", "expected a tensor, got an undefined one");
  const Shape order = listed("flip", x, dims);
  return record("flip", {x}, flipped(x, order),
                [order](const Tensor& dy, const Needs&) -> Grads { return {flipped(dy, order)}; });
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  check(x.defined(), "roll", "expected a tensor, got an undefined one");
  if (dims.empty()) {
    check(shifts.rank() == 1, "roll", "expected one shift where no dimensions are listed, got {}", shifts.str());
    return roll(x.reshape({x.numel()}), shifts, {0}).reshape(x.shape());
  }
  check(shifts.rank() == dims.rank(), "roll", "expected a shift for each of the dimensions {}, got {}", dims.str(),
        shifts.str());
  // A dimension may be listed twice: its shifts add up.
  Shape order;
  for (const std::int64_t dim : dims) order.push_back(listed("roll", x, {dim})[0]);
  return record(
      "roll", {x}, rolled(x, shifts, order, false),
      [order, shifts = Shape(shifts)](const Tensor& dy, const Needs&) -> Grads { return {rolled(dy, shifts, order, true)}; });
}

}  // namespace heddle
