// Finding, in a row of modules, a norm with the neighbours that its kernels compute along with it. Internal.
#pragma once

#include <memory>
#include <span>

#include "heddle/nn/norm.hpp"

namespace heddle::nn {

struct FusedNorm {
  Norm* norm = nullptr;  ///< null: nothing to fuse here
  NormNeighbours neighbours;
  std::size_t count = 0;  ///< modules it stands for
};

/// [ReLU] [Dropout | Dropout2d] norm [ReLU] [Dropout | Dropout2d], from the first of `modules` on, none of them hooked.
FusedNorm find_fused_norm(std::span<const std::shared_ptr<Module>> modules);

/// What observers call modules that run as one: "stages.0.1+2+3", "BatchNorm2d+ReLU+Dropout2d".
Label label_of(std::span<const std::shared_ptr<Module>> modules);

}  // namespace heddle::nn
