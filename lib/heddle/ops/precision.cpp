#include "heddle/ops/precision.hpp"

#include <atomic>
#include <string>
#include <utility>

#include "heddle/base/error.hpp"
#include "heddle/ops/gemm.hpp"

namespace heddle {

using kernels::Precision;

namespace {

constexpr std::pair<std::string_view, Precision> names[] = {
    {"highest", Precision::float32}, {"high", Precision::tf32}, {"medium", Precision::bf16}};

std::atomic<Precision> current = Precision::float32;

}  // namespace

void set_float32_matmul_precision(std::string_view precision) {
  for (const auto& [name, value] : names)
    if (name == precision) {
      current = value;
      return;
    }
  fail("set_float32_matmul_precision", "expected highest, high or medium, got '" + std::string(precision) + "'");
}

std::string_view get_float32_matmul_precision() {
  for (const auto& [name, value] : names)
    if (value == current) return name;
  return names[0].first;
}

Precision detail::matmul_precision() {
  return current;
}

}  // namespace heddle
