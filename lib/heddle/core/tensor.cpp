#include "heddle/core/tensor.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/backend.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "heddle/core/write.hpp"
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

constexpr auto most_bytes = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());

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

void Tensor::refuse_vector() const {
  fail("to_vector", strings::format("expected memory for {} {}, got none", name_of(dtype()), shape()));
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

std::int64_t Tensor::item_as_integer(std::int64_t low, std::int64_t high) const {
  if (is_floating_point(dtype())) {
    const double value = std::trunc(only_element<double>(*this));
    // 2^63 is the next number up from the largest integer.
    const bool fits = value >= -0x1p63 && value < 0x1p63;
    const std::int64_t whole = fits ? static_cast<std::int64_t>(value) : 0;
    check(fits && whole >= low && whole <= high, "item",
          "expected a number from {} to {}, the range of the integer asked for, got {:.6g}", low, high, value);
    return whole;
  }
  const auto value = only_element<std::int64_t>(*this);
  check(value >= low && value <= high, "item", "expected a number from {} to {}, the range of the integer asked for, got {}", low,
        high, value);
  return value;
}

void Tensor::copy_to(void* memory) const {
  Tensor source = *this;
  if (!is_contiguous()) {
    source = empty(shape(), options());
    detail::copy_values(*this, source);
  }
  backend::copy_bytes(memory, cpu, source.raw_data(), source.device(), bytes_of(source));
}

Tensor Tensor::view_of_memory(const Shape& shape, const Shape& strides, std::int64_t offset) const {
  auto impl = std::make_shared<detail::TensorImpl>();
  impl->storage = get().storage;
  (void)shape.dense_strides();  // Error for sizes that no arithmetic on them holds
  impl->shape = shape;
  impl->strides = strides;
  impl->offset = get().offset + offset;
  impl->dtype = dtype();
  impl->contiguous = dense(shape, strides);
  return Tensor(std::move(impl));
}

Tensor empty(const Shape& shape, TensorOptions options) try {
  for (auto size : shape) check(size >= 0, "empty", "expected sizes of 0 or more, got {}", shape);
  auto impl = std::make_shared<detail::TensorImpl>();
  impl->shape = shape;
  impl->strides = shape.dense_strides();
  impl->dtype = options.dtype;
  const auto elements = static_cast<std::size_t>(shape.numel()), size = size_of(options.dtype);
  check(elements <= most_bytes / size, "empty", "expected a tensor of fewer than 2^63 bytes, got {} {}", name_of(options.dtype), shape);
  try {
    impl->storage = std::make_shared<detail::Storage>(options.device, elements * size);
  } catch (const Error& error) {  // out of memory: for what?
    throw Error(strings::format("{}; it was for {} {}", error.what(), name_of(options.dtype), shape));
  }
  return Tensor(std::move(impl));
} catch (const std::bad_alloc&) {
  detail::out_of_memory("empty", "a tensor");
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
  constexpr auto where = "arange";
  check(std::isfinite(start) && std::isfinite(end), where, "expected finite bounds, got {:.6g} and {:.6g}", start, end);
  check(step != 0 && std::isfinite(step), where, "expected a finite step other than 0, got {:.6g}", step);
  const double wanted = std::max(0.0, std::ceil((end - start) / step));
  // Beyond 2^53 numbers of double are no longer counted one by one.
  check(wanted < 0x1p53, where, "expected fewer than 2^53 numbers, got {:.6g} from {:.6g} to {:.6g} by {:.6g}", wanted, start, end, step);
  const auto count = static_cast<std::int64_t>(wanted);
  Tensor result = empty({count}, options);
  if (count)
    kernels_for<MemoryKernels>(options.device).arange(stream_of(result), options.dtype, count, start, step, result.raw_data());
  return result;
}

Tensor linspace(double start, double end, std::int64_t steps, TensorOptions options) {
  constexpr auto where = "linspace";
  check(std::isfinite(start) && std::isfinite(end), where, "expected finite bounds, got {:.6g} and {:.6g}", start, end);
  check(steps >= 0, where, "expected a number of steps of 0 or more, got {}", steps);
  Tensor result = empty({steps}, options);
  const auto count = [&](std::int64_t from, std::int64_t n, double first, double step) {
    const Tensor part = result.view_of_memory({n}, {1}, from);
    if (n) kernels_for<MemoryKernels>(options.device).arange(stream_of(result), options.dtype, n, first, step, part.raw_data());
  };
  if (steps <= 1) {
    count(0, steps, start, 0);
    return result;
  }
  const double step = (end - start) / static_cast<double>(steps - 1);
  count(0, steps - 1, start, step);
  count(steps - 1, 1, end, 0);  // to the bit
  return result;
}

Tensor eye(std::int64_t n, TensorOptions options) {
  check(n >= 0, "eye", "expected a size of 0 or more, got {}", n);
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
