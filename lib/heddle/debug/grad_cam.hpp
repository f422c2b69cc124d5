// Grad-CAM: which places of an image a network's answer rests on. Selvaraju et al., "Grad-CAM: visual explanations from deep
// networks via gradient-based localization", ICCV 2017.
//
// With A the output of a layer [n, k, h, w] and s the logit of a class, channel k counts by w_k, the mean over h and w of
// ds / dA_k, and the map is max(0, sum_k w_k A_k). A forward hook keeps A, retain_grad() its gradient.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::debug {

struct GradCamOptions {
  std::string layer = {};                  ///< its path; empty: last_spatial_layer()
  std::vector<std::int64_t> classes = {};  ///< whose map, one an image; empty: the most likely one's
};

struct GradCam {
  Tensor maps;    ///< [n, h, w] at the layer's resolution, nothing below 0
  Tensor logits;  ///< [n, classes]
  std::vector<std::int64_t> classes;
  std::string layer;
};

/// Maps for images as the network takes them. It runs in evaluation mode; modes, gradients and requires_grad are afterwards as
/// before. Error for a layer that is not there (all names are listed), runs to no image of more than one pixel, or has no
/// part in the answer, and for a class that is not there.
GradCam grad_cam(nn::Module& net, const Tensor& images, const GradCamOptions& options = {});

/// The path of the last layer without parts that makes an image of more than one pixel: what stands in front of the global
/// pooling. Runs the network once.
std::string last_spatial_layer(nn::Module& net, const Tensor& images);

}  // namespace heddle::debug
HD_API_END
