#include "heddle/ops/norm.hpp"

#include "heddle/autograd/trace.hpp"
#include "heddle/core/random.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/conv_norm.hpp"
#include "heddle/ops/norm_call.hpp"

namespace heddle {

using namespace detail;
using kernels::Affine;
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
  const std::int64_t row = product(x.shape(), 1, x.dim()) / (spec.planes ? std::max<std::int64_t>(plane, 1) : 1);
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

Tensor detail::norm_of_nothing(std::string_view where, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return record(where, {x, weight, bias}, empty(x.shape(), x.options()),
                [like = x.options(), shape = x.shape(), weight_shape = weight.defined() ? weight.shape() : Shape{},
                 bias_shape = bias.defined() ? bias.shape() : Shape{}](const Tensor& dy, const Needs& needs) -> Grads {
                  const auto zero = [&](std::size_t i, const Shape& of) { return needs[i] ? zeros(of, wide_options(dy)) : Tensor{}; };
                  return {empty(shape, like), zero(1, weight_shape), zero(2, bias_shape)};
                });
}

namespace {

// Group, layer and instance norm: one kernel family, told apart by the shape alone; a trace has `option` besides.
Tensor row_norm(std::string_view where, const GroupNormShape& shape, const std::pair<const char*, std::int64_t>& option,
                const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, const NormNeighbours& neighbours) {
  if (lacks_kernels(x)) return row_norm(where, shape, option, x.to(float32), weight, bias, eps, neighbours).to(bfloat16);
  const bool recorded = needs_grad({x, weight, bias});
  NormFusion fusion = fusion_of(neighbours, where, x, shape.inner);
  if (x.numel() == 0) return norm_of_nothing(where, x, weight, bias);
  const Tensor bits = keep_bits(fusion, x, shape.inner, recorded);
  const Tensor y = result_of(x, recorded, neighbours), x_dense = dense(x);
  const Scales scales = scales_of(weight, bias);
  const Tensor mean = empty({shape.rows()}, wide_options(x)), rstd = empty_like(mean);
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    using W = kernels::Wide<T>;
    const auto& table = kernels_for<GroupNormKernels<T>>(x.device());
    const Workspace workspace(x.device(), table.workspace(shape));
    table.forward(stream_of(x), shape, fusion, x_dense.data<T>(), data_or_null<W>(scales.gamma), data_or_null<W>(scales.beta),
                  static_cast<W>(eps), mean.data<W>(), rstd.data<W>(), y.data<T>(), workspace.get());
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
        visit_activation(dy, name, [&]<class T>(TypeTag<T>) {
          using W = kernels::Wide<T>;
          const auto& table = kernels_for<GroupNormKernels<T>>(dy.device());
          const Workspace workspace(dy.device(), table.workspace(shape));
          table.backward(stream_of(dy), shape, fusion, saved_x.data<T>(), dy.data<T>(), data_or_null<W>(gamma),
                         data_or_null<W>(beta), mean.data<W>(), rstd.data<W>(), dx.data<T>(), data_or_null<W>(dgamma),
                         data_or_null<W>(dbeta), workspace.get());
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
  check(x.dim() >= 2, where, "expected an input [n, c, ...], got {}", x.shape());
  check(num_groups > 0 && x.size(1) % num_groups == 0, where,
        "expected groups that divide the {} channels of the input {}, got {}", x.size(1), x.shape(), num_groups);
  return channel_norm(where, x, num_groups, weight, bias, eps, neighbours);
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, const NormNeighbours& neighbours) {
  constexpr auto where = "instance_norm";
  check(x.dim() >= 3 && (x.numel() == 0 || product(x.shape(), 2, x.dim()) > 1), where,
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
