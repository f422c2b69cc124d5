#include "heddle/nn/init.hpp"

#include <cmath>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"

namespace heddle::nn::init {

std::int64_t fan_of(const Tensor& weight, Fan fan) {
  const Shape& shape = weight.shape();
  check(shape.rank() >= 2, "init", "expected a weight of two dimensions or more, got shape {}", shape.str());
  const std::int64_t maps = shape[0] * shape[1];
  const std::int64_t field = maps > 0 ? weight.numel() / maps : 0;
  return shape[fan == Fan::in ? 1 : 0] * field;
}

namespace {
double xavier_variance(const Tensor& weight, double gain) {
  return gain * gain * 2.0 / static_cast<double>(fan_of(weight, Fan::in) + fan_of(weight, Fan::out));
}
double kaiming_variance(const Tensor& weight, double slope, Fan fan) {
  return 2.0 / (1 + slope * slope) / static_cast<double>(fan_of(weight, fan));
}
// A uniform law on [-b, b] has variance b^2 / 3.
void uniform_of_variance(Tensor& t, double variance, Generator& generator) {
  const double bound = std::sqrt(3 * variance);
  init::uniform_(t, -bound, bound, generator);
}
}  // namespace

void xavier_uniform_(Tensor& weight, double gain, Generator& generator) { uniform_of_variance(weight, xavier_variance(weight, gain), generator); }
void xavier_normal_(Tensor& weight, double gain, Generator& generator) {
  init::normal_(weight, 0, std::sqrt(xavier_variance(weight, gain)), generator);
}
void kaiming_uniform_(Tensor& weight, double slope, Fan fan, Generator& generator) {
  uniform_of_variance(weight, kaiming_variance(weight, slope, fan), generator);
}
void kaiming_normal_(Tensor& weight, double slope, Fan fan, Generator& generator) {
  init::normal_(weight, 0, std::sqrt(kaiming_variance(weight, slope, fan)), generator);
}
// What is initialised may be a parameter, whose gradient does not ask where its first values came from.
void uniform_(Tensor& t, double low, double high, Generator& generator) {
  NoGradGuard guard;
  heddle::uniform_(t, low, high, generator);
}
void normal_(Tensor& t, double mean, double deviation, Generator& generator) {
  NoGradGuard guard;
  heddle::normal_(t, mean, deviation, generator);
}
void constant_(Tensor& t, double value) {
  NoGradGuard guard;
  t.fill_(value);
}

}  // namespace heddle::nn::init
