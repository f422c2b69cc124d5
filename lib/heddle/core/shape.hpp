// Sizes of a tensor's dimensions, outermost first, held in place: making and copying one allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"

HD_API_BEGIN
namespace heddle {

/// At most eight dimensions. Also used for strides and lists of dimensions; then elements may be any integers.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  Shape(const std::vector<std::int64_t>& sizes) : Shape(std::span(sizes)) {}
  /// Error when there are more than max_rank.
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t& operator[](int dim) { return sizes_[static_cast<std::size_t>(dim)]; }
  std::int64_t operator[](int dim) const { return sizes_[static_cast<std::size_t>(dim)]; }
  std::int64_t back() const { return (*this)[rank_ - 1]; }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  std::int64_t* begin() { return sizes_.data(); }
  std::int64_t* end() { return sizes_.data() + rank_; }

  void push_back(std::int64_t size) { insert(rank_, size); }
  void insert(int before, std::int64_t size);
  void erase(int dim);

  /// Product of all sizes; 1 for a scalar's empty shape. Error for negative sizes, and where it is no 64-bit number.
  std::int64_t numel() const;
  /// Strides of a dense row-major tensor of this shape. Error where the product of all sizes but zeros is no 64-bit number.
  Shape dense_strides() const;
  /// "[8, 3, 32, 32]"
  std::string str() const;

  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// A list of dimensions (or what goes with them): {0, -1}, or one number alone.
class Dims : public Shape {
 public:
  using Shape::Shape;
  Dims() = default;
  Dims(const Shape& list) : Shape(list) {}
  template <std::integral Number>
  Dims(Number one) : Shape{static_cast<std::int64_t>(one)} {}
};

/// The shape two operands take together, aligned at their last dimensions, where a size of 1 stretches, as in NumPy and
/// PyTorch. Error that names `where` when they don't fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view where);

/// Maps a dimension in [-rank, rank) to [0, rank); any other is an Error that names `where`.
int normalize_dim(int dim, int rank, std::string_view where);

}  // namespace heddle
HD_API_END
