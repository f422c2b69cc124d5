// Initial values for weights, in place. Shapes are [out, in, ...]: fan_in = in * the product of the rest, fan_out = out
// times it.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/random.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::nn::init {

enum class Fan { in, out };

/// gain * sqrt(6 / (fan_in + fan_out)) bounds uniform numbers, or gain * sqrt(2 / (fan_in + fan_out)) is the deviation of
/// normal ones: Glorot and Bengio, AISTATS 2010.
void xavier_uniform_(Tensor& weight, double gain = 1, Generator& generator = default_generator());
void xavier_normal_(Tensor& weight, double gain = 1, Generator& generator = default_generator());
/// gain = sqrt(2 / (1 + slope^2)) for a leaky ReLU of that slope (0: ReLU); uniform numbers within gain * sqrt(3 / fan), or
/// normal ones of deviation gain / sqrt(fan): He et al., ICCV 2015.
void kaiming_uniform_(Tensor& weight, double slope = 0, Fan fan = Fan::in, Generator& generator = default_generator());
void kaiming_normal_(Tensor& weight, double slope = 0, Fan fan = Fan::in, Generator& generator = default_generator());
void uniform_(Tensor& t, double low, double high, Generator& generator = default_generator());
void normal_(Tensor& t, double mean = 0, double deviation = 1, Generator& generator = default_generator());
void constant_(Tensor& t, double value);
inline void zeros_(Tensor& t) { constant_(t, 0); }
inline void ones_(Tensor& t) { constant_(t, 1); }

/// Fan of a weight. Error for fewer than two dimensions.
std::int64_t fan_of(const Tensor& weight, Fan fan);

}  // namespace heddle::nn::init
HD_API_END
