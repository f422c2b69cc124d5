// transition: blocks of one width, joined by 1x1 convolutions that change it; one skip around the second and third.
//
// Block = convolution, ReLU, dropout, norm.
#include "model.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

std::shared_ptr<nn::Module> group_norm_of(int c) {
  return nn::share(nn::GroupNorm({.num_groups = c == 20 ? 5 : 8, .num_channels = c}));
}

// Layer norm over (C, H, W), without parameters.
std::shared_ptr<nn::Module> make_norm(Norm norm, int c, int size) {
  switch (norm) {
    case Norm::batch: return nn::share(nn::BatchNorm2d({.num_features = c}));
    case Norm::group: return group_norm_of(c);
    default: return nn::share(nn::LayerNorm({.normalized_shape = {c, size, size}, .elementwise_affine = false}));
  }
}

Net build(Norm norm) {
  struct Options {
    int kernel = 3;
    double drop = 0;
    std::shared_ptr<nn::Module> norm = nullptr;
  };
  const auto block = [&](int in, int out, int size, const Options& o = {}) {
    return nn::Sequential(conv(in, out, o.kernel), nn::ReLU(), nn::Dropout({.p = o.drop}), o.norm ? o.norm : make_norm(norm, out, size));
  };
  // The layer-norm model keeps a group norm in its last transition.
  const auto last = norm == Norm::layer ? group_norm_of(24) : nullptr;
  return Net(stages(block(3, 20, 32), block(20, 20, 32), block(20, 20, 32, {.drop = 0.05}), block(20, 32, 32, {.kernel = 1, .drop = 0.1}),
                    nn::MaxPool2d(),  //
                    block(32, 32, 16), block(32, 32, 16, {.drop = 0.05}), block(32, 32, 16, {.drop = 0.05}), nn::MaxPool2d(),
                    block(32, 24, 8, {.kernel = 1, .drop = 0.1, .norm = last}), block(24, 24, 8, {.drop = 0.05}), conv(24, 24),
                    nn::AdaptiveAvgPool2d(), conv(24, 10, 1)),
             {{.from = 1, .to = 2}});
}

}  // namespace

Architecture transition() {
  return {.name = "transition",
          .norms = {Norm::batch, Norm::group, Norm::layer},
          .build = build,
          .recipe = {.batch = 128, .epochs = 20, .lr = 0.1, .momentum = 0.9, .schedule = ScheduleKind::one_cycle}};
}

}  // namespace cifar10
