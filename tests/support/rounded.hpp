// What kernels::Precision makes of the factors of products, for references: with factors rounded like these a kernel's
// result has to agree as closely as in float32, which a loose tolerance against unrounded factors would not show.
#pragma once

#include <type_traits>
#include <vector>

#include "kernels/precision.hpp"
#include "kernels/simt/bf16.hpp"
#include "tests/support/backends.hpp"

namespace heddle::test {

/// The precision in which a backend computes when asked for `wish`: only the fast CUDA kernels for float know others, and those
/// for bf16 no other.
template <class T, class Table>
kernels::Precision precision_of(const Backend<Table>& backend, kernels::Precision wish) {
  if (std::is_same_v<T, BFloat16>) return kernels::Precision::bf16;
  return sizeof(T) == 4 && backend.name == "cuda" ? wish : kernels::Precision::float32;
}

template <class T>
std::vector<T> rounded(std::vector<T> values, kernels::Precision precision) {
  using kernels::Precision;
  for (T& v : values) {
    if (precision == Precision::tf32) v = static_cast<T>(simt::float_of(simt::to_tf32(static_cast<float>(v))));
    if (precision == Precision::bf16) v = static_cast<T>(static_cast<float>(simt::bf16(static_cast<float>(v))));
  }
  return values;
}

}  // namespace heddle::test
