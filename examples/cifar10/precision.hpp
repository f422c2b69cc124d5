// --precision: what is multiplied, and what activations are stored in.
#pragma once

#include <string>

#include "heddle/base/device.hpp"
#include "heddle/base/dtype.hpp"

namespace cifar10 {

/// Tells the library what to round the factors of convolutions and matrix products to: fp32 (not at all), tf32 or bf16. The
/// result is the type of images to train on, and so of all activations: bfloat16 with bf16, else float32; weights, their
/// gradients and statistics are float32 all the same. Error for what the device has not.
heddle::DType use_precision(const std::string& name, heddle::Device device);

}  // namespace cifar10
