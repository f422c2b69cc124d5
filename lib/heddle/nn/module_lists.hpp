// Modules kept together without an order of calls: a network's forward calls them as it likes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/nn/containers.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

/// Modules by number, named 0, 1, 2, ... as in PyTorch. Calling it is an Error: call its parts, `for (const auto& m : list)
/// x = (*m)(x);`.
class ModuleList : public Module {
 public:
  ModuleList() = default;
  template <class... Ms>
  requires(sizeof...(Ms) > 0 && !(sizeof...(Ms) == 1 && (std::is_same_v<std::remove_cvref_t<Ms>, ModuleList> &&
                                                         ...))) explicit ModuleList(Ms&&... modules)
      : modules_(share_all(std::forward<Ms>(modules)...)) {}

  template <class M>
  ModuleList& push_back(M&& module) {
    modules_.push_back(share(std::forward<M>(module)));
    return *this;
  }
  std::size_t size() const { return modules_.size(); }
  /// Error when there is no such part.
  Module& operator[](std::size_t index) const;
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

  Tensor forward(const Tensor& x) override;
  void members(Members& m) override;
  std::string describe() const override { return "ModuleList"; }

 private:
  std::vector<std::shared_ptr<Module>> modules_;
};

/// Modules by name, in the order in which they came. Calling it is an Error: call its parts.
class ModuleDict : public Module {
 public:
  /// Error for a name that is empty, has a dot, or is there already.
  template <class M>
  ModuleDict& insert(std::string name, M&& module) {
    add(std::move(name), share(std::forward<M>(module)));
    return *this;
  }
  std::size_t size() const { return modules_.size(); }
  bool contains(std::string_view name) const;
  std::vector<std::string> keys() const;
  /// Error that lists the names when this is not one of them.
  Module& operator[](std::string_view name) const;
  /// Pairs of a name and a module.
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

  Tensor forward(const Tensor& x) override;
  void members(Members& m) override;
  std::string describe() const override { return "ModuleDict"; }

 private:
  void add(std::string name, std::shared_ptr<Module> module);
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> modules_;
};

}  // namespace heddle::nn
HD_API_END
