// Activations and dropout over the size of the example systems' largest layer at batch 128, 32@32. "% roofline" holds bytes
// moved against the device's copy bandwidth.
#include <cmath>

#include "bench/support.hpp"
#include "kernels/activation/activation.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

using Kernels = ActivationKernels<float>;
constexpr std::int64_t all_planes = 128 * 32, inner = 1024;

std::int64_t planes_of(const Backend<Kernels>& b) {
  return sized(b, all_planes, std::int64_t{4});
}

double exact(Activation a, double x) {
  switch (a) {
    case Activation::relu:
      return std::fmax(x, 0);
    case Activation::leaky_relu:
      return x > 0 ? x : 0.01 * x;
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1)) * (x + 0.044715 * x * x * x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    default:
      return std::tanh(x);
  }
}

void add_activation(const std::string& name, Activation a) {
  add<Kernels>(name + "/forward", [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t count = planes_of(b) * inner;
    const auto values = made_up<float>(count, -3, 3);
    const Rotating<float> x(b.where, values), y(b.where, count);
    k.forward({}, a, count, x.next(), 0.01f, y.next());
    const auto got = y.host();
    for (std::int64_t i = 0; i < count; i += 101)
      require_near(name, got[i], exact(a, values[i]), b.where == Where::host ? 1e-6 : 4e-6);
    return Ready{{.bytes = 8.0 * count}, [=, &k](Stream stream) { k.forward(stream, a, count, x.next(), 0.01f, y.next()); }};
  });
  add<Kernels>(name + "/backward", [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t count = planes_of(b) * inner;
    const auto saved = made_up<float>(count, -3, 3), gradient = made_up<float>(count);
    const Rotating<float> x(b.where, saved), dy(b.where, gradient), dx(b.where, count);
    k.backward({}, a, count, x.next(), dy.next(), 0.01f, dx.next());
    std::vector<float> want(count);
    reference<Kernels>().backward({}, a, count, saved.data(), gradient.data(), 0.01f, want.data());
    require_near(name + " backward", dx.host(), want, 1e-5);
    return Ready{{.bytes = 12.0 * count},
                 [=, &k](Stream stream) { k.backward(stream, a, count, x.next(), dy.next(), 0.01f, dx.next()); }};
  });
}

void add_dropout(const std::string& name, bool by_planes) {
  add<Kernels>(name, [=](const Backend<Kernels>& b) {
    const Kernels& k = *b.table;
    const std::int64_t planes = planes_of(b), count = planes * inner;
    const Dropout drop{0.1f, by_planes, {1, 2, 3, Purpose::dropout}};
    const auto values = made_up<float>(count);
    const Rotating<float> x(b.where, values), y(b.where, count);
    k.dropout({}, planes, inner, drop, x.next(), y.next());
    const auto got = y.host();
    for (std::int64_t i = 0; i < count; i += 97) {
      const std::int64_t draw = by_planes ? i / inner : i;
      const bool kept = keeps(philox(drop.key, static_cast<std::uint32_t>(draw / 4)).word[draw % 4], drop.p);
      require_near(name, got[i], kept ? values[i] / (1 - drop.p) : 0, 1e-6);
    }
    return Ready{{.bytes = 8.0 * count, .items = static_cast<double>(count)},
                 [=, &k](Stream stream) { k.dropout(stream, planes, inner, drop, x.next(), y.next()); }};
  });
}

void add_all() {
  add_activation("relu", Activation::relu);
  add_activation("leaky_relu", Activation::leaky_relu);
  add_activation("gelu", Activation::gelu);
  add_activation("gelu_tanh", Activation::gelu_tanh);
  add_activation("silu", Activation::silu);
  add_activation("sigmoid", Activation::sigmoid);
  add_activation("tanh", Activation::tanh);
  add_dropout("dropout of elements", false);
  add_dropout("dropout of planes", true);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, add_all);
}
