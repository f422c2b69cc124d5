// Sorting: the kernel sorts places, and gather() takes the values, with its gradient.
#include "heddle/ops/sort.hpp"

#include "heddle/ops/common.hpp"
#include "heddle/ops/index.hpp"
#include "kernels/sort/sort.hpp"

namespace heddle {

using namespace detail;

namespace {

// The places of x's elements in order along a dimension of x's (or of a scalar, 0).
Tensor places_in_order(std::string_view where, const Tensor& x, int dim, bool descending) {
  if (x.dtype() == bfloat16) return places_in_order(where, widened(x), dim, descending);
  if (x.dtype() == uint8) return places_in_order(where, x.to(int64), dim, descending);
  const Tensor in = dense(x);
  Tensor index = empty(x.shape(), {int64, x.device()});
  if (x.numel() == 0) return index;
  const bool scalar = x.dim() == 0;
  const kernels::ReduceShape s{scalar ? 1 : product(x.shape(), 0, dim), scalar ? 1 : x.shape()[dim],
                               scalar ? 1 : product(x.shape(), dim + 1, x.dim())};
  visit_number(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<kernels::SortKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(s));
    table.argsort(stream_of(x), descending, s, in.data<T>(), index.data<std::int64_t>(), workspace.get());
  });
  return index;
}

}  // namespace

Tensor argsort(const Tensor& x, int dim, bool descending) {
  return places_in_order("argsort", x, normalize_dim(dim, x.dim(), "argsort"), descending);
}

ValuesAndIndices sort(const Tensor& x, int dim, bool descending) {
  const int d = normalize_dim(dim, x.dim(), "sort");
  const Tensor index = places_in_order("sort", x, d, descending);
  return {gather(x, d, index), index};
}

ValuesAndIndices topk(const Tensor& x, std::int64_t k, int dim, bool largest, bool) {
  const int d = normalize_dim(dim, x.dim(), "topk");
  const std::int64_t size = x.dim() ? x.shape()[d] : 1;
  check(k >= 0 && k <= size, "topk", "expected from 0 to {} elements of dimension {} of {}, got {}", size, d, x.shape(), k);
  const Tensor order = places_in_order("topk", x, d, largest);
  const Tensor index = x.dim() ? order.slice(d, 0, k).contiguous() : order;
  return {gather(x, d, index), index};
}

}  // namespace heddle
