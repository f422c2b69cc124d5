// Printing tensors: nested brackets, the middle of long dimensions left out.

#include <ostream>

#include "heddle/base/format.hpp"
#include "heddle/core/tensor.hpp"

namespace heddle {
namespace {

constexpr std::int64_t edge = 3;

std::string number(double value, bool integral) { return integral ? strings::format("{}", static_cast<std::int64_t>(value)) : strings::format("{:.4g}", value); }

void print_dim(std::string& out, const std::vector<double>& values, const Shape& shape, int dim, std::int64_t offset, bool integral) {
  if (dim == shape.rank()) {
    out += number(values[static_cast<std::size_t>(offset)], integral);
    return;
  }
  std::int64_t stride = 1;
  for (int d = dim + 1; d < shape.rank(); ++d) stride *= shape[d];
  const std::int64_t size = shape[dim];
  const bool last = dim == shape.rank() - 1;
  const std::string separator = last ? ", " : ",\n" + std::string(static_cast<std::size_t>(dim) + 1, ' ');
  out += "[";
  for (std::int64_t i = 0; i < size; ++i) {
    if (i) out += separator;
    if (size > 2 * edge && i == edge) {
      out += "...";
      i = size - edge - 1;
      continue;
    }
    print_dim(out, values, shape, dim + 1, offset + i * stride, integral);
  }
  out += "]";
}

}  // namespace

std::string Tensor::str() const {
  if (!defined()) return "tensor(undefined)";
  std::vector<double> values;
  visit_any(dtype(), [&]<class T>(TypeTag<T>) {
    for (const T value : to_vector<T>()) {
      if constexpr (std::is_same_v<T, BFloat16>)
        values.push_back(static_cast<float>(value));
      else
        values.push_back(static_cast<double>(value));
    }
  });
  std::string out;
  print_dim(out, values, shape(), 0, 0, !is_floating_point(dtype()));
  return strings::format("{}\ntensor(shape={}, dtype={}, device={})", out, shape().str(), name_of(dtype()), device().str());
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.str(); }

}  // namespace heddle
