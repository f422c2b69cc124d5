// New tensors: filled, counted, or copied from memory of the caller's. Part of core/tensor.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// New tensors. empty() leaves the elements undefined. Error for negative sizes, and for more bytes than there is memory.
Tensor empty(const Shape& shape, TensorOptions options = {});
Tensor empty_like(const Tensor& other);
Tensor full(const Shape& shape, double value, TensorOptions options = {});
Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor ones(const Shape& shape, TensorOptions options = {});
Tensor zeros_like(const Tensor& other);
Tensor ones_like(const Tensor& other);
/// start, start + step, ... before end; none where step leads away from end. Error unless all are finite.
Tensor arange(double start, double end, double step = 1, TensorOptions options = {});
/// `steps` numbers from start to end, both included, evenly spaced (start alone where it is one).
Tensor linspace(double start, double end, std::int64_t steps, TensorOptions options = {});
Tensor eye(std::int64_t n, TensorOptions options = {});
/// A copy of numel elements at `memory`, in row-major order.
Tensor from_memory(const void* memory, const Shape& shape, TensorOptions options = {});
/// A copy of `values`, of their type; without a shape, of one dimension. Error when the shape has another number of elements.
template <class T>
Tensor tensor(const std::vector<T>& values, std::optional<Shape> shape = {}, Device device = cpu);

namespace detail {
void check_count(std::size_t count, const Shape& shape);
}

template <class T>
Tensor tensor(const std::vector<T>& values, std::optional<Shape> shape, Device device) {
  static_assert(is_element<T>, "elements are float, double, std::int64_t, std::uint8_t or heddle::BFloat16");
  const Shape full_shape = shape.value_or(Shape{static_cast<std::int64_t>(values.size())});
  detail::check_count(values.size(), full_shape);
  return from_memory(values.data(), full_shape, {dtype_of<T>, device});
}

}  // namespace heddle
HD_API_END
