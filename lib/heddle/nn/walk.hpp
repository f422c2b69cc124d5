// Walks over a network: every module, or every tensor, below one. Internal.
//
// A module or tensor that is reached by several names (tied weights, one activation used twice) is met once, under its first
// name, unless a walk asks for each name. A module that names one it lies in is not followed round.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "heddle/nn/module.hpp"

namespace heddle::nn::internal {

/// "stages.0" and "weight" as "stages.0.weight".
std::string join(const std::string& prefix, std::string_view name);

/// The module itself and all below it, parents first.
void walk_modules(Module& module, const std::function<void(const std::string& path, Module&)>& f);

enum class Ties { once, each_name };
/// The tensors of the module and of all below it. Once: trained ones and others are counted apart.
void walk_values(Module& module, Ties ties, const std::function<void(const std::string& path, Tensor&, bool trained)>& f);

/// The module's own parts and tensors, as it names them.
void walk_own(Module& module, const std::function<void(std::string_view, Module&)>& on_part,
              const std::function<void(std::string_view, Tensor&, bool)>& on_value = {});

/// The modules that a walk is in, from the innermost outwards.
struct Chain {
  const Module* module;
  const Chain* outer;
  bool holds(const Module& m) const {
    for (const Chain* c = this; c; c = c->outer)
      if (c->module == &m) return true;
    return false;
  }
};

}  // namespace heddle::nn::internal
