// Arithmetic in place: Tensor's add_, sub_, mul_ and div_. Where differentiation is concerned, the tensor becomes the result of
// a recorded op on what it was before: every handle of it has the new history, as all of them have the new numbers.
//
// Another tensor over the same memory would have new numbers and its old history, and gradients would be wrong without a sign
// of it. So a write is recorded only where nothing else holds the memory; else it is an Error.
#include "heddle/autograd/node.hpp"
#include "heddle/core/layout.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/masks.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/select.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {

using namespace detail;
using kernels::Binary;
using kernels::ElementwiseKernels;
using kernels::Scalar;

namespace {

bool shares_memory(const Tensor& a, const Tensor& b) {
  return a.impl()->storage == b.impl()->storage;
}

// The gate. True where the write is to be recorded.
bool begin(std::string_view where, const Tensor& target, const Tensor& other = {}) {
  if (!needs_grad({target, other}) || (target.requires_grad() && target.is_leaf())) {
    begin_write(target, where);
    return false;
  }
  check(target.impl()->storage.use_count() == 1, where,
        "expected a tensor whose memory nothing else holds, since this write is recorded for backward, got one of shape {} "
        "beside a "
        "view of it, a tensor that it is a view of, or what an op keeps for backward: use the op that makes a new tensor",
        target.shape());
  begin_recorded_write(target, where);
  return true;
}

// Makes the target, which has its new numbers, the result of an op on what it was.
void record_write(std::string_view where, const std::vector<Tensor>& inputs, const Tensor& target,
                  autograd::BackwardFunction backward) {
  const autograd::Meta* meta = autograd::find_meta(target);
  const std::shared_ptr<autograd::Node> before = meta ? meta->node : nullptr;
  record(where, inputs, target, std::move(backward));
  // retain_grad() asked for the gradient of the tensor, whose history now ends in another node.
  if (before) autograd::meta_of(target).node->retained = std::exchange(before->retained, {});
}

void check_operands(std::string_view where, const Tensor& target, const Tensor& other) {
  check(target.defined(), where, "expected a tensor to write to, got an undefined one");
  check(other.defined(), where, "expected a right operand, got an undefined one");
  check_same_kind(where, "right operand", other, target);
  check(broadcast_shapes(target.shape(), other.shape(), where) == target.shape(), where,
        "expected a right operand that broadcasts to {}, got {}", target.shape(), other.shape());
}

// target = target op other, by the kernel where both may stand in one memory, else by `op` and a copy. Nothing is recorded.
void write(std::string_view where, Binary kernel, Tensor (*op)(const Tensor&, const Tensor&), const Tensor& target,
           const Tensor& other) {
  NoGradGuard guard;
  if (target.numel() == 0) return;
  if (!target.is_contiguous() || target.dtype() == bfloat16) return copy_values(op(target, other), target);
  const Tensor right = shares_memory(target, other) && other.impl() != target.impl() ? other.clone() : other;
  const auto space =
      element_shape(target.shape(), target.strides(), expanded_strides(right.shape(), right.strides(), target.shape()));
  visit_number(target.dtype(), where, [&]<class T>(TypeTag<T>) {
    T* const y = target.data<T>();
    kernels_for<ElementwiseKernels<T>>(target.device()).binary(stream_of(target), kernel, space, y, right.data<T>(), y);
  });
}

// The same with a number.
void write(std::string_view where, Scalar kernel, Tensor (*op)(const Tensor&, double), const Tensor& target, double s) {
  NoGradGuard guard;
  if (target.numel() == 0) return;
  if (!target.is_contiguous() || target.dtype() == bfloat16) return copy_values(op(target, s), target);
  visit_number(target.dtype(), where, [&]<class T>(TypeTag<T>) {
    T* const y = target.data<T>();
    kernels_for<ElementwiseKernels<T>>(target.device())
        .scalar(stream_of(target), kernel, target.numel(), y, static_cast<T>(s), y);
  });
}

void check_number_type(std::string_view where, const Tensor& target) {
  check(target.defined(), where, "expected a tensor to write to, got an undefined one");
  check(target.dtype() != uint8, where, "expected float32, float64 or int64, got uint8");
}

// What backward needs of a factor: it itself, or a copy where the write changes it.
Saved kept(const Tensor& t, const Tensor& target, bool wanted) {
  if (!wanted) return {};
  NoGradGuard guard;
  return Saved(shares_memory(t, target) ? t.clone() : t);
}

void add_number(std::string_view where, const Tensor& target, double s) {
  check_number_type(where, target);
  check_number(where, target, s);
  const bool recorded = begin(where, target);
  write(where, Scalar::add, heddle::add, target, s);
  if (recorded) record_write(where, {target}, target, [](const Tensor& dy, const Needs&) -> Grads { return {dy}; });
}

}  // namespace

Tensor& Tensor::add_(const Tensor& other, double alpha) {
  check_operands("add_", *this, other);
  check_number_type("add_", *this);
  const Tensor term = alpha == 1 ? other : heddle::mul(other, alpha);
  const bool recorded = begin("add_", *this, term);
  write("add_", Binary::add, heddle::add, *this, term);
  if (recorded)
    record_write("add_", {*this, term}, *this, [s = term.shape()](const Tensor& dy, const Needs& needs) -> Grads {
      return {dy, needs[1] ? sum_to(dy, s) : Tensor{}};
    });
  return *this;
}

Tensor& Tensor::sub_(const Tensor& other, double alpha) {
  check_operands("sub_", *this, other);
  check_number_type("sub_", *this);
  const Tensor term = alpha == 1 ? other : heddle::mul(other, alpha);
  const bool recorded = begin("sub_", *this, term);
  write("sub_", Binary::sub, heddle::sub, *this, term);
  if (recorded)
    record_write("sub_", {*this, term}, *this, [s = term.shape()](const Tensor& dy, const Needs& needs) -> Grads {
      return {dy, needs[1] ? heddle::neg(sum_to(dy, s)) : Tensor{}};
    });
  return *this;
}

Tensor& Tensor::mul_(const Tensor& other) {
  check_operands("mul_", *this, other);
  check_number_type("mul_", *this);
  const bool recorded = begin("mul_", *this, other);
  const Saved left = kept(*this, *this, recorded && needs_grad({other})),
              right = kept(other, *this, recorded && needs_grad({*this}));
  write("mul_", Binary::mul, heddle::mul, *this, other);
  if (recorded)
    record_write("mul_", {*this, other}, *this, [=, s = other.shape()](const Tensor& dy, const Needs& needs) -> Grads {
      return {needs[0] ? heddle::mul(dy, right.get("mul_")) : Tensor{},
              needs[1] ? sum_to(heddle::mul(dy, left.get("mul_")), s) : Tensor{}};
    });
  return *this;
}

Tensor& Tensor::div_(const Tensor& other) {
  check_operands("div_", *this, other);
  check_floating("div_", *this);
  const bool recorded = begin("div_", *this, other);
  const Saved left = kept(*this, *this, recorded && needs_grad({other})), right = kept(other, *this, recorded);
  write("div_", Binary::div, heddle::div, *this, other);
  if (recorded)
    record_write("div_", {*this, other}, *this, [=, s = other.shape()](const Tensor& dy, const Needs& needs) -> Grads {
      const Tensor& divisor = right.get("div_");
      const Tensor da = heddle::div(dy, divisor);
      return {needs[0] ? da : Tensor{},
              needs[1] ? heddle::neg(sum_to(heddle::mul(da, heddle::div(left.get("div_"), divisor)), s)) : Tensor{}};
    });
  return *this;
}

Tensor& Tensor::add_(double other) {
  add_number("add_", *this, other);
  return *this;
}

Tensor& Tensor::sub_(double other) {
  add_number("sub_", *this, -other);
  return *this;
}

Tensor& Tensor::mul_(double other) {
  check_number_type("mul_", *this);
  check_number("mul_", *this, other);
  const bool recorded = begin("mul_", *this);
  write("mul_", Scalar::mul, heddle::mul, *this, other);
  if (recorded)
    record_write("mul_", {*this}, *this, [other](const Tensor& dy, const Needs&) -> Grads { return {heddle::mul(dy, other)}; });
  return *this;
}

Tensor& Tensor::div_(double other) {
  check_number_type("div_", *this);
  return div_(full({}, other, options()));
}

Tensor& Tensor::masked_fill_(const Tensor& mask, double value) {
  constexpr auto where = "masked_fill_";
  check(defined() && mask.defined(), where, "expected tensors, got an undefined one");
  check(mask.device() == device(), where, "expected a mask on {}, got one on {}", device(), mask.device());
  check(broadcast_shapes(shape(), mask.shape(), where) == shape(), where, "expected a mask that broadcasts to {}, got {}",
        shape(), mask.shape());
  check_number(where, *this, value);
  const Tensor flags = mask_of(shares_memory(mask, *this) ? no_grad([&] { return mask.clone(); }) : mask, where);
  const bool recorded = begin(where, *this);
  if (is_contiguous()) {
    take_where(flags, full({}, value, options()), *this);
  } else {
    NoGradGuard guard;
    copy_values(heddle::masked_fill(*this, flags, value), *this);
  }
  if (recorded)
    record_write(where, {*this}, *this, [flags = Saved(flags)](const Tensor& dy, const Needs&) -> Grads {
      return {kept_where(flags.get(where), dy, false)};
    });
  return *this;
}

}  // namespace heddle
