// bottleneck: stacks of 3x3 convolutions joined by 1x1 convolutions down to 10 channels.
//
// Block = convolution, norm, ReLU, dropout of whole channels. With layer norm every block has 16 channels, since its affine
// parameters, one an element, are many.
#include "model.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

// Norm of c channels of size x size.
std::shared_ptr<nn::Module> make_norm(Norm norm, int c, int size) {
  switch (norm) {
    case Norm::batch: return nn::share(nn::BatchNorm2d({.num_features = c}));
    case Norm::group: return nn::share(nn::GroupNorm({.num_groups = size == 16 && c == 32 ? 8 : 4, .num_channels = c}));
    default: return nn::share(nn::LayerNorm({.normalized_shape = {c, size, size}}));
  }
}

Net build(Norm norm) {
  const double drop = norm == Norm::layer ? 0.1 : 0.05;
  const int wide = norm == Norm::layer ? 16 : 32;
  const auto block = [&](int in, int out, int size) {
    return nn::Sequential(conv(in, out), make_norm(norm, out, size), nn::ReLU(), nn::Dropout2d({.p = drop}));
  };
  return Net(stages(block(3, wide, 32), block(wide, wide, 32), conv(wide, 10, 1), nn::MaxPool2d(),  //
                    block(10, 16, 16), block(16, wide, 16), block(wide, wide, 16), conv(wide, 10, 1), nn::MaxPool2d(),
                    block(10, wide, 8), block(wide, wide, 8), block(wide, wide, 8), nn::AdaptiveAvgPool2d(), conv(wide, 10, 1)));
}

}  // namespace

Architecture bottleneck() {
  return {.name = "bottleneck",
          .norms = {Norm::batch, Norm::group, Norm::layer},
          .build = build,
          .recipe = {.batch = 128, .epochs = 20, .lr = 0.01, .momentum = 0.9}};
}

}  // namespace cifar10
