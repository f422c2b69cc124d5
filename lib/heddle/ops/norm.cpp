#include "heddle/ops/norm.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/core/random.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/conv_norm.hpp"
#include "heddle/ops/elementwise.hpp"
#include "kernels/norm/norm.hpp"

namespace heddle {

using namespace detail;
using kernels::Affine;
using kernels::BatchNormKernels;
using kernels::BatchNormShape;
using kernels::GroupNormKernels;
using kernels::GroupNormShape;
using kernels::NormFusion;

namespace {

kernels::Dropout dropout_of(const DropoutSpec& spec, std::string_view where, const Tensor& x, std::int64_t plane) {
  check(spec.p >= 0 && spec.p < 1, where, "expected neighbouring dropouts with a probability in [0, 1), got {}", spec.p);
  if (spec.p == 0) return {};
  if (spec.planes)
    check(x.dim() >= 2 && x.size(0) * x.size(1) * plane == x.numel(), where,
          "expected a dropout of planes beside a norm that keeps the planes of [n, c, ...] whole, got input {}", x.shape());
  Generator& generator = default_generator();
  const std::int64_t row = x.numel() / x.size(0) / (spec.planes ? plane : 1);
  return {static_cast<float>(spec.p), spec.planes, generator.next(kernels::Purpose::dropout), generator.first_row() * row};
}

}  // namespace

NormFusion detail::fusion_of(const NormNeighbours& neighbours, std::string_view where, const Tensor& x, std::int64_t plane) {
  NormFusion fusion;
  fusion.relu_before = neighbours.relu_before;
  fusion.before = dropout_of(neighbours.dropout_before, where, x, plane);
  fusion.relu_after = neighbours.relu_after;
  fusion.after = dropout_of(neighbours.dropout_after, where, x, plane);
  return fusion;
}

namespace {

// Room for what dropout keeps, for the backward pass: a bit an element costs less than its random number, drawn again. Only
// where NormFusion says that it is used.
Tensor keep_bits(NormFusion& fusion, const Tensor& x, std::int64_t plane, bool recorded) {
  if (!recorded || !x.device().is_cpu() || x.dtype() != float32 || plane <= 1 || !fusion.drops_elements()) return {};
  Tensor bits = empty({kernels::kept_bytes(x.numel() / plane, plane)}, {uint8, x.device()});
  fusion.kept = bits.data<std::uint8_t>();
  return bits;
}

// What a trace says of any norm.
autograd::Attributes attributes_of(const NormFusion& fusion, double eps) {
  return {{"eps", eps},
          {"relu_before", fusion.relu_before},
          {"relu_after", fusion.relu_after},
          {"dropout", fusion.before.p > 0 || fusion.after.p > 0}};
}

// weight and bias as the kernels take them: both or none. The one that is missing becomes ones, or zeros.
struct Scales {
  Tensor gamma, beta;
};
Scales scales_of(const Tensor& weight, const Tensor& bias) {
  if (!weight.defined() && !bias.defined()) return {};
  return {weight.defined() ? dense(weight) : ones_like(bias), bias.defined() ? dense(bias) : zeros_like(weight)};
}

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
  visit_floating(x.dtype(), "batch_norm", [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<BatchNormKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(call.shape));
    table.backward(stream_of(x), call.shape, call.fusion, x.data<T>(), dy.data<T>(), data_or_null<T>(scales.gamma),
                   data_or_null<T>(scales.beta), mean.data<T>(), rstd.data<T>(), fixed_statistics, dx.data<T>(),
                   data_or_null<T>(dgamma), data_or_null<T>(dbeta), workspace.get());
  });
  return {dx, dgamma, dbeta};
}

// Statistics of this batch, from x or from what a convolution handed over; running ones are moved towards them.
Tensor batch_norm_training(const BatchNormCall& call, const Tensor& x, const ConvMoments* handed, const Running& running,
                           const Scales& scales, Tensor& mean, Tensor& rstd) {
  Tensor y = empty_like(x);
  mean = empty({call.shape.c}, x.options());
  rstd = empty({call.shape.c}, x.options());
  visit_floating(x.dtype(), "batch_norm", [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<BatchNormKernels<T>>(x.device());
    const kernels::RunningStatistics<T> statistics{static_cast<T>(running.momentum), data_or_null<T>(running.mean),
                                                   data_or_null<T>(running.var), data_or_null<std::int64_t>(running.batches)};
    const T eps = static_cast<T>(call.eps), *gamma = data_or_null<T>(scales.gamma), *beta = data_or_null<T>(scales.beta);
    if (handed) {
      table.forward_from_moments(stream_of(x), call.shape, call.fusion,
                                 reinterpret_cast<const kernels::PartialMoments<T>*>(handed->moments.data<T>()), handed->parts,
                                 x.data<T>(), gamma, beta, eps, statistics, mean.data<T>(), rstd.data<T>(), y.data<T>());
      return;
    }
    const Workspace workspace(x.device(), table.workspace(call.shape));
    table.forward(stream_of(x), call.shape, call.fusion, x.data<T>(), gamma, beta, eps, statistics, mean.data<T>(),
                  rstd.data<T>(), y.data<T>(), workspace.get());
  });
  for (const Tensor* written : {&running.mean, &running.var, &running.batches})
    if (written->defined()) ++written->impl()->storage->version;
  return y;
}

Tensor batch_norm_inference(const BatchNormCall& call, const Tensor& x, const Tensor& mean, const Tensor& var,
                            const Scales& scales) {
  Tensor y = empty_like(x);
  visit_floating(x.dtype(), "batch_norm", [&]<class T>(TypeTag<T>) {
    kernels_for<BatchNormKernels<T>>(x.device())
        .inference(stream_of(x), call.shape, call.fusion, x.data<T>(), data_or_null<T>(scales.gamma),
                   data_or_null<T>(scales.beta), static_cast<T>(call.eps), mean.data<T>(), var.data<T>(), y.data<T>());
  });
  return y;
}

// A null `handed`: x comes from anywhere.
Tensor run_batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                      const Tensor& bias, const BatchNormOptions& options, const NormNeighbours& neighbours,
                      const ConvMoments* handed) {
  constexpr auto where = "batch_norm";
  check(x.dim() >= 2 && x.numel() > 0, where, "expected an input [n, c, ...] with elements, got {}", x.shape());
  const BatchNormShape shape{to_int(x.size(0), where), to_int(x.size(1), where), product(x.shape(), 2, x.dim())};
  const bool batch_statistics = options.training || !running_mean.defined();
  check(running_mean.defined() == running_var.defined(), where, "expected running_mean and running_var both, or none, got one");
  check_operand(where, "running_mean", running_mean, {shape.c}, x);
  check_operand(where, "running_var", running_var, {shape.c}, x);
  check_operand(where, "weight", weight, {shape.c}, x);
  check_operand(where, "bias", bias, {shape.c}, x);
  check(!batch_statistics || shape.n * shape.inner > 1, where,
        "expected more than one value a channel when training, got input {}", x.shape());
  for (const Tensor* running : {&running_mean, &running_var})
    if (running->defined())
      check(running->is_contiguous(), where, "expected dense running statistics, got strides {}", running->strides());

  const Tensor batches = options.training ? options.num_batches_tracked : Tensor{};
  if (batches.defined())
    check(batches.dtype() == int64 && batches.numel() == 1 && batches.device() == x.device(), where,
          "expected a num_batches_tracked of one int64 on {}, got {} {} on {}", x.device(), name_of(batches.dtype()),
          batches.shape(), batches.device());

  const bool recorded = needs_grad({x, weight, bias});
  BatchNormCall call{shape, handed ? handed->fusion : fusion_of(neighbours, where, x, shape.inner), options.eps};
  const Tensor bits = keep_bits(call.fusion, x, shape.inner, recorded && batch_statistics);
  const Tensor x_dense = dense(x);
  const Scales scales = scales_of(weight, bias);
  Tensor y, mean, rstd;
  if (batch_statistics) {
    const bool update = options.training;
    const Running running{update ? running_mean : Tensor{}, update ? running_var : Tensor{}, batches, options.momentum};
    y = batch_norm_training(call, x_dense, handed, running, scales, mean, rstd);
  } else {
    y = batch_norm_inference(call, x_dense, running_mean, running_var, scales);
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

namespace {

// Group, layer and instance norm: one kernel family, told apart by the shape alone; a trace has `option` besides.
Tensor row_norm(std::string_view where, const GroupNormShape& shape, const std::pair<const char*, std::int64_t>& option,
                const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, const NormNeighbours& neighbours) {
  const bool recorded = needs_grad({x, weight, bias});
  NormFusion fusion = fusion_of(neighbours, where, x, shape.inner);
  const Tensor bits = keep_bits(fusion, x, shape.inner, recorded);
  const Tensor x_dense = dense(x);
  const Scales scales = scales_of(weight, bias);
  Tensor y = empty_like(x_dense), mean = empty({shape.rows()}, x.options()), rstd = empty({shape.rows()}, x.options());
  visit_floating(x.dtype(), where, [&]<class T>(TypeTag<T>) {
    const auto& table = kernels_for<GroupNormKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(shape));
    table.forward(stream_of(x), shape, fusion, x_dense.data<T>(), data_or_null<T>(scales.gamma), data_or_null<T>(scales.beta),
                  static_cast<T>(eps), mean.data<T>(), rstd.data<T>(), y.data<T>(), workspace.get());
  });
  if (!recorded) return y;
  return record(
      where, {x, weight, bias}, y,
      [shape, fusion, bits, name = std::string(where), kept_x = Saved(x_dense), kept_gamma = Saved(scales.gamma),
       kept_beta = Saved(scales.beta), mean, rstd](const Tensor& dy, const Needs&) -> Grads {
        const Tensor &saved_x = kept_x.get(name), &gamma = kept_gamma.get(name), &beta = kept_beta.get(name);
        Tensor dx = in_place_of(dy), dgamma, dbeta;
        if (gamma.defined()) {
          dgamma = empty_like(gamma);
          dbeta = empty_like(gamma);
        }
        visit_floating(dy.dtype(), name, [&]<class T>(TypeTag<T>) {
          const auto& table = kernels_for<GroupNormKernels<T>>(dy.device());
          const Workspace workspace(dy.device(), table.workspace(shape));
          table.backward(stream_of(dy), shape, fusion, saved_x.data<T>(), dy.data<T>(), data_or_null<T>(gamma),
                         data_or_null<T>(beta), mean.data<T>(), rstd.data<T>(), dx.data<T>(), data_or_null<T>(dgamma),
                         data_or_null<T>(dbeta), workspace.get());
        });
        return {dx, dgamma, dbeta};
      },
      [&] {
        auto attributes = attributes_of(fusion, eps);
        attributes[option.first] = option.second;
        return attributes;
      });
}

Tensor channel_norm(std::string_view where, const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
                    double eps, const NormNeighbours& neighbours) {
  const Shape affine{x.size(1)};
  check_operand(where, "weight", weight, affine, x);
  check_operand(where, "bias", bias, affine, x);
  const GroupNormShape shape{.n = x.size(0),
                             .c = to_int(x.size(1), where),
                             .inner = product(x.shape(), 2, x.dim()),
                             .groups = to_int(groups, where),
                             .affine = weight.defined() || bias.defined() ? Affine::channel : Affine::none};
  return row_norm(where, shape, {"groups", groups}, x, weight, bias, eps, neighbours);
}

}  // namespace

Tensor group_norm(const Tensor& x, int num_groups, const Tensor& weight, const Tensor& bias, double eps,
                  const NormNeighbours& neighbours) {
  constexpr auto where = "group_norm";
  check(x.dim() >= 2 && x.numel() > 0, where, "expected an input [n, c, ...] with elements, got {}", x.shape());
  check(num_groups > 0 && x.size(1) % num_groups == 0, where,
        "expected groups that divide the {} channels of the input {}, got {}", x.size(1), x.shape(), num_groups);
  return channel_norm(where, x, num_groups, weight, bias, eps, neighbours);
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, const NormNeighbours& neighbours) {
  constexpr auto where = "instance_norm";
  check(x.dim() >= 3 && x.numel() > x.size(0) * x.size(1), where,
        "expected an input [n, c, ...] of more than one element a channel, got {}", x.shape());
  return channel_norm(where, x, x.size(1), weight, bias, eps, neighbours);
}

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias, double eps,
                  const NormNeighbours& neighbours) {
  constexpr auto where = "layer_norm";
  const int first = x.dim() - normalized_shape.rank();
  check(normalized_shape.rank() > 0 && first >= 0 &&
            std::equal(normalized_shape.begin(), normalized_shape.end(), x.shape().begin() + first),
        where, "expected an input [..., {}] to normalise over {}, got {}", normalized_shape, normalized_shape, x.shape());
  check(x.numel() > 0, where, "expected an input with elements, got {}", x.shape());
  check_operand(where, "weight", weight, normalized_shape, x);
  check_operand(where, "bias", bias, normalized_shape, x);
  GroupNormShape shape{.n = product(x.shape(), 0, first),
                       .c = 1,
                       .inner = normalized_shape.numel(),
                       .groups = 1,
                       .affine = weight.defined() || bias.defined() ? Affine::element : Affine::none};
  if (first == 1 && normalized_shape.rank() > 1) {
    // Over (C, H, W): said with its channels, so that the kernels know the planes.
    shape.c = to_int(normalized_shape[0], where);
    shape.inner = product(x.shape(), 2, x.dim());
  }
  return row_norm(where, shape, {"axis", first}, x, weight, bias, eps, neighbours);
}

}  // namespace heddle
