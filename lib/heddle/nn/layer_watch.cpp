#include "heddle/nn/layer_watch.hpp"

#include <utility>

namespace heddle::nn {
namespace {
thread_local constinit LayerWatch* innermost = nullptr;
}

LayerWatch::LayerWatch(const NamedModules& modules, Report report)
    : report_(std::move(report)), outer_(std::exchange(innermost, this)) {
  for (const auto& [path, module] : modules) paths_.emplace(module, path);
}

LayerWatch::~LayerWatch() { innermost = outer_; }

bool LayerWatch::watches(const Module& module) {
  for (const LayerWatch* w = innermost; w; w = w->outer_)
    if (w->paths_.contains(&module)) return true;
  return false;
}

void LayerWatch::called(Module& module, const Tensor& input, const Tensor& output) {
  for (const LayerWatch* w = innermost; w; w = w->outer_)
    if (const auto found = w->paths_.find(&module); found != w->paths_.end()) w->report_(found->second, module, input, output);
}

NamedModules leaf_modules(Module& module) {
  NamedModules leaves;
  for (const auto& [path, part] : module.named_modules())
    if (part->named_children().empty()) leaves.emplace_back(path, part);
  return leaves;
}

}  // namespace heddle::nn
