#include "heddle/ops/conv.hpp"

#include <cmath>
#include <optional>
#include <vector>

#include "heddle/autograd/trace.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/conv_norm.hpp"
#include "heddle/ops/conv_shape.hpp"
#include "heddle/ops/norm_call.hpp"
#include "heddle/ops/prepared_weights.hpp"
#include "kernels/conv/conv.hpp"
#include "kernels/conv/conv_inference.hpp"
#include "kernels/depthwise/depthwise.hpp"

namespace heddle {

using namespace detail;
using kernels::ConvChoice;
using kernels::ConvChoiceScope;
using kernels::ConvEpilogue;
using kernels::ConvInferenceKernels;
using kernels::ConvPass;
using kernels::ConvShape;

namespace {

// Calls f with the kernels that serve the shape.
template <class T, class F>
void with_kernels(const ConvShape& s, Device device, F&& f) {
  if (s.depthwise())
    f(kernels_for<kernels::DepthwiseKernels<T>>(device));
  else
    f(kernels_for<kernels::Conv2dKernels<T>>(device));
}

// The kernels of inference where they serve the shape.
const ConvInferenceKernels* inference_kernels(const ConvShape& s, const Tensor& x) {
  if (!x.device().is_cpu() || x.dtype() != float32 || s.depthwise()) return nullptr;
  const ConvInferenceKernels& kernels = ConvInferenceKernels::cpu();
  return kernels.serves(s) ? &kernels : nullptr;
}

void infer(const ConvInferenceKernels& kernels, const ConvShape& s, const Tensor& x, const Tensor& weight, const Tensor& bias,
           const ConvEpilogue& epilogue, const Tensor& y) {
  const std::size_t bytes = kernels.prepared_bytes(s);
  const auto* w = weight.data<float>();
  const auto prepare = [&](void* to) { kernels.prepare(stream_of(x), s, w, to); };
  std::optional<Workspace> own;
  const void* prepared;
  if (PreparedWeights* shared = PreparedWeights::current()) {
    prepared = shared->get(weight, bytes, prepare);
  } else {
    own.emplace(x.device(), bytes);
    prepare(own->get());
    prepared = own->get();
  }
  const Workspace workspace(x.device(), kernels.workspace(s));
  kernels.forward(stream_of(x), s, x.data<float>(), prepared, data_or_null<float>(bias), epilogue, y.data<float>(),
                  workspace.get());
}

void forward(const ConvShape& s, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  visit_activation(x, "conv2d", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    with_kernels<T>(s, x.device(), [&](const auto& table) {
      const Workspace workspace(x.device(), table.workspace(s, ConvPass::forward));
      table.forward(stream_of(x), s, x.data<T>(), weight.data<W>(), data_or_null<W>(bias), y.data<T>(), workspace.get());
    });
  });
}

// False where the kernels cannot do more than forward().
bool forward_to_norm(const ConvShape& s, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const NormNeighbours& neighbours, const Tensor& y, ConvMoments& handed) {
  if (s.depthwise()) return false;
  return visit_activation(x, "conv2d", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    const auto& table = kernels_for<kernels::Conv2dKernels<T>>(x.device());
    const int parts = table.moment_parts ? table.moment_parts(s, neighbours.dropout_before.p > 0) : 0;
    if (parts == 0) return false;
    handed.fusion = fusion_of(neighbours, "batch_norm", y, std::int64_t{s.out_h()} * s.out_w());
    handed.fusion.before_applied = true;
    handed.moments = empty({s.k, parts, 3}, wide_options(x));
    handed.parts = parts;
    static_assert(sizeof(kernels::PartialMoments<W>) == 3 * sizeof(W));
    const Workspace workspace(x.device(), table.workspace(s, ConvPass::forward));
    table.forward_to_norm(stream_of(x), s, handed.fusion, x.data<T>(), weight.data<W>(), data_or_null<W>(bias), y.data<T>(),
                          reinterpret_cast<kernels::PartialMoments<W>*>(handed.moments.data<W>()), workspace.get());
    return true;
  });
}

void grad_input(const ConvShape& s, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
  visit_activation(dy, "conv2d", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    with_kernels<T>(s, dy.device(), [&](const auto& table) {
      const Workspace workspace(dy.device(), table.workspace(s, ConvPass::grad_input));
      table.grad_input(stream_of(dy), s, dy.data<T>(), weight.data<W>(), dx.data<T>(), workspace.get());
    });
  });
}

void grad_weight(const ConvShape& s, const Tensor& x, const Tensor& dy, const Tensor& dweight, const Tensor& dbias) {
  visit_activation(dy, "conv2d", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    with_kernels<T>(s, dy.device(), [&](const auto& table) {
      const Workspace workspace(dy.device(), table.workspace(s, ConvPass::grad_weight));
      table.grad_weight(stream_of(dy), s, x.data<T>(), dy.data<T>(), dweight.data<W>(), data_or_null<W>(dbias),
                        workspace.get());
    });
  });
}

// Whether the kernels have both gradients in one.
bool has_gradients(const ConvShape& s, const Tensor& dy) {
  return !s.depthwise() && visit_activation(dy, "conv2d", [&]<class T>(TypeTag<T>) {
    return kernels_for<kernels::Conv2dKernels<T>>(dy.device()).gradients != nullptr;
  });
}
void gradients(const ConvShape& s, const Tensor& x, const Tensor& dy, const Tensor& weight, const Tensor& dx,
               const Tensor& dweight, const Tensor& dbias) {
  visit_activation(dy, "conv2d", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    const auto& table = kernels_for<kernels::Conv2dKernels<T>>(dy.device());
    const Workspace workspace(dy.device(), table.workspace(s, ConvPass::grad_weight));
    table.gradients(stream_of(dy), s, x.data<T>(), dy.data<T>(), weight.data<W>(), dx.data<T>(), dweight.data<W>(),
                    data_or_null<W>(dbias), workspace.get());
  });
}

// The weight as tensor cores multiply it beside activations of bfloat16; its gradient stays that of the weight itself.
Tensor rounded(const Tensor& weight) {
  Tensor result = no_grad([&] { return weight.to(bfloat16).to(float32); });
  return record("round", {weight}, result, [](const Tensor& dy, const Needs&) -> Grads { return {dy}; });
}

// Of an empty batch: weights and bias have gradients of zeros.
Tensor conv_of_nothing(const ConvShape& s, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return record("conv2d", {x, weight, bias}, empty({0, s.k, s.out_h(), s.out_w()}, x.options()),
                [s, options = x.options(), shape = weight.shape()](const Tensor& dy, const Needs& needs) -> Grads {
                  return {empty({0, s.c, s.h, s.w}, options), needs[1] ? zeros(shape, wide_options(dy)) : Tensor{},
                          needs[2] ? zeros({s.k}, wide_options(dy)) : Tensor{}};
                });
}

// A null `handed`: no norm to hand anything to.
Tensor run_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                  const NormNeighbours& neighbours, ConvMoments* handed) {
  const ConvShape s = conv_shape(x, weight, options);
  check_operand("conv2d", "bias", bias, {s.k}, x);
  if (lacks_kernels(x))
    return run_conv2d(x.to(float32), s.depthwise() ? weight : rounded(weight), bias, options, {}, nullptr).to(bfloat16);
  if (s.n == 0) return conv_of_nothing(s, x, weight, bias);
  const ConvChoice choice = conv_algorithm_asked();
  const ConvChoiceScope scope(choice);
  const Tensor x_dense = dense(x), weight_dense = dense(weight), bias_dense = dense_or_none(bias);
  Tensor y = empty({s.n, s.k, s.out_h(), s.out_w()}, x.options());
  const bool recorded = needs_grad({x, weight, bias});
  if (const auto* kernels = recorded ? nullptr : inference_kernels(s, x))
    infer(*kernels, s, x_dense, weight_dense, bias_dense, {}, y);
  else if (!handed || !forward_to_norm(s, x_dense, weight_dense, bias_dense, neighbours, y, *handed))
    forward(s, x_dense, weight_dense, bias_dense, y);
  if (!recorded) return y;

  // dx takes the weight, dweight takes x: what no gradient asks for is not kept.
  const auto backward = [s, choice, kept_x = Saved(needs_grad({weight, bias}) ? x_dense : Tensor{}),
                         kept_weight = Saved(needs_grad({x}) ? weight_dense : Tensor{})](const Tensor& dy,
                                                                                         const Needs& needs) mutable -> Grads {
    const ConvChoiceScope as_forward(choice);
    Tensor dx, dweight, dbias;
    const bool weights = needs[1] || needs[2];
    const auto make_dx = [&] { dx = empty({s.n, s.c, s.h, s.w}, dy.options()); };
    if (weights) dweight = empty({s.k, s.c / s.groups, s.kh, s.kw}, wide_options(dy));
    if (needs[2]) dbias = empty({s.k}, wide_options(dy));
    if (needs[0] && weights && has_gradients(s, dy)) {
      make_dx();
      gradients(s, kept_x.get("conv2d"), dy, kept_weight.get("conv2d"), dx, dweight, dbias);
      return {dx, dweight, dbias};
    }
    if (weights) grad_weight(s, kept_x.get("conv2d"), dy, dweight, dbias);
    if (needs.last()) kept_x = {};  // dx may take its place
    if (needs[0]) {
      make_dx();
      grad_input(s, dy, kept_weight.get("conv2d"), dx);
    }
    return {dx, dweight, dbias};
  };
  return record("conv2d", {x, weight, bias}, y, backward, [&] {
    return autograd::Attributes{{"stride", Shape{s.stride_h, s.stride_w}},
                                {"padding", Shape{s.pad_h, s.pad_w}},
                                {"dilation", Shape{s.dilation_h, s.dilation_w}},
                                {"groups", std::int64_t{s.groups}}};
  });
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
  return run_conv2d(x, weight, bias, options, {}, nullptr);
}

Tensor detail::conv2d_to_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                              const NormNeighbours& neighbours, ConvMoments& handed) {
  return run_conv2d(x, weight, bias, options, neighbours, &handed);
}

Tensor detail::conv2d_frozen_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options,
                                  const FrozenNorm& norm) {
  const ConvShape s = conv_shape(x, weight, options);
  const ConvChoiceScope scope(conv_algorithm_asked());
  const auto* kernels = inference_kernels(s, x);
  if (!kernels || s.n == 0)
    return batch_norm(conv2d(x, weight, bias, options), norm.running_mean, norm.running_var, norm.weight, norm.bias,
                      {.eps = norm.eps},
                      {.relu_before = norm.relu_before, .relu_after = norm.relu_after, .consume_input = true});

  check_operand("conv2d", "bias", bias, {s.k}, x);
  const Tensor y = empty({s.n, s.k, s.out_h(), s.out_w()}, x.options());
  const Tensor mean = dense(norm.running_mean), var = dense(norm.running_var);
  const Tensor gamma = dense_or_none(norm.weight), beta = dense_or_none(norm.bias);
  for (const auto& [name, operand] :
       {std::pair{"running_mean", &mean}, {"running_var", &var}, {"weight", &gamma}, {"bias", &beta}})
    check_operand("batch_norm", name, *operand, {s.k}, x);
  std::vector<float> scale(static_cast<std::size_t>(s.k)), shift(scale.size());
  for (std::size_t k = 0; k < scale.size(); ++k) {
    const auto rstd = static_cast<float>(1 / std::sqrt(double{var.data<float>()[k]} + double{static_cast<float>(norm.eps)}));
    scale[k] = gamma.defined() ? rstd * gamma.data<float>()[k] : rstd;
    shift[k] = beta.defined() ? beta.data<float>()[k] : 0;
  }
  ConvEpilogue epilogue{.mean = mean.data<float>(), .scale = scale.data(), .shift = shift.data()};
  if (norm.relu_before) epilogue.low_before = 0;
  if (norm.relu_after) epilogue.low_after = 0;
  infer(*kernels, s, dense(x), dense(weight), dense_or_none(bias), epilogue, y);
  return y;
}

}  // namespace heddle
