// Random numbers: a generator hands out keys of counter-based streams, and kernels compute the numbers from them.
#pragma once

#include <cstdint>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

namespace kernels {
struct RandomKey;
enum class Purpose : std::uint32_t;
}  // namespace kernels

/// Where a Generator stands: restoring it draws the same numbers again.
struct GeneratorState {
  std::uint64_t seed = 0, step = 0, call = 0;
};

/// Names streams of random numbers, one after another: a stream is fixed by (seed, step, number of the call within the
/// step), so that what is drawn in a training step depends neither on threads nor on what was drawn before the step.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : state_{.seed = seed} {}

  std::uint64_t seed() const { return state_.seed; }
  GeneratorState get_state() const { return state_; }
  void set_state(const GeneratorState& state) { state_ = state; }
  /// Starts over with another seed.
  void manual_seed(std::uint64_t seed);
  /// Starts the numbers of a training step; a step that is run again draws the same ones.
  void begin_step(std::uint64_t step);
  /// What is drawn next is for rows `row` and up of tensors whose first rows others draw for: the numbers are those that these
  /// rows get when the whole is drawn at once. Read by dropout, on the CPU.
  void set_first_row(std::int64_t row) { first_row_ = row; }
  std::int64_t first_row() const { return first_row_; }
  /// The key of the next stream.
  kernels::RandomKey next(kernels::Purpose purpose);

 private:
  GeneratorState state_;
  std::int64_t first_row_ = 0;
};

/// What everything draws from that is not given another: this thread's own generator.
Generator& default_generator();
inline void manual_seed(std::uint64_t seed) {
  default_generator().manual_seed(seed);
}

/// Uniform numbers in [0, 1), and normal ones of mean 0 and deviation 1; float32 or float64.
Tensor rand(const Shape& shape, TensorOptions options = {}, Generator& generator = default_generator());
Tensor randn(const Shape& shape, TensorOptions options = {}, Generator& generator = default_generator());
/// Overwrites the tensor, which must be dense, with uniform numbers in [low, high), or normal ones. Error where fill_() is one.
void uniform_(Tensor& t, double low, double high, Generator& generator = default_generator());
void normal_(Tensor& t, double mean, double deviation, Generator& generator = default_generator());
/// 0 .. n-1 in the order that (seed, epoch) gives, int64 on the CPU: Fisher and Yates over Philox. n is at most 2^32.
std::vector<std::int64_t> randperm(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

}  // namespace heddle
HD_API_END
