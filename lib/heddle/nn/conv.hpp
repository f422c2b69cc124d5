// Convolution and fully connected layers.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/ops/conv.hpp"

HD_API_BEGIN
namespace heddle {
struct NormNeighbours;
namespace detail {
struct FrozenNorm;
struct ConvMoments;
}  // namespace detail
}  // namespace heddle

namespace heddle::nn {

struct Conv2dOptions {
  int in_channels = 0, out_channels = 0;
  Pair kernel_size = 1;
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  bool bias = true;
};

/// conv2d() with weight [out, in / groups, kh, kw] and bias [out]. Both start uniform within 1 / sqrt(fan_in), as in
/// PyTorch. groups == in_channels makes it depthwise. Error for sizes below 1, or channels that groups does not divide.
class Conv2d : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);

  Tensor weight, bias;
  const Conv2dOptions options;

  Tensor forward(const Tensor& x) override;
  /// As operator(), with the norm behind it applied to what comes out, unrecorded; `label` is what observers know the two by.
  Tensor with_norm(const Tensor& x, const detail::FrozenNorm& norm, const Label& label);
  /// As operator(), in training, for a batch norm behind it that Sequential runs it with.
  Tensor to_norm(const Tensor& x, const NormNeighbours& neighbours, detail::ConvMoments& handed);
  void members(Members& m) override { m.parameter("weight", weight).parameter("bias", bias); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct LinearOptions {
  int in_features = 0, out_features = 0;
  bool bias = true;
};

/// linear() with weight [out, in] and bias [out], initialised like Conv2d.
class Linear : public Module {
 public:
  explicit Linear(const LinearOptions& options);

  Tensor weight, bias;
  const LinearOptions options;

  Tensor forward(const Tensor& x) override;
  void members(Members& m) override { m.parameter("weight", weight).parameter("bias", bias); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

}  // namespace heddle::nn
HD_API_END
