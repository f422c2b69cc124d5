// Watching layers run on this thread, without touching them: what summaries, dumps of activations and Grad-CAM do, so that
// several threads may do it to one network at once. Internal.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "heddle/nn/module.hpp"

namespace heddle::nn {

/// While one lives, calls on this thread of the modules it was given are reported, like a forward hook's: path is what the
/// module was given with. These modules run one by one, not fused with others, and not in blocks.
class LayerWatch {
 public:
  using Report = std::function<void(const std::string& path, Module&, const Tensor& input, const Tensor& output)>;
  LayerWatch(const NamedModules& modules, Report report);
  ~LayerWatch();
  LayerWatch(const LayerWatch&) = delete;
  LayerWatch& operator=(const LayerWatch&) = delete;

  /// Whether a watch on this thread has the module.
  static bool watches(const Module& module);
  /// Reports a call to those that have the module.
  static void called(Module& module, const Tensor& input, const Tensor& output);

 private:
  std::unordered_map<const Module*, std::string> paths_;
  Report report_;
  LayerWatch* outer_;
};

/// The modules below this one that have no parts of their own, and itself if it has none.
NamedModules leaf_modules(Module& module);

}  // namespace heddle::nn
