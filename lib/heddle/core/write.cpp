#include "heddle/core/write.hpp"

#include <algorithm>
#include <array>

#include "heddle/base/check.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/layout.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "kernels/memory/memory.hpp"

namespace heddle {

using kernels::MemoryKernels;

namespace {

// Why autograd forbids a write at present; null where it does not.
const char* forbidden(const Tensor& t) {
  const auto& meta = t.impl()->autograd;
  return meta ? meta->forbids_write() : nullptr;
}

// target = source, over target's shape and both layouts, on one device and of one type.
void copy_layout(const Tensor& source, const Tensor& target) {
  const auto space = detail::element_shape(target.shape(), source.strides(), target.strides());
  kernels_for<MemoryKernels>(target.device())
      .copy(stream_of(target), target.dtype(), space, source.raw_data(), target.raw_data());
}

// The tensor, or a dense copy of it, without history.
Tensor dense_copy(const Tensor& source) {
  if (source.is_contiguous()) return source;
  Tensor result = empty(source.shape(), source.options());
  if (result.numel()) copy_layout(source, result);
  return result;
}

Tensor dense_cast(const Tensor& source, DType dtype) {
  Tensor result = empty(source.shape(), {dtype, source.device()});
  kernels_for<MemoryKernels>(source.device())
      .cast(stream_of(source), source.dtype(), dtype, source.numel(), source.raw_data(), result.raw_data());
  return result;
}

std::size_t bytes_of(const Tensor& t) {
  return static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
}

// The first and last element's places in the storage.
struct Extent {
  std::int64_t first, last;
};
Extent extent_of(const Tensor& t) {
  Extent extent{t.impl()->offset, t.impl()->offset};
  for (int d = 0; d < t.dim(); ++d) {
    const std::int64_t reach = (t.shape()[d] - 1) * t.strides()[d];
    (reach < 0 ? extent.first : extent.last) += reach;
  }
  return extent;
}

bool same_layout(const Tensor& a, const Tensor& b) {
  return a.impl()->offset == b.impl()->offset && a.strides() == b.strides();
}

// Of two tensors of one type and shape, both with elements.
bool may_share_memory(const Tensor& a, const Tensor& b) {
  if (a.impl()->storage != b.impl()->storage) return false;
  const Extent one = extent_of(a), other = extent_of(b);
  return one.first <= other.last && other.first <= one.last;
}

}  // namespace

bool detail::overlaps_itself(const Shape& shape, const Shape& strides) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return false;
  // From the smallest stride to the largest: each must lead beyond what all smaller ones reach.
  std::array<bool, Shape::max_rank> done{};
  std::int64_t reach = 0;
  for (;;) {
    int next = -1;
    for (int d = 0; d < shape.rank(); ++d)
      if (!done[static_cast<std::size_t>(d)] && shape[d] > 1 && (next < 0 || strides[d] < strides[next])) next = d;
    if (next < 0) return false;
    if (strides[next] <= reach) return true;
    reach += (shape[next] - 1) * strides[next];
    done[static_cast<std::size_t>(next)] = true;
  }
}

void detail::begin_write(const Tensor& target, std::string_view op) {
  check(target.defined(), op, "expected a tensor to write to, got an undefined one");
  if (const char* what = forbidden(target))
    fail(op,
         strings::format("expected a tensor without gradient to write to, got {} of shape {}: a write in place is not recorded "
                         "for backward. Write under NoGradGuard or no_grad(), or to detach()",
                         what, target.shape()));
  begin_recorded_write(target, op);
}

void detail::begin_recorded_write(const Tensor& target, std::string_view op) {
  if (!target.is_contiguous())
    check(!overlaps_itself(target.shape(), target.strides()), op,
          "expected a tensor whose elements each have memory of their own to write to, got shape {} with strides {}, where "
          "several share one place: write to clone()",
          target.shape(), target.strides());
  ++target.impl()->storage->version;
}

void detail::copy_values(const Tensor& source, const Tensor& target) {
  if (target.numel() == 0) return;
  Tensor values = source;
  if (values.dtype() != target.dtype()) values = dense_cast(dense_copy(values), target.dtype());
  if (values.device() != target.device()) {
    values = dense_copy(values);
    if (target.is_contiguous()) {
      backend::copy_bytes(target.raw_data(), target.device(), values.raw_data(), values.device(), bytes_of(values));
      return;
    }
    const Tensor here = empty(target.shape(), target.options());
    backend::copy_bytes(here.raw_data(), target.device(), values.raw_data(), values.device(), bytes_of(values));
    values = here;
  } else if (may_share_memory(values, target)) {
    if (same_layout(values, target)) return;
    const Tensor apart = empty(target.shape(), target.options());
    copy_layout(values, apart);
    values = apart;
  }
  copy_layout(values, target);
}

Tensor& Tensor::fill_(double value) {
  detail::begin_write(*this, "fill_");
  if (numel() == 0) return *this;
  if (is_contiguous()) {
    kernels_for<MemoryKernels>(device()).fill(stream_of(*this), dtype(), numel(), value, raw_data());
    return *this;
  }
  const Shape still(std::vector<std::int64_t>(static_cast<std::size_t>(dim()), 0));
  copy_layout(full({}, value, options()).view_of_memory(shape(), still, 0), *this);
  return *this;
}

Tensor& Tensor::copy_(const Tensor& source) {
  check(source.shape() == shape(), "copy_", "expected a source of shape {}, got {}", shape(), source.shape());
  if (const char* what = forbidden(source))
    fail("copy_",
         strings::format("expected a source without gradient, got {} of shape {}: a write in place is not recorded for "
                         "backward. Copy under NoGradGuard or no_grad(), or from detach()",
                         what, source.shape()));
  detail::begin_write(*this, "copy_");
  detail::copy_values(source, *this);
  return *this;
}

}  // namespace heddle
