// residual: two skips, each around two blocks of 32 channels.
//
// Block = convolution with bias, norm, ReLU. Trained in small batches with shifts, zooms, rotations and changes of light.
#include "model.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

std::shared_ptr<nn::Module> make_norm(Norm norm, int c) {
  if (norm == Norm::batch) return nn::share(nn::BatchNorm2d({.num_features = c}));
  return nn::share(nn::GroupNorm({.num_groups = norm == Norm::group ? 2 : 1, .num_channels = c}));
}

Net build(Norm norm) {
  const auto block = [&](int in, int out) { return nn::Sequential(conv(in, out, 3, true), make_norm(norm, out), nn::ReLU()); };
  Net net(stages(block(3, 16), block(16, 16), conv(16, 8, 1, true), nn::MaxPool2d(), nn::Dropout({.p = 0.01}),  //
                 block(8, 32), block(32, 32), block(32, 32), conv(32, 16, 1, true), nn::MaxPool2d(), nn::Dropout({.p = 0.01}),
                 block(16, 32), block(32, 32), block(32, 32), nn::AdaptiveAvgPool2d(), conv(32, 10, 1, true)),
          {{.from = 6, .to = 7}, {.from = 12, .to = 13}});
  net.apply([](nn::Module& m) {
    if (auto* layer = dynamic_cast<nn::Conv2d*>(&m)) {
      nn::init::xavier_uniform_(layer->weight);
      nn::init::zeros_(layer->bias);
    }
  });
  return net;
}

}  // namespace

Architecture residual() {
  return {.name = "residual",
          .norms = {Norm::batch, Norm::group, Norm::layer},
          .build = build,
          .recipe = {.batch = 32,
                     .epochs = 20,
                     .lr = 0.01,
                     .momentum = 0.95,
                     .schedule = ScheduleKind::points,
                     .points = {{0, 0.001}, {2, 0.01}, {8, 0.0002}, {12, 0.0001}, {20, 0}},
                     .augmentation = {data::ShiftScaleRotate{.shift_limit = 0.09f, .scale_limit = 0.09f, .rotate_limit = 7, .p = 0.5f},
                                      data::BrightnessContrast{.brightness_limit = 0.2f, .contrast_limit = 0.2f, .p = 0.5f}}}};
}

}  // namespace cifar10
