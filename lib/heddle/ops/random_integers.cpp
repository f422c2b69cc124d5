// randint of core/random.hpp, which is made of other ops.
#include "heddle/core/random.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"

namespace heddle {

// A uniform number has 24 bits; two together 48, which a double holds exactly.
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, TensorOptions options, Generator& generator) {
  std::int64_t range = 0;
  check(!__builtin_sub_overflow(high, low, &range) && range >= 1 && range <= std::int64_t{1} << 48, "randint",
        "expected from 1 to 2^48 numbers to draw from, got [{}, {})", low, high);
  NoGradGuard guard;
  const TensorOptions wide{float64, options.device};
  Tensor u = rand(shape, wide, generator);
  u += rand(shape, wide, generator) * 0x1p-24;
  u *= static_cast<double>(range);
  Tensor n = u.to(int64);
  n += tensor(std::vector<std::int64_t>{low}, Shape{}, options.device);
  return n.to(options.dtype);
}

Tensor randint(std::int64_t high, const Shape& shape, TensorOptions options, Generator& generator) {
  return randint(0, high, shape, options, generator);
}

}  // namespace heddle
