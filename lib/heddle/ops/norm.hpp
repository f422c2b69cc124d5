// Batch, group, layer and instance normalization, alone or together with the activations and dropouts beside them.
//
// Ioffe and Szegedy, "Batch normalization", ICML 2015; Wu and He, "Group normalization", ECCV 2018; Ba, Kiros and Hinton,
// "Layer normalization", 2016; Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// Dropout with probability p, 0 for none and below 1: of single elements, or of whole planes [h, w] of x [n, c, h, w].
struct DropoutSpec {
  double p = 0;
  bool planes = false;
};

/// What stands next to a norm in a network and is computed in the same pass over memory:
/// y = dropout_after(relu_after(norm(dropout_before(relu_before(x))))).
/// Random numbers are drawn from default_generator() in this order, so that the result is, number for number, that of
/// relu(), dropout() (or dropout2d()), the norm, relu() and dropout() called one after another.
struct NormNeighbours {
  bool relu_before = false;
  DropoutSpec dropout_before = {};
  bool relu_after = false;
  DropoutSpec dropout_after = {};
  /// The caller is done with x: while no gradients are recorded, y takes its memory where no other tensor shares that.
  bool consume_input = false;
};

struct BatchNormOptions {
  bool training = false;  ///< statistics of this batch, else the running ones
  double momentum = 0.1;  ///< running = (1 - momentum) * running + momentum * this batch's (its unbiased variance)
  double eps = 1e-5;
  Tensor num_batches_tracked = {};  ///< int64, one number: where defined, counted up in training
};

/// (x - mean) / sqrt(variance + eps) * weight + bias, statistics by channel: x [n, c, ...]; all others [c] or undefined.
/// In training the running statistics, where defined, are updated in place; without them a batch's own are used in
/// evaluation too. Error in training when a channel has one value only; of an empty batch nothing is learned.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight = {},
                  const Tensor& bias = {}, const BatchNormOptions& options = {}, const NormNeighbours& neighbours = {});

/// Statistics of each sample over num_groups groups of c / num_groups channels: x [n, c, ...]; weight and bias [c] or
/// undefined. Error unless num_groups divides c.
Tensor group_norm(const Tensor& x, int num_groups, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5,
                  const NormNeighbours& neighbours = {});

/// Statistics over the last dimensions of x, whose sizes normalized_shape repeats; weight and bias have that shape or are
/// undefined.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5, const NormNeighbours& neighbours = {});

/// Statistics of each channel of each sample: x [n, c, ...]; weight and bias [c] or undefined.
Tensor instance_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5,
                     const NormNeighbours& neighbours = {});

}  // namespace heddle
HD_API_END
