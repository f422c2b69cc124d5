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
  explicit constexpr Generator(std::uint64_t seed = 0) : state_{.seed = seed} {}

  std::uint64_t seed() const { return state_.seed; }
  GeneratorState get_state() const { return state_; }
  void set_state(const GeneratorState& state) {
    state_ = state;
    follows_ = false;
  }
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
  friend Generator& default_generator();
  static constexpr Generator following(std::uint64_t seed) {
    Generator made(seed);
    made.follows_ = true;
    return made;
  }

  GeneratorState state_;
  std::int64_t first_row_ = 0;
  bool follows_ = false;  // a thread's own that nobody has seeded: its seed follows from the last manual_seed()
};

/// What everything draws from that is not given another: this thread's own generator.
///
/// A thread that has not seeded its generator itself has a seed that follows from the last manual_seed() of any thread and
/// from the thread's number: threads are numbered from 1 in the order in which they first draw after that call, so that
/// threads that run one after another draw the same numbers in every run. Before any manual_seed() the seed is 0, and the
/// main thread's number too.
Generator& default_generator();
/// Seeds the program: this thread's generator, which gets this very seed, and through it those of all threads that have not
/// seeded theirs themselves (by this function, Generator::manual_seed or set_state), from their next draw on.
void manual_seed(std::uint64_t seed);

namespace detail {
/// While one lives, default_generator() of this thread is another.
class GeneratorScope {
 public:
  explicit GeneratorScope(Generator& generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;

 private:
  Generator* before_;
};
}  // namespace detail

/// Uniform numbers in [0, 1), and normal ones of mean 0 and deviation 1; float32 or float64.
Tensor rand(const Shape& shape, TensorOptions options = {}, Generator& generator = default_generator());
Tensor randn(const Shape& shape, TensorOptions options = {}, Generator& generator = default_generator());
/// Whole numbers in [low, high), each as likely as the others but for (high - low) / 2^48; int64 where the options name no
/// other type. Error unless high - low lies in [1, 2^48].
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, TensorOptions options = {int64},
               Generator& generator = default_generator());
Tensor randint(std::int64_t high, const Shape& shape, TensorOptions options = {int64},
               Generator& generator = default_generator());
/// Overwrites the tensor, which must be dense, with uniform numbers in [low, high), or normal ones. Error where fill_() is one.
void uniform_(Tensor& t, double low, double high, Generator& generator = default_generator());
void normal_(Tensor& t, double mean, double deviation, Generator& generator = default_generator());
/// 0 .. n-1 in the order that (seed, epoch) gives, int64 on the CPU: Fisher and Yates over Philox. n is at most 2^32.
std::vector<std::int64_t> randperm(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

}  // namespace heddle
HD_API_END
