#include "heddle/core/shape.hpp"

#include "heddle/base/check.hpp"

namespace heddle {

Shape::Shape(std::span<const std::int64_t> sizes) {
  check(sizes.size() <= max_rank, "shape", "expected at most {} dimensions, got {}", int{max_rank}, sizes.size());
  rank_ = static_cast<int>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

void Shape::insert(int before, std::int64_t size) {
  check(rank_ < max_rank, "shape", "expected at most {} dimensions, got one more", int{max_rank});
  std::copy_backward(begin() + before, end(), end() + 1);
  (*this)[before] = size;
  ++rank_;
}

void Shape::erase(int dim) {
  std::copy(begin() + dim + 1, end(), begin() + dim);
  --rank_;
}

std::int64_t Shape::numel() const {
  std::int64_t product = 1;
  bool fits = true, empty = false;
  for (auto size : *this) {
    fits = fits && size >= 0 && !__builtin_mul_overflow(product, size, &product);
    empty = empty || size == 0;
  }
  if (empty) return 0;
  check(fits, "shape", "expected sizes of 0 or more whose product stays below 2^63, got {}", *this);
  return product;
}

// Sizes of 0 count as 1, here and in what else is computed of strides.
Shape Shape::dense_strides() const {
  Shape strides = *this;
  std::int64_t stride = 1;
  bool fits = true;
  for (int d = rank_ - 1; d >= 0; --d) {
    strides[d] = stride;
    fits = fits && !__builtin_mul_overflow(stride, std::max<std::int64_t>((*this)[d], 1), &stride);
  }
  check(fits, "shape", "expected sizes whose product stays below 2^63 (of those that are not 0), got {}", *this);
  return strides;
}

std::string Shape::str() const {
  std::string text = "[";
  for (int d = 0; d < rank_; ++d) text += (d ? ", " : "") + std::to_string((*this)[d]);
  return text + "]";
}

Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view where) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const int shift = longer.rank() - shorter.rank();
  for (int d = 0; d < shorter.rank(); ++d) {
    const auto one = longer[d + shift], other = shorter[d];
    check(one == other || one == 1 || other == 1, where, "expected shapes that broadcast, got {} and {}", a, b);
    result[d + shift] = one == 1 ? other : one;
  }
  return result;
}

int normalize_dim(int dim, int rank, std::string_view where) {
  const int limit = std::max(rank, 1);
  check(dim >= -limit && dim < limit, where, "expected a dimension in [{}, {}), got {}", -limit, limit, dim);
  return dim < 0 ? dim + limit : dim;
}

}  // namespace heddle
