// Layers without parameters: activations, dropout, pooling and shape.
#pragma once

#include <cstdint>
#include <string>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/pixel_shuffle.hpp"
#include "heddle/ops/pool.hpp"

HD_API_BEGIN
namespace heddle::nn {

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
  bool by_rows() const override { return true; }
  std::string describe() const override { return "ReLU()"; }
};

struct LeakyReLUOptions {
  double negative_slope = 0.01;
};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(const LeakyReLUOptions& o = {}) : options(o) {}
  const LeakyReLUOptions options;
  Tensor forward(const Tensor& x) override { return leaky_relu(x, options.negative_slope); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct GELUOptions {
  GeluApproximation approximate = GeluApproximation::none;
};

class GELU : public Module {
 public:
  explicit GELU(const GELUOptions& o = {}) : options(o) {}
  const GELUOptions options;
  Tensor forward(const Tensor& x) override { return gelu(x, options.approximate); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

class SiLU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return silu(x); }
  bool by_rows() const override { return true; }
  std::string describe() const override { return "SiLU()"; }
};

class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
  bool by_rows() const override { return true; }
  std::string describe() const override { return "Sigmoid()"; }
};

class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) override { return heddle::tanh(x); }
  bool by_rows() const override { return true; }
  std::string describe() const override { return "Tanh()"; }
};

struct DropoutOptions {
  double p = 0.5;
};

/// Drops single elements while training. Error unless p lies in [0, 1].
class Dropout : public Module {
 public:
  explicit Dropout(const DropoutOptions& options = {});
  const DropoutOptions options;
  Tensor forward(const Tensor& x) override { return dropout(x, options.p, training()); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

/// Drops whole channels of [n, c, h, w] while training.
class Dropout2d : public Module {
 public:
  explicit Dropout2d(const DropoutOptions& options = {});
  const DropoutOptions options;
  Tensor forward(const Tensor& x) override { return dropout2d(x, options.p, training()); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct MaxPool2dOptions {
  Pair kernel_size = 2;
  Pair stride = 0;  ///< 0: the kernel's size
  Pair padding = 0, dilation = 1;
  bool ceil_mode = false;
};

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const MaxPool2dOptions& o = {}) : options(o) {}
  const MaxPool2dOptions options;
  Tensor forward(const Tensor& x) override;
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct AvgPool2dOptions {
  Pair kernel_size = 2;
  Pair stride = 0;  ///< 0: the kernel's size
  Pair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
};

class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(const AvgPool2dOptions& o = {}) : options(o) {}
  const AvgPool2dOptions options;
  Tensor forward(const Tensor& x) override;
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct AdaptiveAvgPool2dOptions {
  Pair output_size = 1;
};

/// With output_size 1 this is global average pooling.
class AdaptiveAvgPool2d : public Module {
 public:
  explicit AdaptiveAvgPool2d(const AdaptiveAvgPool2dOptions& o = {}) : options(o) {}
  const AdaptiveAvgPool2dOptions options;
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, options.output_size); }
  bool by_rows() const override { return true; }
  std::string describe() const override;
};

struct FlattenOptions {
  int start_dim = 1, end_dim = -1;
};

class Flatten : public Module {
 public:
  explicit Flatten(const FlattenOptions& o = {}) : options(o) {}
  const FlattenOptions options;
  Tensor forward(const Tensor& x) override { return x.flatten(options.start_dim, options.end_dim); }
  bool by_rows() const override { return options.start_dim >= 1; }
  std::string describe() const override;
};

struct PixelShuffleOptions {
  std::int64_t upscale_factor = 1;
};

/// [..., c r r, h, w] to [..., c, h r, w r]. Not by rows: those of an input without a batch are channels.
class PixelShuffle : public Module {
 public:
  explicit PixelShuffle(const PixelShuffleOptions& o) : options(o) {}
  const PixelShuffleOptions options;
  Tensor forward(const Tensor& x) override { return pixel_shuffle(x, options.upscale_factor); }
  std::string describe() const override;
};

struct PixelUnshuffleOptions {
  std::int64_t downscale_factor = 1;
};

/// [..., c, h r, w r] to [..., c r r, h, w]. Not by rows, as PixelShuffle.
class PixelUnshuffle : public Module {
 public:
  explicit PixelUnshuffle(const PixelUnshuffleOptions& o) : options(o) {}
  const PixelUnshuffleOptions options;
  Tensor forward(const Tensor& x) override { return pixel_unshuffle(x, options.downscale_factor); }
  std::string describe() const override;
};

class Identity : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x; }
  bool by_rows() const override { return true; }
  std::string describe() const override { return "Identity()"; }
};

}  // namespace heddle::nn
HD_API_END
