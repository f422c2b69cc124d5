// The CPU's convolution algorithms, each in files of its own and compiled for each instruction set; conv_cpu.cpp chooses.
#pragma once

#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"
#include "kernels/conv/conv.hpp"

namespace heddle::kernels {

// Names of the algorithms.
struct NaiveConv;                 // the definition, loop by loop
struct DirectConv;                // staged planes and register blocks: forward and gradient of x, every shape
struct DirectWeightConv;          // the same for the gradient of the weights
struct PointwiseConv;             // 1 x 1 filters as a matrix product of channels: forward and gradient of x
struct PointwiseWeightConv;       // the same for the gradient of the weights, float, of every image
struct FewChannelsWeightConv;     // 3 x 3 filters of up to four channels, gradient of the weights, float
struct WinogradConv;              // F(4x4, 3x3): forward and gradient of x; 3 x 3 with stride and dilation 1, float
struct WinogradWeightConv;        // the same for the gradient of the weights
struct WinogradImagesConv;        // the same transforms of small images, a vector of them at a time, with any dilation
struct WinogradImagesWeightConv;  // the same for the gradient of the weights

namespace {
/// So many bytes of a workspace, rounded up to whole cache lines.
HD_INLINE std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}
}  // namespace

/// What HEDDLE_CONV in the environment asks for.
enum class ConvChoice { automatic, direct, winograd };
ConvChoice conv_choice();

/// One algorithm's kernels, found as CpuTable<isa, ConvAlgorithm<T, Name>>::get({}). Those of passes that it does not serve
/// may be null.
template <class T, class Name>
struct ConvAlgorithm {
  bool (*serves)(const ConvShape&, ConvPass);
  Conv2dKernels<T> kernels;
};

}  // namespace heddle::kernels
