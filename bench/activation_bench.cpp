// Activations and dropout over the size of the example systems' largest layer at batch 128, 32@32. "% roofline" holds bytes moved
// against this machine's copy bandwidth.
#include <memory>

#include "bench/support.hpp"
#include "kernels/activation/activation.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

constexpr std::int64_t planes = 128 * 32, inner = 1024, count = planes * inner;

double exact(Activation a, double x) {
  switch (a) {
    case Activation::relu: return std::fmax(x, 0);
    case Activation::leaky_relu: return x > 0 ? x : 0.01 * x;
    case Activation::gelu: return 0.5 * x * std::erfc(-x / std::sqrt(2));
    case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1)) * (x + 0.044715 * x * x * x)));
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    default: return std::tanh(x);
  }
}

void add_activation(const std::string& name, Activation a) {
  const auto& k = ActivationKernels<float>::cpu();
  const auto values = made_up<float>(count, -3, 3);
  auto x = std::make_shared<Rotating<float>>(values), dy = std::make_shared<Rotating<float>>(made_up<float>(count));
  auto y = std::make_shared<Rotating<float>>(values);
  float* out = y->next();
  k.forward({}, a, count, values.data(), 0.01f, out);
  for (std::int64_t i = 0; i < count; i += 101) require_near(name, out[i], exact(a, values[i]), 1e-6);
  add(name + "/forward", {.bytes = 8.0 * count}, [=, &k] { k.forward({}, a, count, x->next(), 0.01f, y->next()); });
  add(name + "/backward", {.bytes = 12.0 * count}, [=, &k] { k.backward({}, a, count, x->next(), dy->next(), 0.01f, y->next()); });
}

void add_dropout(const std::string& name, bool by_planes) {
  const auto& k = ActivationKernels<float>::cpu();
  const Dropout drop{0.1f, by_planes, {1, 2, 3, Purpose::dropout}};
  const auto values = made_up<float>(count);
  auto x = std::make_shared<Rotating<float>>(values), y = std::make_shared<Rotating<float>>(values);
  float* out = y->next();
  k.dropout({}, planes, inner, drop, values.data(), out);
  for (std::int64_t i = 0; i < count; i += 97) {
    const std::int64_t draw = by_planes ? i / inner : i;
    const bool kept = keeps(philox(drop.key, static_cast<std::uint32_t>(draw / 4)).word[draw % 4], drop.p);
    require_near(name, out[i], kept ? values[i] / (1 - drop.p) : 0, 1e-6);
  }
  add(name, {.bytes = 8.0 * count, .items = count}, [=, &k] { k.dropout({}, planes, inner, drop, x->next(), y->next()); });
}

}  // namespace

int main(int argc, char** argv) {
  add_activation("relu", Activation::relu);
  add_activation("leaky_relu", Activation::leaky_relu);
  add_activation("gelu", Activation::gelu);
  add_activation("gelu_tanh", Activation::gelu_tanh);
  add_activation("silu", Activation::silu);
  add_activation("sigmoid", Activation::sigmoid);
  add_activation("tanh", Activation::tanh);
  add_dropout("dropout of elements", false);
  add_dropout("dropout of planes", true);
  return run(argc, argv);
}
