#include "heddle/core/tensor.hpp"

#include <cmath>
#include <cstring>

#include "heddle/base/check.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/layout.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "kernels/memory/memory.hpp"

namespace heddle {

using kernels::MemoryKernels;

namespace {

bool dense(const Shape& shape, const Shape& strides) {
  std::int64_t expected = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    if (shape[d] != 1 && strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

// target = source, over target's shape and both layouts, on one device and of one type.
void copy_layout(const Tensor& source, const Tensor& target) {
  const auto space = detail::element_shape(target.shape(), source.strides(), target.strides());
  kernels_for<MemoryKernels>(target.device()).copy(stream_of(target), target.dtype(), space, source.raw_data(), target.raw_data());
}

// The tensor, or a dense copy of it, without history.
Tensor dense_copy(const Tensor& source) {
  if (source.is_contiguous()) return source;
  Tensor result = empty(source.shape(), source.options());
  if (result.numel()) copy_layout(source, result);
  return result;
}

Tensor dense_cast(const Tensor& source, DType dtype) {
  if (source.dtype() == dtype) return source;
  Tensor result = empty(source.shape(), {dtype, source.device()});
  if (result.numel())
    kernels_for<MemoryKernels>(source.device())
        .cast(stream_of(source), source.dtype(), dtype, source.numel(), source.raw_data(), result.raw_data());
  return result;
}

std::size_t bytes_of(const Tensor& t) { return static_cast<std::size_t>(t.numel()) * size_of(t.dtype()); }

}  // namespace

detail::TensorImpl& Tensor::get() const {
  check(defined(), "tensor", "expected a tensor, got an undefined one (default-constructed or moved from)");
  return *impl_;
}

const Shape& Tensor::shape() const { return get().shape; }
std::int64_t Tensor::size(int dim) const { return shape()[normalize_dim(dim, this->dim(), "size")]; }
int Tensor::dim() const { return get().shape.rank(); }
std::int64_t Tensor::numel() const { return get().shape.numel(); }
DType Tensor::dtype() const { return get().dtype; }
Device Tensor::device() const { return get().storage->device; }
const Shape& Tensor::strides() const { return get().strides; }
bool Tensor::is_contiguous() const { return get().contiguous; }

void* Tensor::raw_data() const {
  auto& impl = get();
  return static_cast<char*>(impl.storage->data) + impl.offset * static_cast<std::int64_t>(size_of(impl.dtype));
}

void Tensor::require_dtype(DType expected) const {
  check(dtype() == expected, "tensor", "expected elements of {}, got a {} tensor of shape {}", name_of(expected),
        name_of(dtype()), shape());
}

namespace {
template <class Number> Number only_element(const Tensor& t) {
  check(t.numel() == 1, "item", "expected a tensor of one element, got shape {}", t.shape());
  return visit_any(t.dtype(), [&]<class T>(TypeTag<T>) {
    T value;
    backend::copy_bytes(&value, cpu, t.raw_data(), t.device(), sizeof value);
    if constexpr (std::is_same_v<T, BFloat16>)
      return static_cast<Number>(static_cast<float>(value));
    else
      return static_cast<Number>(value);
  });
}
}  // namespace

double Tensor::item_as_double() const { return only_element<double>(*this); }
std::int64_t Tensor::item_as_integer() const { return only_element<std::int64_t>(*this); }

void Tensor::copy_to(void* memory) const {
  const Tensor source = dense_copy(*this);
  backend::copy_bytes(memory, cpu, source.raw_data(), source.device(), bytes_of(source));
}

Tensor& Tensor::fill_(double value) {
  auto& impl = get();
  ++impl.storage->version;
  if (numel() == 0) return *this;
  if (is_contiguous()) {
    kernels_for<MemoryKernels>(device()).fill(stream_of(*this), dtype(), numel(), value, raw_data());
    return *this;
  }
  copy_layout(full({}, value, options()).view_of_memory(shape(), Shape(std::vector<std::int64_t>(static_cast<std::size_t>(dim()), 0)), 0), *this);
  return *this;
}

Tensor& Tensor::copy_(const Tensor& source) {
  check(source.shape() == shape(), "copy_", "expected a source of shape {}, got {}", shape(), source.shape());
  ++get().storage->version;
  if (numel() == 0) return *this;
  Tensor values = source;
  if (values.dtype() != dtype()) values = dense_cast(dense_copy(values), dtype());
  if (values.device() != device()) {
    values = dense_copy(values);
    if (is_contiguous()) {
      backend::copy_bytes(raw_data(), device(), values.raw_data(), values.device(), bytes_of(values));
      return *this;
    }
    Tensor here = empty(shape(), options());
    backend::copy_bytes(here.raw_data(), device(), values.raw_data(), values.device(), bytes_of(values));
    values = here;
  }
  copy_layout(values, *this);
  return *this;
}

Tensor Tensor::view_of_memory(const Shape& shape, const Shape& strides, std::int64_t offset) const {
  auto impl = std::make_shared<detail::TensorImpl>();
  impl->storage = get().storage;
  impl->shape = shape;
  impl->strides = strides;
  impl->offset = get().offset + offset;
  impl->dtype = dtype();
  impl->contiguous = dense(shape, strides);
  return Tensor(std::move(impl));
}

Tensor empty(const Shape& shape, TensorOptions options) {
  for (auto size : shape) check(size >= 0, "empty", "expected sizes of 0 or more, got {}", shape);
  auto impl = std::make_shared<detail::TensorImpl>();
  const auto bytes = static_cast<std::size_t>(shape.numel()) * size_of(options.dtype);
  try {
    impl->storage = std::make_shared<detail::Storage>(options.device, bytes);
  } catch (const Error& error) {  // out of memory: for what?
    throw Error(strings::format("{}; it was for {} {}", error.what(), name_of(options.dtype), shape));
  }
  impl->shape = shape;
  impl->strides = shape.dense_strides();
  impl->dtype = options.dtype;
  return Tensor(std::move(impl));
}

Tensor full(const Shape& shape, double value, TensorOptions options) {
  Tensor result = empty(shape, options);
  result.fill_(value);
  return result;
}

Tensor empty_like(const Tensor& other) { return empty(other.shape(), other.options()); }
Tensor zeros(const Shape& shape, TensorOptions options) { return full(shape, 0, options); }
Tensor ones(const Shape& shape, TensorOptions options) { return full(shape, 1, options); }
Tensor zeros_like(const Tensor& other) { return zeros(other.shape(), other.options()); }
Tensor ones_like(const Tensor& other) { return ones(other.shape(), other.options()); }

Tensor arange(double start, double end, double step, TensorOptions options) {
  check(step != 0 && std::isfinite(step), "arange", "expected a finite step other than 0, got {}", step);
  const auto count = static_cast<std::int64_t>(std::max(0.0, std::ceil((end - start) / step)));
  Tensor result = empty({count}, options);
  if (count)
    kernels_for<MemoryKernels>(options.device).arange(stream_of(result), options.dtype, count, start, step, result.raw_data());
  return result;
}

Tensor eye(std::int64_t n, TensorOptions options) {
  Tensor result = zeros({n, n}, options);
  result.view_of_memory({n}, {n + 1}, 0).fill_(1);
  return result;
}

Tensor from_memory(const void* memory, const Shape& shape, TensorOptions options) {
  Tensor result = empty(shape, options);
  backend::copy_bytes(result.raw_data(), options.device, memory, cpu, bytes_of(result));
  return result;
}

void detail::check_count(std::size_t count, const Shape& shape) {
  check(static_cast<std::int64_t>(count) == shape.numel(), "tensor", "expected {} values for shape {}, got {}", shape.numel(),
        shape, count);
}

}  // namespace heddle
