// Tensors for tests: made-up values, comparisons, gradient checks and expected errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "heddle/autograd/gradcheck.hpp"
#include "heddle/base/error.hpp"
#include "heddle/core/tensor.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/devices.hpp"
#include "tests/support/values.hpp"

namespace heddle::test {

/// Made-up float64 values in [low, high), no two of them close to each other: neither a maximum nor a kink is nearer than
/// a finite difference reaches.
inline Tensor made(const Shape& shape, Device device = cpu, double low = -1, double high = 1, std::uint64_t seed = 1) {
  const auto count = static_cast<std::size_t>(shape.numel());
  // A permutation of evenly spaced values: place i takes the rank of its draw.
  const auto draws = made_up<double>(count, 0, 1, seed);
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return draws[a] < draws[b]; });
  std::vector<double> values(count);
  for (std::size_t rank = 0; rank < count; ++rank)
    values[order[rank]] = low + (high - low) * (static_cast<double>(rank) + 0.37) / static_cast<double>(count);
  return tensor(values, shape, device);
}

/// The same, to differentiate by.
inline Tensor leaf(const Shape& shape, Device device = cpu, double low = -1, double high = 1, std::uint64_t seed = 1) {
  return made(shape, device, low, high, seed).requires_grad_();
}

inline void require_gradients(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                              const autograd::GradcheckOptions& options = {}) {
  const auto result = autograd::gradcheck(f, inputs, options);
  INFO(result.message);
  REQUIRE(result.passed);
}

/// Equal shapes, and values within `tolerance` of what is expected (relative to 1 + its size).
inline void require_close(const Tensor& got, const std::vector<double>& want, double tolerance = 1e-12) {
  const auto values = got.dtype() == float64 ? got.to_vector<double>() : got.to(float64).to_vector<double>();
  REQUIRE(values.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(values[i])) continue;
    if (values[i] == want[i]) continue;
    if (!(std::abs(values[i] - want[i]) <= tolerance * (1 + std::abs(want[i])))) {
      INFO("element " << i);
      REQUIRE(values[i] == want[i]);
    }
  }
}
inline void require_close(const Tensor& got, const Tensor& want, double tolerance = 1e-12) {
  REQUIRE(got.shape() == want.shape());
  require_close(got, want.to(float64).to_vector<double>(), tolerance);
}

inline void require_same_bits(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  REQUIRE(a.dtype() == b.dtype());
  std::vector<char> left(static_cast<std::size_t>(a.numel()) * size_of(a.dtype())), right(left.size());
  a.copy_to(left.data());
  b.copy_to(right.data());
  REQUIRE(std::memcmp(left.data(), right.data(), left.size()) == 0);
}

/// f throws an Error whose message is exactly this.
template <class F>
void require_error(F&& f, const std::string& message) {
  std::string got = "no error";
  try {
    f();
  } catch (const Error& error) {
    got = error.what();
  }
  REQUIRE(got == message);
}

}  // namespace heddle::test
