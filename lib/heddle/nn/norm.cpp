#include "heddle/nn/norm.hpp"

#include "heddle/base/check.hpp"
#include "heddle/ops/conv_norm.hpp"

namespace heddle::nn {
namespace {

void make_affine(Tensor& weight, Tensor& bias, const Shape& shape, bool with_bias = true) {
  weight = ones(shape);
  weight.requires_grad_();
  if (!with_bias) return;
  bias = zeros(shape);
  bias.requires_grad_();
}

// The layer says [n, c, h, w]; the ops take any trailing dimensions.
void check_image(const Tensor& x, int channels, std::string_view where) {
  check(x.dim() == 4 && x.size(1) == channels, where, "expected an input [n, {}, h, w], got {}", channels, x.shape());
}

const char* python(bool value) { return value ? "True" : "False"; }

}  // namespace

BatchNorm2d::BatchNorm2d(const BatchNorm2dOptions& o) : options(o) {
  check(o.num_features > 0, "BatchNorm2d", "expected num_features of 1 or more, got {}", o.num_features);
  if (o.affine) make_affine(weight, bias, {o.num_features});
  if (!o.track_running_stats) return;
  running_mean = zeros({o.num_features});
  running_var = ones({o.num_features});
  num_batches_tracked = zeros({}, {.dtype = int64});
}

void BatchNorm2d::members(Members& m) {
  m.parameter("weight", weight).parameter("bias", bias);
  m.buffer("running_mean", running_mean).buffer("running_var", running_var).buffer("num_batches_tracked", num_batches_tracked);
}

Tensor BatchNorm2d::normalize(const Tensor& x, const NormNeighbours& neighbours) {
  check_image(x, options.num_features, "BatchNorm2d");
  return batch_norm(x, running_mean, running_var, weight, bias, op_options(), neighbours);
}

Tensor BatchNorm2d::from_conv(const Tensor& z, const detail::ConvMoments& handed) {
  return guarded([&] {
    check_image(z, options.num_features, "BatchNorm2d");
    return detail::batch_norm_from_conv(z, running_mean, running_var, weight, bias, op_options(), handed);
  });
}

heddle::BatchNormOptions BatchNorm2d::op_options() const {
  return {.training = training(), .momentum = options.momentum, .eps = options.eps, .num_batches_tracked = num_batches_tracked};
}

std::string BatchNorm2d::describe() const {
  return strings::format("BatchNorm2d({}, eps={}, momentum={}, affine={}, track_running_stats={})", options.num_features, options.eps,
                     options.momentum, python(options.affine), python(options.track_running_stats));
}

GroupNorm::GroupNorm(const GroupNormOptions& o) : options(o) {
  check(o.num_groups > 0 && o.num_channels > 0 && o.num_channels % o.num_groups == 0, "GroupNorm",
        "expected num_groups that divides num_channels, got {} and {}", o.num_groups, o.num_channels);
  if (o.affine) make_affine(weight, bias, {o.num_channels});
}

Tensor GroupNorm::normalize(const Tensor& x, const NormNeighbours& neighbours) {
  check(x.dim() >= 2 && x.size(1) == options.num_channels, "GroupNorm", "expected an input [n, {}, ...], got {}", options.num_channels,
        x.shape());
  return group_norm(x, options.num_groups, weight, bias, options.eps, neighbours);
}

std::string GroupNorm::describe() const {
  return strings::format("GroupNorm({}, {}, eps={}, affine={})", options.num_groups, options.num_channels, options.eps, python(options.affine));
}

LayerNorm::LayerNorm(const LayerNormOptions& o) : options(o) {
  check(o.normalized_shape.rank() > 0 && o.normalized_shape.numel() > 0, "LayerNorm",
        "expected a normalized_shape of one dimension or more, got {}", o.normalized_shape.str());
  if (o.elementwise_affine) make_affine(weight, bias, o.normalized_shape, o.bias);
}

Tensor LayerNorm::normalize(const Tensor& x, const NormNeighbours& neighbours) {
  return layer_norm(x, options.normalized_shape, weight, bias, options.eps, neighbours);
}

std::string LayerNorm::describe() const {
  return strings::format("LayerNorm({}, eps={}, elementwise_affine={})", options.normalized_shape.str(), options.eps,
                     python(options.elementwise_affine));
}

InstanceNorm2d::InstanceNorm2d(const InstanceNorm2dOptions& o) : options(o) {
  check(o.num_features > 0, "InstanceNorm2d", "expected num_features of 1 or more, got {}", o.num_features);
  if (o.affine) make_affine(weight, bias, {o.num_features});
}

Tensor InstanceNorm2d::normalize(const Tensor& x, const NormNeighbours& neighbours) {
  check_image(x, options.num_features, "InstanceNorm2d");
  return instance_norm(x, weight, bias, options.eps, neighbours);
}

std::string InstanceNorm2d::describe() const {
  return strings::format("InstanceNorm2d({}, eps={}, affine={})", options.num_features, options.eps, python(options.affine));
}

}  // namespace heddle::nn
