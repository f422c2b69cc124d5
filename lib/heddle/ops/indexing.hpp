// Indexing with several indices at once, under the names of PyTorch's C++ interface:
//
//     using namespace heddle::indexing;
//     x.index({0});                        // x[0]
//     x.index({Slice(), Slice(1, 3)});     // x[:, 1:3]
//     x.index({Ellipsis, None, -1});       // x[..., None, -1]
//     x.index({Slice(None, None, 2)});     // x[::2]
//     x.index({rows, columns});            // elements by number: int64 tensors, which broadcast
//     x.index({mask});                     // elements where a mask of x's leading dimensions is true
//     x.index_put_({mask}, 0);
//
// Numbers, slices, None and an ellipsis give views. Tensors give copies, with gradients: int64 tensors are numbers, negative
// ones counted from the end; uint8 and floating-point tensors, such as isnan(x) and gt(x, 0) give, are masks. A comparison of
// int64 tensors gives int64, and is a mask only after to(uint8).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {
namespace indexing {

struct NoneType {};
/// A new dimension of size 1; in a Slice, a bound that is left out.
inline constexpr NoneType None{};
struct EllipsisType {};
/// As many whole dimensions as the other indices leave.
inline constexpr EllipsisType Ellipsis{};

/// begin:end:step of a dimension. Negative bounds count from its end; a step is 1 or more.
class Slice {
 public:
  /// A bound: a number or None.
  struct Bound {
    Bound(NoneType) {}
    template <std::integral Number>
    Bound(Number number) : value(static_cast<std::int64_t>(number)) {}
    std::optional<std::int64_t> value;
  };
  Slice(Bound begin = None, Bound end = None, Bound step = None)
      : begin_(begin.value), end_(end.value), step_(step.value.value_or(1)) {}
  std::optional<std::int64_t> start() const { return begin_; }
  std::optional<std::int64_t> stop() const { return end_; }
  std::int64_t step() const { return step_; }

 private:
  std::optional<std::int64_t> begin_, end_;
  std::int64_t step_;
};

/// One of the indices of Tensor::index.
class TensorIndex {
 public:
  enum class Kind { none, ellipsis, integer, boolean, slice, tensor };

  TensorIndex(NoneType) : kind(Kind::none) {}
  TensorIndex(std::nullopt_t) : kind(Kind::none) {}
  TensorIndex(EllipsisType) : kind(Kind::ellipsis) {}
  /// "..." alone.
  TensorIndex(const char* text);
  /// A bool is a mask of no dimensions.
  template <std::integral Number>
  TensorIndex(Number number)
      : kind(std::same_as<Number, bool> ? Kind::boolean : Kind::integer), integer(static_cast<std::int64_t>(number)) {}
  TensorIndex(Slice part) : kind(Kind::slice), slice(part) {}
  TensorIndex(Tensor numbers) : kind(Kind::tensor), tensor(std::move(numbers)) {}

  Kind kind;
  std::int64_t integer = 0;
  Slice slice;
  Tensor tensor;
};

}  // namespace indexing
}  // namespace heddle
HD_API_END
