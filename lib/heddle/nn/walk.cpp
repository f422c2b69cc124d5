#include "heddle/nn/walk.hpp"

#include <set>
#include <unordered_set>
#include <utility>

namespace heddle::nn::internal {
namespace {

struct Own : Members {
  const std::function<void(std::string_view, Module&)>& on_part;
  const std::function<void(std::string_view, Tensor&, bool)>& on_value;
  Own(const std::function<void(std::string_view, Module&)>& f, const std::function<void(std::string_view, Tensor&, bool)>& g)
      : on_part(f), on_value(g) {}
  void part(std::string_view name, Module& m) override {
    if (on_part) on_part(name, m);
  }
  void value(std::string_view name, Tensor& t, bool trained) override {
    if (on_value) on_value(name, t, trained);
  }
};

struct ModuleWalk {
  const std::function<void(const std::string&, Module&)>& f;
  std::unordered_set<const Module*> met = {};

  void operator()(const std::string& path, Module& module) {
    if (!met.insert(&module).second) return;
    f(path, module);
    walk_own(module, [&](std::string_view name, Module& part) { (*this)(join(path, name), part); });
  }
};

struct ValueWalk {
  const std::function<void(const std::string&, Tensor&, bool)>& f;
  Ties ties;
  std::unordered_set<const Module*> modules = {};
  std::set<std::pair<const void*, bool>> tensors = {};

  void operator()(const std::string& path, Module& module, const Chain* outer) {
    const Chain chain{&module, outer};
    if (ties == Ties::once ? !modules.insert(&module).second : outer && outer->holds(module)) return;
    walk_own(
        module, [&](std::string_view name, Module& part) { (*this)(join(path, name), part, &chain); },
        [&](std::string_view name, Tensor& t, bool trained) {
          if (ties == Ties::each_name || tensors.emplace(t.impl().get(), trained).second) f(join(path, name), t, trained);
        });
  }
};

}  // namespace

std::string join(const std::string& prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
}

void walk_own(Module& module, const std::function<void(std::string_view, Module&)>& on_part,
              const std::function<void(std::string_view, Tensor&, bool)>& on_value) {
  Own own(on_part, on_value);
  module.members(own);
}

void walk_modules(Module& module, const std::function<void(const std::string&, Module&)>& f) {
  ModuleWalk{f}("", module);
}

void walk_values(Module& module, Ties ties, const std::function<void(const std::string&, Tensor&, bool)>& f) {
  ValueWalk{f, ties}("", module, nullptr);
}

}  // namespace heddle::nn::internal
