// dilated: no max pooling; strided 1x1 convolutions shrink the image, a dilated and two depthwise-separable convolutions
// widen the view, and global average pooling gives the logits.
//
// tail(c) = ReLU, batch norm, dropout of whole channels.
#include "model.hpp"

namespace cifar10 {
namespace {

using namespace heddle;

void tail(nn::Sequential& net, int c) { net.push_back(nn::ReLU()).push_back(nn::BatchNorm2d({.num_features = c})).push_back(nn::Dropout2d({.p = 0.05})); }

void down(nn::Sequential& net, int in, int out) {
  net.push_back(nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 1, .stride = 2})).push_back(nn::ReLU());
}

// Chollet, "Xception", CVPR 2017: a filter a channel, then a mix of channels. The mix is padded, so the image grows by two.
void separable(nn::Sequential& net, int in, int out) {
  net.push_back(nn::Conv2d({.in_channels = in, .out_channels = in, .kernel_size = 3, .padding = 1, .groups = in, .bias = false}));
  net.push_back(nn::Conv2d({.in_channels = in, .out_channels = out, .kernel_size = 1, .padding = 1, .bias = false}));
  tail(net, out);
}

Net build(Norm) {
  nn::Sequential net;
  const auto block = [&](int in, int out) {
    net.push_back(conv(in, out));
    tail(net, out);
  };
  block(3, 64);
  block(64, 128);
  down(net, 128, 64);
  block(64, 64);
  separable(net, 64, 64);
  down(net, 64, 32);
  net.push_back(nn::Conv2d({.in_channels = 32, .out_channels = 64, .kernel_size = 3, .padding = 1, .dilation = 2, .bias = false}));
  tail(net, 64);
  block(64, 64);
  down(net, 64, 32);
  block(32, 32);
  separable(net, 32, 10);
  net.push_back(nn::AdaptiveAvgPool2d());
  return Net(stages(std::move(net)));
}

}  // namespace

Architecture dilated() {
  const auto mean = data::cifar10_mean;
  return {.name = "dilated",
          .norms = {Norm::batch},
          .build = build,
          .recipe = {.batch = 128,
                     .epochs = 100,
                     .lr = 0.1,
                     .momentum = 0.9,
                     .schedule = ScheduleKind::one_cycle,
                     .augmentation = {data::RandomHorizontalFlip{.p = 0.5f},
                                      data::ShiftScaleRotate{.shift_limit = 0.0625f, .scale_limit = 0.1f, .rotate_limit = 15, .p = 0.5f},
                                      data::CoarseDropout{.holes = 1, .height = 16, .width = 16, .fill_value = mean, .p = 0.5f}}}};
}

}  // namespace cifar10
