// Normalization layers: the ops of ops/norm.hpp with parameters.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/ops/norm.hpp"

HD_API_BEGIN
namespace heddle::detail {
struct ConvMoments;
}

namespace heddle::nn {

/// A norm: Sequential runs it together with its neighbours.
class Norm : public Module {
 public:
  Tensor forward(const Tensor& x) final { return normalize(x, {}); }
  /// As operator(), with neighbours folded in; `label` is what observers know them by.
  Tensor with_neighbours(const Tensor& x, const NormNeighbours& neighbours, const Label& label) {
    return guarded([&] {
      const Scope scope(label.name, label.kind, x);
      return scope.output(normalize(x, neighbours));
    });
  }

 protected:
  virtual Tensor normalize(const Tensor& x, const NormNeighbours& neighbours) = 0;
};

struct BatchNorm2dOptions {
  int num_features = 0;
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = true;
  bool track_running_stats = true;
};

/// batch_norm() with weight (ones) and bias (zeros) [c], running_mean and running_var [c], and, for state dictionaries of
/// PyTorch, num_batches_tracked.
class BatchNorm2d : public Norm {
 public:
  explicit BatchNorm2d(const BatchNorm2dOptions& options);

  Tensor weight, bias, running_mean, running_var, num_batches_tracked;
  const BatchNorm2dOptions options;

  void members(Members& m) override;
  bool by_rows() const override { return !training() && running_mean.defined(); }
  /// As operator(), in training, of what a convolution that Sequential runs it with handed over.
  Tensor from_conv(const Tensor& z, const detail::ConvMoments& handed);
  std::string describe() const override;

 protected:
  Tensor normalize(const Tensor& x, const NormNeighbours& neighbours) override;

 private:
  heddle::BatchNormOptions op_options() const;
};

struct GroupNormOptions {
  int num_groups = 0, num_channels = 0;
  double eps = 1e-5;
  bool affine = true;
};

/// group_norm() with weight (ones) and bias (zeros) [c].
class GroupNorm : public Norm {
 public:
  explicit GroupNorm(const GroupNormOptions& options);

  Tensor weight, bias;
  const GroupNormOptions options;

  void members(Members& m) override { m.parameter("weight", weight).parameter("bias", bias); }
  bool by_rows() const override { return true; }
  std::string describe() const override;

 protected:
  Tensor normalize(const Tensor& x, const NormNeighbours& neighbours) override;
};

struct LayerNormOptions {
  Shape normalized_shape;
  double eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
};

/// layer_norm() over the trailing dimensions normalized_shape, with weight (ones) and bias (zeros) of that shape.
class LayerNorm : public Norm {
 public:
  explicit LayerNorm(const LayerNormOptions& options);

  Tensor weight, bias;
  const LayerNormOptions options;

  void members(Members& m) override { m.parameter("weight", weight).parameter("bias", bias); }
  bool by_rows() const override { return true; }
  std::string describe() const override;

 protected:
  Tensor normalize(const Tensor& x, const NormNeighbours& neighbours) override;
};

struct InstanceNorm2dOptions {
  int num_features = 0;
  double eps = 1e-5;
  bool affine = false;
};

/// instance_norm(), by default without weight and bias, as in PyTorch.
class InstanceNorm2d : public Norm {
 public:
  explicit InstanceNorm2d(const InstanceNorm2dOptions& options);

  Tensor weight, bias;
  const InstanceNorm2dOptions options;

  void members(Members& m) override { m.parameter("weight", weight).parameter("bias", bias); }
  bool by_rows() const override { return true; }
  std::string describe() const override;

 protected:
  Tensor normalize(const Tensor& x, const NormNeighbours& neighbours) override;
};

}  // namespace heddle::nn
HD_API_END
