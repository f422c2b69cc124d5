#include "heddle/nn/module_lists.hpp"

#include "heddle/base/check.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/format.hpp"

namespace heddle::nn {

Module& ModuleList::operator[](std::size_t index) const {
  check(index < modules_.size(), "ModuleList", "expected an index below {}, got {}", modules_.size(), index);
  return *modules_[index];
}

Tensor ModuleList::forward(const Tensor&) {
  fail("ModuleList", "expected calls of its parts, got one of the list: they have no order (Sequential has)");
}

void ModuleList::members(Members& m) {
  for (std::size_t i = 0; i < modules_.size(); ++i) m.module(std::to_string(i), *modules_[i]);
}

void ModuleDict::add(std::string name, std::shared_ptr<Module> module) {
  check(!name.empty() && name.find('.') == std::string::npos, "ModuleDict", "expected a name without dots, got '{}'", name);
  check(!contains(name), "ModuleDict", "expected a new name, got '{}' again", name);
  modules_.emplace_back(std::move(name), std::move(module));
}

bool ModuleDict::contains(std::string_view name) const {
  for (const auto& [key, module] : modules_)
    if (key == name) return true;
  return false;
}

std::vector<std::string> ModuleDict::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, module] : modules_) names.push_back(key);
  return names;
}

Module& ModuleDict::operator[](std::string_view name) const {
  for (const auto& [key, module] : modules_)
    if (key == name) return *module;
  fail("ModuleDict", strings::format("expected one of {}, got '{}'", strings::join(keys(), ", "), name));
}

Tensor ModuleDict::forward(const Tensor&) {
  fail("ModuleDict", "expected calls of its parts, got one of the dictionary");
}

void ModuleDict::members(Members& m) {
  for (const auto& [name, module] : modules_) m.module(name, *module);
}

}  // namespace heddle::nn
