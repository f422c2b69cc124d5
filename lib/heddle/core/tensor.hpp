// Tensor: a shape over shared memory, on a device, with an element type and, where asked for, a gradient.
//
// A Tensor is a handle: copying one copies no data, and two handles see each other's writes, as in PyTorch; clone() copies.
// Members that take part in differentiation stand here because this is where a user looks for them; they are defined
// beside their gradients in autograd/ and ops/.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "heddle/base/device.hpp"
#include "heddle/base/dtype.hpp"
#include "heddle/base/export.hpp"
#include "heddle/core/shape.hpp"

HD_API_BEGIN
namespace heddle {

namespace detail {
struct TensorImpl;
}
struct ValuesAndIndices;
namespace indexing {
class TensorIndex;
}

/// Element type and place of a new tensor.
struct TensorOptions {
  DType dtype = DType::float32;
  Device device = {};
};

class Tensor {
 public:
  /// Holds nothing: defined() is false.
  Tensor() = default;

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const;
  /// Size of one dimension, counted from the end where negative.
  std::int64_t size(int dim) const;
  int dim() const;
  std::int64_t numel() const;
  DType dtype() const;
  Device device() const;
  TensorOptions options() const { return {dtype(), device()}; }
  /// In elements, one a dimension.
  const Shape& strides() const;
  bool is_contiguous() const;

  /// The first element. Error unless T is the element type. Only a contiguous tensor's elements follow each other, and
  /// only a CPU tensor's can be read by the caller.
  template <class T> T* data() const {
    require_dtype(dtype_of<std::remove_const_t<T>>);
    return static_cast<T*>(raw_data());
  }
  void* raw_data() const;
  /// The only element of a tensor of one element, converted to T; waits for the device. To an integer it is truncated; Error
  /// for NaN and for what lies outside of T's range.
  template <class T = double> T item() const {
    using Limits = std::numeric_limits<T>;
    using Int64 = std::numeric_limits<std::int64_t>;
    if constexpr (std::is_same_v<T, bool>) {
      return item_as_double() != 0;
    } else if constexpr (std::is_integral_v<T>) {
      constexpr auto low = std::is_signed_v<T> ? static_cast<std::int64_t>(Limits::min()) : std::int64_t{0};
      constexpr auto high = sizeof(T) == 8 ? Int64::max() : static_cast<std::int64_t>(Limits::max());
      return static_cast<T>(item_as_integer(low, high));
    } else {
      return static_cast<T>(is_floating_point(dtype()) ? item_as_double() : static_cast<double>(item_as_integer(Int64::min(), Int64::max())));
    }
  }
  /// All elements in row-major order; waits for the device. Error unless T is the element type.
  template <class T> std::vector<T> to_vector() const {
    require_dtype(dtype_of<T>);
    std::vector<T> values;
    try {
      values.resize(static_cast<std::size_t>(numel()));
    } catch (const std::exception&) {
      refuse_vector();
    }
    copy_to(values.data());
    return values;
  }
  /// Writes all elements in row-major order to numel() * size_of(dtype()) bytes of the caller's; waits for the device.
  void copy_to(void* memory) const;
  /// Shape, type and values, the middle of long dimensions left out.
  std::string str() const;

  // --- in place, without gradient: for initialisation and optimizers -----------------------------------------
  // Writes are not recorded. With gradients enabled it is an Error to write to a tensor that requires grad, leaf or not, to a
  // view of one, or to copy from one: do so under NoGradGuard, or on detach(). A backward pass that needs what was overwritten
  // notices that. An Error, too, where several elements of the tensor share memory, as expand() makes them.
  Tensor& fill_(double value);
  Tensor& zero_() { return fill_(0); }
  /// Takes the values of `source` (any device, layout or type of the same shape), which may share memory with this.
  Tensor& copy_(const Tensor& source);

  // --- arithmetic in place (ops/in_place) ---------------------------------------------------------------------
  // Each writes to this tensor's memory and returns it; the other operand broadcasts to its shape. Recorded for differentiation
  // where this tensor or the operand takes part in it, with the gradients of `x = x + other`. Error, with gradients enabled,
  // for a leaf that requires grad; and where it is to be recorded while something else holds the memory (a view, the tensor
  // it is a view of, or what an op keeps for its backward pass), which would see the numbers change and not the history.
  /// x + alpha * other.
  Tensor& add_(const Tensor& other, double alpha = 1);
  Tensor& add_(double other);
  /// x - alpha * other.
  Tensor& sub_(const Tensor& other, double alpha = 1);
  Tensor& sub_(double other);
  Tensor& mul_(const Tensor& other);
  Tensor& mul_(double other);
  /// A true division: Error for integers.
  Tensor& div_(const Tensor& other);
  Tensor& div_(double other);
  /// `value` where the mask is true (ops/select.hpp); the mask broadcasts to this tensor's shape.
  Tensor& masked_fill_(const Tensor& mask, double value);
  Tensor& operator+=(const Tensor& other) { return add_(other); }
  Tensor& operator+=(double other) { return add_(other); }
  Tensor& operator-=(const Tensor& other) { return sub_(other); }
  Tensor& operator-=(double other) { return sub_(other); }
  Tensor& operator*=(const Tensor& other) { return mul_(other); }
  Tensor& operator*=(double other) { return mul_(other); }
  Tensor& operator/=(const Tensor& other) { return div_(other); }
  Tensor& operator/=(double other) { return div_(other); }

  // --- gradients (autograd/) ---------------------------------------------------------------------------------
  bool requires_grad() const;
  /// Marks a leaf as something to differentiate by. Error for a type without gradients, or a tensor that ops made.
  Tensor& requires_grad_(bool on = true);
  /// True unless an op recorded for differentiation made it.
  bool is_leaf() const;
  /// What backward() accumulated; undefined before.
  Tensor grad() const;
  void set_grad(Tensor gradient);
  /// Keep the gradient of a tensor that is no leaf too.
  void retain_grad();
  /// Differentiates a tensor of one element (or with `gradient` of its shape, any) by every leaf it was made from, and
  /// adds to their grad(). The recorded graph is freed unless retain_graph.
  void backward(const Tensor& gradient = {}, bool retain_graph = false) const;
  /// Called with the gradient of this tensor when it is known; what it returns, unless undefined, replaces it.
  void register_hook(std::function<Tensor(const Tensor&)> hook);
  /// The same data, without history.
  Tensor detach() const;

  // --- views and conversions, differentiable (ops/view, ops/copy) --------------------------------------------
  /// Same elements in another shape, one size may be -1, unless a 0 beside it leaves it open; copies only where the layout
  /// forces it.
  Tensor reshape(const Shape& shape) const;
  /// Dimensions [start, end] as one.
  Tensor flatten(int start = 0, int end = -1) const;
  Tensor permute(const Shape& dims) const;
  Tensor transpose(int dim0, int dim1) const;
  /// Elements begin, begin + step, ... before end of one dimension; negative bounds count from its end.
  Tensor slice(int dim, std::int64_t begin, std::int64_t end, std::int64_t step = 1) const;
  /// One index of a dimension, which disappears.
  Tensor select(int dim, std::int64_t index) const;
  Tensor squeeze(int dim) const;
  Tensor unsqueeze(int dim) const;
  /// Repeats dimensions of size 1 (and new leading ones) without copying; -1 keeps a dimension's size.
  Tensor expand(const Shape& shape) const;
  /// x[i]: one index of the first dimension, as a view; or what a tensor names, as index({tensor}).
  Tensor operator[](std::int64_t index) const;
  Tensor operator[](const Tensor& index) const;
  /// Numbers, slices, None, an ellipsis and tensors at once: see ops/indexing.hpp.
  Tensor index(std::initializer_list<indexing::TensorIndex> indices) const;
  /// Writes to what index() names; not recorded, like copy_. Of several values for one element the last is left or, with
  /// accumulate, all are added, in order.
  Tensor& index_put_(std::initializer_list<indexing::TensorIndex> indices, const Tensor& values, bool accumulate = false);
  Tensor& index_put_(std::initializer_list<indexing::TensorIndex> indices, double value);
  Tensor contiguous() const;
  Tensor clone() const;
  Tensor to(Device device) const;
  /// To integers, numbers are truncated; what lies outside of their range becomes its nearest end, NaN becomes 0 (PyTorch leaves
  /// both to the processor).
  Tensor to(DType dtype) const;

  // --- ops as members: ops/elementwise, activation, reduce, select, index, rearrange, ... ---------------------------
  Tensor add(const Tensor& other) const;
  Tensor add(double other) const;
  Tensor sub(const Tensor& other) const;
  Tensor sub(double other) const;
  Tensor mul(const Tensor& other) const;
  Tensor mul(double other) const;
  Tensor div(const Tensor& other) const;
  Tensor div(double other) const;
  Tensor pow(const Tensor& exponent) const;
  Tensor pow(double exponent) const;
  Tensor maximum(const Tensor& other) const;
  Tensor minimum(const Tensor& other) const;
  Tensor eq(const Tensor& other) const;
  Tensor eq(double other) const;
  Tensor ne(const Tensor& other) const;
  Tensor ne(double other) const;
  Tensor lt(const Tensor& other) const;
  Tensor lt(double other) const;
  Tensor le(const Tensor& other) const;
  Tensor le(double other) const;
  Tensor gt(const Tensor& other) const;
  Tensor gt(double other) const;
  Tensor ge(const Tensor& other) const;
  Tensor ge(double other) const;
  Tensor neg() const;
  Tensor exp() const;
  Tensor log() const;
  Tensor sqrt() const;
  Tensor rsqrt() const;
  Tensor abs() const;
  Tensor sign() const;
  Tensor square() const;
  Tensor reciprocal() const;
  Tensor sin() const;
  Tensor cos() const;
  Tensor clamp(double low, double high) const;
  Tensor relu() const;
  Tensor sigmoid() const;
  Tensor tanh() const;
  Tensor softmax(int dim) const;
  Tensor log_softmax(int dim) const;
  Tensor matmul(const Tensor& other) const;
  /// Over the dimensions listed ({0, -1}, or 1), or all.
  Tensor sum(const Dims& dims = {}, bool keepdim = false) const;
  Tensor mean(const Dims& dims = {}, bool keepdim = false) const;
  Tensor var(const Dims& dims = {}, int correction = 1, bool keepdim = false) const;
  Tensor std(const Dims& dims = {}, int correction = 1, bool keepdim = false) const;
  /// Of order p, or of order 2 over the dimensions of a list in braces.
  Tensor norm(std::initializer_list<std::int64_t> dims = {}, bool keepdim = false) const;
  Tensor norm(double p, const Dims& dims = {}, bool keepdim = false) const;
  /// Of all elements, or along one dimension (struct in ops/reduce.hpp).
  Tensor max() const;
  Tensor min() const;
  ValuesAndIndices max(int dim, bool keepdim = false) const;
  ValuesAndIndices min(int dim, bool keepdim = false) const;
  Tensor argmax() const;
  Tensor argmax(int dim, bool keepdim = false) const;
  ValuesAndIndices sort(int dim = -1, bool descending = false) const;
  Tensor argsort(int dim = -1, bool descending = false) const;
  ValuesAndIndices topk(std::int64_t k, int dim = -1, bool largest = true, bool sorted = true) const;
  Tensor argmin() const;
  Tensor argmin(int dim, bool keepdim = false) const;
  Tensor prod() const;
  Tensor prod(int dim, bool keepdim = false) const;
  Tensor logsumexp(const Dims& dims, bool keepdim = false) const;
  Tensor cumsum(int dim) const;
  Tensor masked_fill(const Tensor& mask, double value) const;
  Tensor isnan() const;
  Tensor isinf() const;
  Tensor isfinite() const;
  Tensor tril(std::int64_t diagonal = 0) const;
  Tensor triu(std::int64_t diagonal = 0) const;
  Tensor gather(int dim, const Tensor& index) const;
  Tensor index_select(int dim, const Tensor& index) const;
  Tensor take_along_dim(const Tensor& index, int dim) const;
  Tensor scatter_add(int dim, const Tensor& index, const Tensor& src) const;
  std::vector<Tensor> split(std::int64_t split_size, int dim = 0) const;
  std::vector<Tensor> chunk(std::int64_t chunks, int dim = 0) const;
  Tensor flip(const Dims& dims) const;
  Tensor roll(const Dims& shifts, const Dims& dims = {}) const;

  /// For the library: a view of this tensor's memory, and the implementation behind a handle.
  Tensor view_of_memory(const Shape& shape, const Shape& strides, std::int64_t offset) const;
  const std::shared_ptr<detail::TensorImpl>& impl() const { return impl_; }
  explicit Tensor(std::shared_ptr<detail::TensorImpl> impl) : impl_(std::move(impl)) {}

 private:
  void require_dtype(DType expected) const;
  [[noreturn]] void refuse_vector() const;
  double item_as_double() const;
  std::int64_t item_as_integer(std::int64_t low, std::int64_t high) const;
  detail::TensorImpl& get() const;

  std::shared_ptr<detail::TensorImpl> impl_;
};

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace heddle
HD_API_END

#include "heddle/core/create.hpp"
