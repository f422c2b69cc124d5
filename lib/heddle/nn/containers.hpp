// Modules made of modules.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/draw_order.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

namespace internal {
/// What a module of known type takes.
void note_size(const Module* module, std::size_t bytes);
}

/// Any module, moved or copied to the heap.
template <class M> std::shared_ptr<Module> share(M&& module) {
  if constexpr (std::is_convertible_v<M, std::shared_ptr<Module>>) {
    return std::forward<M>(module);
  } else {
    auto made = std::make_shared<std::remove_cvref_t<M>>(std::forward<M>(module));
    internal::note_size(made.get(), sizeof *made);  // for audit()
    return made;
  }
}

/// The modules of a call's arguments, with the weights that they have when they are built from left to right, whichever order the
/// compiler builds them in (draw_order.hpp). Modules with names of their own were built before, and are taken as they are.
template <class... Ms> std::vector<std::shared_ptr<Module>> share_all(Ms&&... modules) {
  std::vector<std::shared_ptr<Module>> all;
  all.reserve(sizeof...(Ms));
  (all.push_back(share(std::forward<Ms>(modules))), ...);
  if constexpr (sizeof...(Ms) > 1) {
    constexpr bool unnamed[] = {!std::is_lvalue_reference_v<Ms>...};
    std::vector<Module*> built;
    for (std::size_t i = 0; i < sizeof...(Ms); ++i)
      if (unnamed[i]) built.push_back(all[i].get());
    draw_in_order(built);
  }
  return all;
}

/// Modules one after another, named 0, 1, 2, ... as in PyTorch.
///
/// A norm with its neighbours (ReLU and dropout in front of it, ReLU and dropout behind it) is run as one op: the same
/// numbers, fewer passes over memory. Layers with hooks are left alone; HEDDLE_FUSE=0 in the environment, or
/// set_fusion(false), turns this off.
///
/// Layers built in the parentheses of the constructor have the weights of layers built from left to right: share_all().
///
/// The language makes Sequential(Sequential(...)) one and the same object, and a copy of Sequential(other): sequential(...)
/// below always makes a new one around what it is given, as PyTorch does.
class Sequential : public Module {
 public:
  Sequential() = default;
  template <class... Ms>
    requires(sizeof...(Ms) > 0 && !(sizeof...(Ms) == 1 && (std::is_same_v<std::remove_cvref_t<Ms>, Sequential> && ...)))
  explicit Sequential(Ms&&... modules) : modules_(share_all(std::forward<Ms>(modules)...)) {}

  template <class M> Sequential& push_back(M&& module) {
    modules_.push_back(share(std::forward<M>(module)));
    return *this;
  }
  std::size_t size() const { return modules_.size(); }
  /// Error when there is no such part.
  Module& operator[](std::size_t index) const;

  bool by_rows() const override { return true; }
  Tensor forward(const Tensor& x) override;
  void members(Members& m) override;
  std::string describe() const override { return "Sequential"; }

 private:
  template <class... Ms> friend Sequential sequential(Ms&&... modules);

  std::vector<std::shared_ptr<Module>> modules_;
};

/// A new Sequential of these modules, also where there is one, and that a Sequential: sequential(inner) nests.
template <class... Ms> Sequential sequential(Ms&&... modules) {
  Sequential made;
  made.modules_ = share_all(std::forward<Ms>(modules)...);
  return made;
}

/// y = x + f(x), with f of the same output shape: He et al., "Deep residual learning", CVPR 2016. As with Sequential, a Residual
/// of one Residual is a copy of it; residual(...) nests.
class Residual : public Module {
 public:
  template <class M>
    requires(!std::is_same_v<std::remove_cvref_t<M>, Residual>)
  explicit Residual(M&& inner) : inner_(share(std::forward<M>(inner))) {}

  bool by_rows() const override { return true; }
  Tensor forward(const Tensor& x) override;
  void members(Members& m) override { m.module("inner", *inner_); }
  std::string describe() const override { return "Residual"; }

 private:
  std::shared_ptr<Module> inner_;
};

/// A new Residual around a module, also around a Residual.
template <class M> Residual residual(M&& inner) {
  return Residual(share(std::forward<M>(inner)));
}

/// Whether Sequential runs neighbours as one op.
void set_fusion(bool on);
bool fusion_enabled();

/// Whether networks whose modules are all by_rows() run a few images at a time on the CPU: by default where recording is off
/// (evaluation); with `recorded` in training too, which as measured pays on some networks only (docs/performance.md).
/// HEDDLE_BLOCKS=0 or train in the environment sets what a program begins with.
void set_blocks(bool on, bool recorded = false);
bool blocks_enabled();

}  // namespace heddle::nn
HD_API_END
