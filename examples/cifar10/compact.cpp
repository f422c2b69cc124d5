// compact: the plan of bottleneck, narrower, with ReLU before the norm.
//
// Block = convolution, ReLU, norm, dropout. Trained with colour jitter, flips and small rotations.
#include "model.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

// Layer norm here is one group over (C, H, W) with an affine a channel.
std::shared_ptr<nn::Module> make_norm(Norm norm, int c) {
  if (norm == Norm::batch) return nn::share(nn::BatchNorm2d({.num_features = c}));
  return nn::share(nn::GroupNorm({.num_groups = norm == Norm::group ? 2 : 1, .num_channels = c}));
}

Net build(Norm norm) {
  const auto block = [&](int in, int out) {
    return nn::Sequential(conv(in, out), nn::ReLU(), make_norm(norm, out), nn::Dropout({.p = 0.02}));
  };
  return Net(stages(block(3, 10), block(10, 10), conv(10, 16, 1), nn::MaxPool2d(),  //
                    block(16, 24), block(24, 16), block(16, 32), conv(32, 16, 1), nn::MaxPool2d(),
                    block(16, 32), block(32, 32), block(32, 32), nn::AvgPool2d({.kernel_size = 8}), conv(32, 10, 1)));
}

}  // namespace

Architecture compact() {
  return {.name = "compact",
          .norms = {Norm::batch, Norm::group, Norm::layer},
          .build = build,
          .recipe = {.batch = 512,
                     .epochs = 20,
                     .lr = 0.01,
                     .momentum = 0.9,
                     .augmentation = {data::ColorJitter{.brightness = 0.1f, .contrast = 0.1f, .saturation = 0.1f, .hue = 0.1f},
                                      data::RandomHorizontalFlip{.p = 0.3f}, data::RandomRotation{.degrees = 10, .fill = {1, 1, 1}}}}};
}

}  // namespace cifar10
