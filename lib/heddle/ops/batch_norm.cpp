#include "heddle/autograd/trace.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/conv_norm.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/norm_call.hpp"

namespace heddle {

using namespace detail;
using kernels::BatchNormKernels;
using kernels::BatchNormShape;
using kernels::NormFusion;

namespace {

struct BatchNormCall {
  BatchNormShape shape;
  NormFusion fusion;
  double eps = 1e-5;
};

// Statistics that go on from batch to batch; the tensors may be undefined.
struct Running {
  Tensor mean, var, batches;
  double momentum = 0.1;
};

Grads batch_norm_gradient(const BatchNormCall& call, const Tensor& x, const Tensor& dy, const Scales& scales,
                          const Tensor& mean, const Tensor& rstd, bool fixed_statistics) {
  Tensor dx = in_place_of(dy), dgamma, dbeta;
  if (scales.gamma.defined()) {
    dgamma = empty_like(scales.gamma);
    dbeta = empty_like(scales.gamma);
  }
  visit_activation(x, "batch_norm", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    const auto& table = kernels_for<BatchNormKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(call.shape));
    table.backward(stream_of(x), call.shape, call.fusion, x.data<T>(), dy.data<T>(), data_or_null<W>(scales.gamma),
                   data_or_null<W>(scales.beta), mean.data<W>(), rstd.data<W>(), fixed_statistics, dx.data<T>(),
                   data_or_null<W>(dgamma), data_or_null<W>(dbeta), workspace.get());
  });
  return {dx, dgamma, dbeta};
}

// Statistics of this batch, from x or from what a convolution handed over; running ones are moved towards them.
Tensor batch_norm_training(const BatchNormCall& call, const Tensor& x, const ConvMoments* handed, const Running& running,
                           const Scales& scales, Tensor& mean, Tensor& rstd) {
  for (const Tensor* written : {&running.mean, &running.var, &running.batches})
    if (written->defined()) begin_write(*written, "batch_norm");
  Tensor y = empty_like(x);
  mean = empty({call.shape.c}, wide_options(x));
  rstd = empty_like(mean);
  visit_activation(x, "batch_norm", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    const auto& table = kernels_for<BatchNormKernels<T>>(x.device());
    const kernels::RunningStatistics<W> statistics{static_cast<W>(running.momentum), data_or_null<W>(running.mean),
                                                   data_or_null<W>(running.var), data_or_null<std::int64_t>(running.batches)};
    const W eps = static_cast<W>(call.eps), *gamma = data_or_null<W>(scales.gamma), *beta = data_or_null<W>(scales.beta);
    if (handed) {
      table.forward_from_moments(stream_of(x), call.shape, call.fusion,
                                 reinterpret_cast<const kernels::PartialMoments<W>*>(handed->moments.data<W>()), handed->parts,
                                 x.data<T>(), gamma, beta, eps, statistics, mean.data<W>(), rstd.data<W>(), y.data<T>());
      return;
    }
    const Workspace workspace(x.device(), table.workspace(call.shape));
    table.forward(stream_of(x), call.shape, call.fusion, x.data<T>(), gamma, beta, eps, statistics, mean.data<W>(),
                  rstd.data<W>(), y.data<T>(), workspace.get());
  });
  return y;
}

void batch_norm_inference(const BatchNormCall& call, const Tensor& x, const Tensor& mean, const Tensor& var,
                          const Scales& scales, const Tensor& y) {
  visit_activation(x, "batch_norm", [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    kernels_for<BatchNormKernels<T>>(x.device())
        .inference(stream_of(x), call.shape, call.fusion, x.data<T>(), data_or_null<W>(scales.gamma),
                   data_or_null<W>(scales.beta), static_cast<W>(call.eps), mean.data<W>(), var.data<W>(), y.data<T>());
  });
}

// A null `handed`: x comes from anywhere.
Tensor run_batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                      const Tensor& bias, const BatchNormOptions& options, const NormNeighbours& neighbours,
                      const ConvMoments* handed) {
  constexpr auto where = "batch_norm";
  check(x.dim() >= 2, where, "expected an input [n, c, ...], got {}", x.shape());
  const BatchNormShape shape{to_int(x.size(0), where), to_int(x.size(1), where), product(x.shape(), 2, x.dim())};
  const bool batch_statistics = options.training || !running_mean.defined();
  check(running_mean.defined() == running_var.defined(), where, "expected running_mean and running_var both, or none, got one");
  check_operand(where, "running_mean", running_mean, {shape.c}, x);
  check_operand(where, "running_var", running_var, {shape.c}, x);
  check_operand(where, "weight", weight, {shape.c}, x);
  check_operand(where, "bias", bias, {shape.c}, x);
  check(!batch_statistics || shape.n * shape.inner != 1, where,
        "expected more than one value a channel when training, got input {}", x.shape());
  for (const Tensor* running : {&running_mean, &running_var})
    if (running->defined())
      check(running->is_contiguous(), where, "expected dense running statistics, got strides {}", running->strides());

  const Tensor batches = options.training ? options.num_batches_tracked : Tensor{};
  if (batches.defined())
    check(batches.dtype() == int64 && batches.numel() == 1 && batches.device() == x.device(), where,
          "expected a num_batches_tracked of one int64 on {}, got {} {} on {}", x.device(), name_of(batches.dtype()),
          batches.shape(), batches.device());

  if (lacks_kernels(x))
    return run_batch_norm(x.to(float32), running_mean, running_var, weight, bias, options, neighbours, nullptr).to(bfloat16);
  if (x.numel() == 0) {  // counts as a batch, but has no statistics to move the running ones to
    (void)fusion_of(neighbours, where, x, shape.inner);
    if (batches.defined()) Tensor(batches).copy_(no_grad([&] { return batches + 1.0; }));
    return norm_of_nothing(where, x, weight, bias);
  }
  const bool recorded = needs_grad({x, weight, bias});
  BatchNormCall call{shape, handed ? handed->fusion : fusion_of(neighbours, where, x, shape.inner), options.eps};
  const Tensor bits = keep_bits(call.fusion, x, shape.inner, recorded && batch_statistics);
  const Scales scales = scales_of(weight, bias);
  Tensor x_dense, y, mean, rstd;
  if (batch_statistics) {
    const bool update = options.training;
    const Running running{update ? running_mean : Tensor{}, update ? running_var : Tensor{}, batches, options.momentum};
    x_dense = dense(x);
    y = batch_norm_training(call, x_dense, handed, running, scales, mean, rstd);
  } else {
    y = result_of(x, recorded, neighbours);
    x_dense = dense(x);
    batch_norm_inference(call, x_dense, running_mean, running_var, scales, y);
  }
  if (!recorded) return y;

  if (!batch_statistics) {
    NoGradGuard guard;
    mean = running_mean;
    rstd = rsqrt(add(running_var, options.eps));
  }
  return record(
      where, {x, weight, bias}, y,
      [call, bits, batch_statistics, x = Saved(x_dense), gamma = Saved(scales.gamma), beta = Saved(scales.beta),
       mean = Saved(mean), rstd = Saved(rstd)](const Tensor& dy, const Needs&) -> Grads {
        return batch_norm_gradient(call, x.get(where), dy, {gamma.get(where), beta.get(where)}, mean.get(where),
                                   rstd.get(where), !batch_statistics);
      },
      [&] {
        auto attributes = attributes_of(call.fusion, call.eps);
        attributes["batch_statistics"] = batch_statistics;
        attributes["running_mean"] = running_mean;
        attributes["running_var"] = running_var;
        return attributes;
      });
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, const BatchNormOptions& options, const NormNeighbours& neighbours) {
  return run_batch_norm(x, running_mean, running_var, weight, bias, options, neighbours, nullptr);
}

Tensor detail::batch_norm_from_conv(const Tensor& z, const Tensor& running_mean, const Tensor& running_var,
                                    const Tensor& weight, const Tensor& bias, const BatchNormOptions& options,
                                    const ConvMoments& handed) {
  return run_batch_norm(z, running_mean, running_var, weight, bias, options, {}, &handed);
}

}  // namespace heddle
