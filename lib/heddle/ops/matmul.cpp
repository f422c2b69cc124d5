#include "heddle/ops/matmul.hpp"

#include "heddle/ops/common.hpp"
#include "heddle/ops/gemm.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle {

using namespace detail;

namespace {

// The leading dimensions of a batch of matrices.
Shape batch_of(const Tensor& t) {
  return Shape(std::span(t.shape().begin(), static_cast<std::size_t>(t.dim() - 2)));
}

Shape with_matrix(Shape batch, std::int64_t rows, std::int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

// An operand as the kernel reads it: row-major, or stored transposed, which the kernel takes as it is.
struct Operand {
  Tensor tensor;
  bool transposed = false;
  std::int64_t stride = 0;  // from one matrix of the batch to the next; 0 where all products share one
};

Operand operand_of(const Tensor& t, const Shape& batch) {
  const std::int64_t matrix = t.size(-2) * t.size(-1);
  if (batch_of(t).numel() == 1 && batch.numel() > 1) {
    Operand shared = operand_of(t, batch_of(t));
    shared.stride = 0;
    return shared;
  }
  const Tensor whole = t.expand(with_matrix(batch, t.size(-2), t.size(-1)));
  if (whole.is_contiguous()) return {whole, false, matrix};
  if (whole.transpose(-2, -1).is_contiguous()) return {whole, true, matrix};
  return {whole.contiguous(), false, matrix};
}

// a [..., m, k] times b [..., k, n], batches broadcast, nothing recorded.
Tensor product(const Tensor& a, const Tensor& b, kernels::Precision precision) {
  NoGradGuard guard;
  const std::int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const Shape batch = broadcast_shapes(batch_of(a), batch_of(b), "matmul");
  Tensor c = empty(with_matrix(batch, m, n), a.options());
  if (c.numel() == 0) return c;
  if (k == 0) return c.fill_(0);
  const Operand left = operand_of(a, batch), right = operand_of(b, batch);
  kernels::GemmShape shape{
      .m = m, .n = n, .k = k, .transpose_a = left.transposed, .transpose_b = right.transposed, .precision = precision};
  if (right.stride == 0 && !left.transposed) {
    shape.m = m * batch.numel();  // one matrix on the right: the rows of all products are the rows of one
  } else {
    shape.batch = batch.numel();
    shape.batch_stride_a = left.stride;
    shape.batch_stride_b = right.stride;
  }
  gemm("matmul", shape, left.tensor, right.tensor, {}, c);
  return c;
}

Tensor batched(const Tensor& a, const Tensor& b) {
  const kernels::Precision precision = matmul_precision();
  Tensor c = product(a, b, precision);
  if (!needs_grad({a, b})) return c;
  const Saved kept_a(needs_grad({b}) ? a : Tensor{}), kept_b(needs_grad({a}) ? b : Tensor{});
  return record("matmul", {a, b}, c,
                [=, a_shape = a.shape(), b_shape = b.shape()](const Tensor& dc, const Needs& needs) -> Grads {
                  Tensor da, db;
                  if (needs[0]) da = sum_to(product(dc, kept_b.get("matmul").transpose(-2, -1), precision), a_shape);
                  if (needs[1]) {
                    const Tensor& left = kept_a.get("matmul");
                    if (b_shape.rank() == 2 && a_shape.rank() > 2) {
                      // One matrix for all products: its gradient is a single product over all their rows.
                      db = product(left.reshape({-1, left.size(-1)}).transpose(0, 1), dc.reshape({-1, dc.size(-1)}), precision);
                    } else {
                      db = sum_to(product(left.transpose(-2, -1), dc, precision), b_shape);
                    }
                  }
                  return {da, db};
                });
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check(a.dim() >= 1 && b.dim() >= 1, "matmul", "expected operands of one dimension or more, got {} and {}", a.shape(),
        b.shape());
  check_same_kind("matmul", "right operand", b, a);
  if (a.dtype() == bfloat16) return matmul(a.to(float32), b.to(float32)).to(bfloat16);
  const Tensor left = a.dim() == 1 ? a.unsqueeze(0) : a, right = b.dim() == 1 ? b.unsqueeze(1) : b;
  check(left.size(-1) == right.size(-2), "matmul", "expected inner sizes that agree, got {} and {}", a.shape(), b.shape());
  Tensor c = batched(left, right);
  if (b.dim() == 1) c = c.squeeze(-1);
  if (a.dim() == 1) c = c.squeeze(b.dim() == 1 ? -1 : -2);
  return c;
}

}  // namespace heddle
