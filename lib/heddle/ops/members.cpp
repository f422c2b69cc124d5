// Ops under the names that Tensor has as members: each is the function of that name.
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/index.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/rearrange.hpp"
#include "heddle/ops/reduce.hpp"
#include "heddle/ops/scan.hpp"
#include "heddle/ops/select.hpp"
#include "heddle/ops/softmax.hpp"
#include "heddle/ops/sort.hpp"

namespace heddle {

Tensor Tensor::add(const Tensor& other) const {
  return heddle::add(*this, other);
}
Tensor Tensor::add(double other) const {
  return heddle::add(*this, other);
}
Tensor Tensor::sub(const Tensor& other) const {
  return heddle::sub(*this, other);
}
Tensor Tensor::sub(double other) const {
  return heddle::sub(*this, other);
}
Tensor Tensor::mul(const Tensor& other) const {
  return heddle::mul(*this, other);
}
Tensor Tensor::mul(double other) const {
  return heddle::mul(*this, other);
}
Tensor Tensor::div(const Tensor& other) const {
  return heddle::div(*this, other);
}
Tensor Tensor::div(double other) const {
  return heddle::div(*this, other);
}
Tensor Tensor::pow(const Tensor& exponent) const {
  return heddle::pow(*this, exponent);
}
Tensor Tensor::pow(double exponent) const {
  return heddle::pow(*this, exponent);
}
Tensor Tensor::eq(const Tensor& other) const {
  return heddle::eq(*this, other);
}
Tensor Tensor::eq(double other) const {
  return heddle::eq(*this, other);
}
Tensor Tensor::ne(const Tensor& other) const {
  return heddle::ne(*this, other);
}
Tensor Tensor::ne(double other) const {
  return heddle::ne(*this, other);
}
Tensor Tensor::lt(const Tensor& other) const {
  return heddle::lt(*this, other);
}
Tensor Tensor::lt(double other) const {
  return heddle::lt(*this, other);
}
Tensor Tensor::le(const Tensor& other) const {
  return heddle::le(*this, other);
}
Tensor Tensor::le(double other) const {
  return heddle::le(*this, other);
}
Tensor Tensor::gt(const Tensor& other) const {
  return heddle::gt(*this, other);
}
Tensor Tensor::gt(double other) const {
  return heddle::gt(*this, other);
}
Tensor Tensor::ge(const Tensor& other) const {
  return heddle::ge(*this, other);
}
Tensor Tensor::ge(double other) const {
  return heddle::ge(*this, other);
}
Tensor Tensor::maximum(const Tensor& other) const {
  return heddle::maximum(*this, other);
}
Tensor Tensor::minimum(const Tensor& other) const {
  return heddle::minimum(*this, other);
}
Tensor Tensor::neg() const {
  return heddle::neg(*this);
}
Tensor Tensor::exp() const {
  return heddle::exp(*this);
}
Tensor Tensor::log() const {
  return heddle::log(*this);
}
Tensor Tensor::sqrt() const {
  return heddle::sqrt(*this);
}
Tensor Tensor::rsqrt() const {
  return heddle::rsqrt(*this);
}
Tensor Tensor::abs() const {
  return heddle::abs(*this);
}
Tensor Tensor::sign() const {
  return heddle::sign(*this);
}
Tensor Tensor::square() const {
  return heddle::square(*this);
}
Tensor Tensor::reciprocal() const {
  return heddle::reciprocal(*this);
}
Tensor Tensor::sin() const {
  return heddle::sin(*this);
}
Tensor Tensor::cos() const {
  return heddle::cos(*this);
}
Tensor Tensor::clamp(double low, double high) const {
  return heddle::clamp(*this, low, high);
}
Tensor Tensor::relu() const {
  return heddle::relu(*this);
}
Tensor Tensor::sigmoid() const {
  return heddle::sigmoid(*this);
}
Tensor Tensor::tanh() const {
  return heddle::tanh(*this);
}
Tensor Tensor::softmax(int dim) const {
  return heddle::softmax(*this, dim);
}
Tensor Tensor::log_softmax(int dim) const {
  return heddle::log_softmax(*this, dim);
}
Tensor Tensor::matmul(const Tensor& other) const {
  return heddle::matmul(*this, other);
}
Tensor Tensor::sum(const Dims& dims, bool keepdim) const {
  return heddle::sum(*this, dims, keepdim);
}
Tensor Tensor::mean(const Dims& dims, bool keepdim) const {
  return heddle::mean(*this, dims, keepdim);
}
Tensor Tensor::var(const Dims& dims, int correction, bool keepdim) const {
  return heddle::var(*this, dims, correction, keepdim);
}
Tensor Tensor::std(const Dims& dims, int correction, bool keepdim) const {
  return heddle::std(*this, dims, correction, keepdim);
}
Tensor Tensor::norm(std::initializer_list<std::int64_t> dims, bool keepdim) const {
  return heddle::norm(*this, dims, keepdim);
}
Tensor Tensor::norm(double p, const Dims& dims, bool keepdim) const {
  return heddle::vector_norm(*this, p, dims, keepdim);
}
Tensor Tensor::max() const {
  return heddle::max(*this);
}
ValuesAndIndices Tensor::max(int dim, bool keepdim) const {
  return heddle::max(*this, dim, keepdim);
}
Tensor Tensor::min() const {
  return heddle::min(*this);
}
ValuesAndIndices Tensor::min(int dim, bool keepdim) const {
  return heddle::min(*this, dim, keepdim);
}
Tensor Tensor::argmax() const {
  return heddle::argmax(*this);
}
Tensor Tensor::argmax(int dim, bool keepdim) const {
  return heddle::argmax(*this, dim, keepdim);
}
Tensor Tensor::argmin() const {
  return heddle::argmin(*this);
}
Tensor Tensor::argmin(int dim, bool keepdim) const {
  return heddle::argmin(*this, dim, keepdim);
}
Tensor Tensor::prod() const {
  return heddle::prod(*this);
}
Tensor Tensor::prod(int dim, bool keepdim) const {
  return heddle::prod(*this, dim, keepdim);
}
Tensor Tensor::logsumexp(const Dims& dims, bool keepdim) const {
  return heddle::logsumexp(*this, dims, keepdim);
}
Tensor Tensor::cumsum(int dim) const {
  return heddle::cumsum(*this, dim);
}
Tensor Tensor::masked_fill(const Tensor& mask, double value) const {
  return heddle::masked_fill(*this, mask, value);
}
Tensor Tensor::isnan() const {
  return heddle::isnan(*this);
}
Tensor Tensor::isinf() const {
  return heddle::isinf(*this);
}
Tensor Tensor::isfinite() const {
  return heddle::isfinite(*this);
}
Tensor Tensor::tril(std::int64_t diagonal) const {
  return heddle::tril(*this, diagonal);
}
Tensor Tensor::triu(std::int64_t diagonal) const {
  return heddle::triu(*this, diagonal);
}
Tensor Tensor::gather(int dim, const Tensor& index) const {
  return heddle::gather(*this, dim, index);
}
Tensor Tensor::index_select(int dim, const Tensor& index) const {
  return heddle::index_select(*this, dim, index);
}
Tensor Tensor::take_along_dim(const Tensor& index, int dim) const {
  return heddle::take_along_dim(*this, index, dim);
}
Tensor Tensor::scatter_add(int dim, const Tensor& index, const Tensor& src) const {
  return heddle::scatter_add(*this, dim, index, src);
}
std::vector<Tensor> Tensor::split(std::int64_t split_size, int dim) const {
  return heddle::split(*this, split_size, dim);
}
std::vector<Tensor> Tensor::chunk(std::int64_t chunks, int dim) const {
  return heddle::chunk(*this, chunks, dim);
}
Tensor Tensor::flip(const Dims& dims) const {
  return heddle::flip(*this, dims);
}
Tensor Tensor::roll(const Dims& shifts, const Dims& dims) const {
  return heddle::roll(*this, shifts, dims);
}
ValuesAndIndices Tensor::sort(int dim, bool descending) const {
  return heddle::sort(*this, dim, descending);
}
Tensor Tensor::argsort(int dim, bool descending) const {
  return heddle::argsort(*this, dim, descending);
}
ValuesAndIndices Tensor::topk(std::int64_t k, int dim, bool largest, bool sorted) const {
  return heddle::topk(*this, k, dim, largest, sorted);
}

}  // namespace heddle
