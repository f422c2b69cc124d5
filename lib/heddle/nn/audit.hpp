// Finding what a module forgot to name in members(): such a part is neither trained nor saved nor moved, and says nothing.
#pragma once

#include <cstddef>
#include <typeinfo>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

namespace internal {
/// `bytes`: what the module takes, or 0 where its type is not known.
void audit_members(Module& module, std::size_t bytes);
}  // namespace internal

/// Error where a module has a part or a parameter as an ordinary member that members() does not name; it lists them all. Looks
/// at `module`, given as the type it is, and at all below it whose types are known: parts named as they are declared, and
/// modules that a Sequential or Residual holds. Parts behind pointers and in containers are not looked for, since
/// they may belong to others. A parameter is a tensor that requires a gradient or was filled with random numbers. To be called when the
/// network is made: later a module may well keep a tensor of a caller's.
template <class M> void audit(M& module) {
  internal::audit_members(module, typeid(module) == typeid(M) ? sizeof(M) : 0);
}

/// Error where `loss`, made by a network that was just run, would give a gradient to a leaf that is neither a parameter of the
/// network nor one of `others` (of an optimizer, say); it names the op that read it. Finds parts behind pointers too. fit()
/// calls it at its first step.
void audit(Module& module, const Tensor& loss, const std::vector<Tensor>& others = {});

}  // namespace heddle::nn
HD_API_END
