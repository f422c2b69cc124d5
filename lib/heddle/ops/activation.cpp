#include "heddle/ops/activation.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/core/random.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "kernels/activation/activation.hpp"

namespace heddle {

using namespace detail;
using kernels::Activation;

namespace {

Tensor activation(std::string_view where, Activation kind, const Tensor& x, double slope = 0) {
  if (lacks_kernels(x)) return activation(where, kind, x.to(float32), slope).to(bfloat16);
  const Tensor x_dense = dense(x);
  Tensor y = empty_like(x_dense);
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<kernels::ActivationKernels<T>>(x.device())
        .forward(stream_of(x), kind, x.numel(), x_dense.data<T>(), static_cast<kernels::Wide<T>>(slope), y.data<T>());
  });
  if (!needs_grad({x})) return y;
  const Saved kept(backward_reads_output(kind) ? y : x_dense);
  const auto backward = [kept, kind, slope, name = std::string(where)](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = in_place_of(dy);
    visit_activation(dy, name, [&]<class T>(TypeTag<T>) {
      if (dy.numel() == 0) return;
      kernels_for<kernels::ActivationKernels<T>>(dy.device())
          .backward(stream_of(dy), kind, dy.numel(), kept.get(name).data<T>(), dy.data<T>(), static_cast<kernels::Wide<T>>(slope),
                    dx.data<T>());
    });
    return {dx};
  };
  return record(where, {x}, y, backward, [&] {
    return autograd::Attributes{{"slope", slope}, {"tanh", kind == Activation::gelu_tanh}};
  });
}

}  // namespace

Tensor relu(const Tensor& x) {
  return activation("relu", Activation::relu, x);
}
Tensor leaky_relu(const Tensor& x, double negative_slope) {
  check(negative_slope >= 0, "leaky_relu", "expected a slope of 0 or more, got {}", negative_slope);
  return activation("leaky_relu", Activation::leaky_relu, x, negative_slope);
}
Tensor gelu(const Tensor& x, GeluApproximation approximate) {
  return activation("gelu", approximate == GeluApproximation::tanh ? Activation::gelu_tanh : Activation::gelu, x);
}
Tensor silu(const Tensor& x) {
  return activation("silu", Activation::silu, x);
}
Tensor sigmoid(const Tensor& x) {
  return activation("sigmoid", Activation::sigmoid, x);
}
Tensor tanh(const Tensor& x) {
  return activation("tanh", Activation::tanh, x);
}

namespace {

void apply_dropout(std::string_view where, std::int64_t planes, const kernels::Dropout& drop, const Tensor& x, const Tensor& y) {
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<kernels::ActivationKernels<T>>(x.device())
        .dropout(stream_of(x), planes, x.numel() / planes, drop, x.data<T>(), y.data<T>());
  });
}

// The mask is not kept: the gradient is the same function of dy, by the same key.
Tensor dropout(std::string_view where, const Tensor& x, double p, bool training, bool by_plane) {
  check(p >= 0 && p <= 1, where, "expected a probability in [0, 1], got {}", p);
  if (!training || p == 0) return x;
  if (p == 1) return mul(x, 0.0);
  if (lacks_kernels(x)) return dropout(where, x.to(float32), p, training, by_plane).to(bfloat16);
  const std::int64_t planes = by_plane ? x.size(0) * x.size(1) : 1;
  Generator& generator = default_generator();
  const std::int64_t row = x.dim() == 0 || x.size(0) == 0 ? 0 : by_plane ? x.size(1) : x.numel() / x.size(0);
  const kernels::Dropout drop{static_cast<float>(p), by_plane, generator.next(kernels::Purpose::dropout), generator.first_row() * row};
  Tensor y = empty(x.shape(), x.options());
  apply_dropout(where, planes, drop, dense(x), y);
  return record(where, {x}, y, [planes, drop, name = std::string(where)](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = in_place_of(dy);
    apply_dropout(name, planes, drop, dy, dx);
    return {dx};
  });
}

}  // namespace

Tensor dropout(const Tensor& x, double p, bool training) {
  return dropout("dropout", x, p, training, false);
}

Tensor dropout2d(const Tensor& x, double p, bool training) {
  check(x.dim() >= 2, "dropout2d", "expected an input [n, c, ...], got {}", x.shape());
  return dropout("dropout2d", x, p, training, true);
}

}  // namespace heddle
