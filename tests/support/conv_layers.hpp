// The convolutions of the thirteen example systems (examples/cifar10), each shape once, at its system's batch: what the
// benchmark times and what the test of Winograd's error measures. Depthwise ones have a family of their own.
#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv.hpp"

namespace heddle::test {

struct ConvLayer {
  std::string name;  // system, channels -> channels@input size, kernel
  kernels::ConvShape shape;
};

inline std::vector<ConvLayer> conv_layers() {
  std::vector<ConvLayer> layers;
  const auto add = [&](const char* system, int batch, int c, int k, int size, int kernel, kernels::ConvShape o = {}) {
    o.n = batch, o.c = c, o.k = k, o.h = o.w = size, o.kh = o.kw = kernel;
    std::string name = std::string(system) + " " + std::to_string(c) + "->" + std::to_string(k) + "@" + std::to_string(size);
    if (kernel == 1) name += " 1x1";
    if (o.stride_h > 1) name += " stride " + std::to_string(o.stride_h);
    if (o.dilation_h > 1) name += " dilation " + std::to_string(o.dilation_h);
    if (kernel == 1 && o.pad_h) name += " padded";
    layers.push_back({name, o});
  };
  const kernels::ConvShape same{.pad_h = 1, .pad_w = 1};
  const auto conv = [&](const char* system, int batch, int c, int k, int size) { add(system, batch, c, k, size, 3, same); };
  const auto mix = [&](const char* system, int batch, int c, int k, int size) { add(system, batch, c, k, size, 1); };

  const char* name = "bottleneck";
  conv(name, 128, 3, 32, 32), conv(name, 128, 32, 32, 32), mix(name, 128, 32, 10, 32);
  conv(name, 128, 10, 16, 16), conv(name, 128, 16, 32, 16), conv(name, 128, 32, 32, 16), mix(name, 128, 32, 10, 16);
  conv(name, 128, 10, 32, 8), conv(name, 128, 32, 32, 8), mix(name, 128, 32, 10, 1);
  name = "bottleneck layer";
  conv(name, 128, 3, 16, 32), conv(name, 128, 16, 16, 32), mix(name, 128, 16, 10, 32), conv(name, 128, 16, 16, 16);
  mix(name, 128, 16, 10, 16), conv(name, 128, 10, 16, 8), conv(name, 128, 16, 16, 8), mix(name, 128, 16, 10, 1);
  name = "transition";
  conv(name, 128, 3, 20, 32), conv(name, 128, 20, 20, 32), mix(name, 128, 20, 32, 32), conv(name, 128, 32, 32, 16);
  mix(name, 128, 32, 24, 8), conv(name, 128, 24, 24, 8), mix(name, 128, 24, 10, 1);
  name = "dilated";
  const kernels::ConvShape strided{.stride_h = 2, .stride_w = 2}, padded = same;
  conv(name, 128, 3, 64, 32), conv(name, 128, 64, 128, 32), add(name, 128, 128, 64, 32, 1, strided);
  conv(name, 128, 64, 64, 16), add(name, 128, 64, 64, 16, 1, padded), add(name, 128, 64, 32, 18, 1, strided);
  add(name, 128, 32, 64, 9, 3, {.pad_h = 1, .pad_w = 1, .dilation_h = 2, .dilation_w = 2});
  conv(name, 128, 64, 64, 7), add(name, 128, 64, 32, 7, 1, strided), conv(name, 128, 32, 32, 4);
  add(name, 128, 32, 10, 4, 1, padded);
  name = "residual";
  conv(name, 32, 3, 16, 32), conv(name, 32, 16, 16, 32), mix(name, 32, 16, 8, 32), conv(name, 32, 8, 32, 16);
  conv(name, 32, 32, 32, 16), mix(name, 32, 32, 16, 16), conv(name, 32, 16, 32, 8), conv(name, 32, 32, 32, 8);
  mix(name, 32, 32, 10, 1);
  name = "compact";
  conv(name, 512, 3, 10, 32), conv(name, 512, 10, 10, 32), mix(name, 512, 10, 16, 32), conv(name, 512, 16, 24, 16);
  conv(name, 512, 24, 16, 16), conv(name, 512, 16, 32, 16), mix(name, 512, 32, 16, 16), conv(name, 512, 16, 32, 8);
  conv(name, 512, 32, 32, 8), mix(name, 512, 32, 10, 1);
  return layers;
}

}  // namespace heddle::test
