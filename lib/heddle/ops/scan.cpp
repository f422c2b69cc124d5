// cumsum, and prod, whose gradient is made of running products.
#include "heddle/ops/scan.hpp"

#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/scan/scan.hpp"

namespace heddle {

using namespace detail;
using kernels::Scan;
using kernels::ScanKind;

namespace {

// Along a dimension of x, which is one of its own (or 0 of a scalar). Nothing is recorded.
Tensor scanned(std::string_view where, ScanKind kind, const Tensor& x, int dim) {
  if (x.dtype() == bfloat16) return scanned(where, kind, widened(x), dim).to(bfloat16);
  const Tensor in = dense(x);
  Tensor y = empty(x.shape(), x.options());
  const bool scalar = x.dim() == 0;
  const kernels::ReduceShape s{scalar ? 1 : product(x.shape(), 0, dim), scalar ? 1 : x.shape()[dim],
                               scalar ? 1 : product(x.shape(), dim + 1, x.dim())};
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<kernels::ScanKernels<T>>(x.device()).scan(stream_of(x), kind, s, in.data<T>(), y.data<T>());
  });
  return y;
}

}  // namespace

Tensor cumsum(const Tensor& x, int dim) {
  const int d = normalize_dim(dim, x.dim(), "cumsum");
  return record("cumsum", {x}, scanned("cumsum", {}, x, d),
                [d](const Tensor& dy, const Needs&) -> Grads { return {scanned("cumsum", {.reverse = true}, dy, d)}; });
}

// The gradient of an element is the product of those before and those behind it, which is right where some are 0, too.
Tensor prod(const Tensor& x, int dim, bool keepdim) {
  constexpr auto where = "prod";
  const int d = normalize_dim(dim, x.dim(), where);
  const std::int64_t size = x.dim() ? x.shape()[d] : 1;
  Shape kept = x.shape(), shape = kept;
  if (x.dim()) {
    kept[d] = 1;
    if (keepdim)
      shape = kept;
    else
      shape.erase(d);
  }
  Tensor y;
  if (size == 0) {
    y = ones(shape, x.options());
  } else {
    NoGradGuard guard;
    const Tensor running = scanned(where, {.op = Scan::product}, x, d);
    const Tensor last = x.dim() ? running.slice(d, size - 1, size) : running;
    y = last.clone().reshape(shape);
  }
  if (!needs_grad({x})) return y;
  return record(where, {x}, y, [=, x = Saved(x)](const Tensor& dy, const Needs&) -> Grads {
    const Tensor& in = x.get(where);
    if (in.numel() == 0) return {zeros_like(in)};
    const Tensor others = scanned(where, {.op = Scan::product, .exclusive = true}, in, d) *
                          scanned(where, {.op = Scan::product, .reverse = true, .exclusive = true}, in, d);
    return {others * dy.reshape(kept)};
  });
}

Tensor prod(const Tensor& x) {
  return prod(x.reshape({x.numel()}), 0);
}

}  // namespace heddle
