// When to use Winograd's algorithm, and which of its two ways of filling vectors.
#pragma once

#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/simd.hpp"

namespace heddle::kernels {
namespace {

/// Whether Winograd's algorithm is to compute a shape that it serves. With very few channels, transforming a tile takes
/// longer than its multiplications save.
HD_INLINE bool winograd_pays(const ConvShape& s) {
  const ConvChoice choice = conv_choice();
  return choice == ConvChoice::winograd || (choice == ConvChoice::automatic && s.c >= 3 && s.k >= 3 && s.c + s.k >= 12);
}

/// Whether a vector of small images is better than rows of tiles: they are dilated, which rows of tiles do not serve, or their
/// sizes are no whole tiles and nearly all lanes have an image. An image's results must not depend on how many others there
/// are, since networks run in blocks of a batch: both ways compute the same to the bit, but nothing else does.
HD_INLINE bool by_images(const ConvShape& s) {
  if (s.dilation_h > 1 || s.dilation_w > 1) return true;
  const bool tiles = s.pad_h == 1 && s.pad_w == 1 && s.w % 4 == 0;
  const int vectors = (s.n + lanes<float> - 1) / lanes<float>;
  return !tiles && s.n * 4 >= vectors * lanes<float> * 3;
}

}  // namespace
}  // namespace heddle::kernels
