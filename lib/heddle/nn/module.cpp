#include "heddle/nn/module.hpp"


#include <algorithm>
#include <unordered_map>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/nn/blocks.hpp"

namespace heddle::nn {
namespace {

std::string join(const std::string& prefix, std::string_view name) { return prefix.empty() ? std::string(name) : prefix + "." + std::string(name); }

// One module's members, as functions of the walker's.
struct Walk : Members {
  std::function<void(std::string_view, Tensor&, bool)> on_value = [](std::string_view, Tensor&, bool) {};
  std::function<void(std::string_view, Module&)> on_part = [](std::string_view, Module&) {};
  void value(std::string_view name, Tensor& t, bool trained) override { on_value(name, t, trained); }
  void part(std::string_view name, Module& m) override { on_part(name, m); }
};

// Every tensor below `module`, with its path.
void walk_values(Module& module, const std::string& prefix, const std::function<void(const std::string&, Tensor&, bool)>& f) {
  Walk walk;
  walk.on_value = [&](std::string_view name, Tensor& t, bool trained) { f(join(prefix, name), t, trained); };
  walk.on_part = [&](std::string_view name, Module& m) { walk_values(m, join(prefix, name), f); };
  module.members(walk);
}

void walk_modules(Module& module, const std::string& prefix, const std::function<void(const std::string&, Module&)>& f) {
  f(prefix, module);
  Walk walk;
  walk.on_part = [&](std::string_view name, Module& m) { walk_modules(m, join(prefix, name), f); };
  module.members(walk);
}

// An error that already carries its layer's path.
struct LayerError : Error {
  using Error::Error;
};

thread_local int depth = 0;
struct Deeper {
  Deeper() { ++depth; }
  ~Deeper() { --depth; }
};

}  // namespace

std::string LoadReport::str() const {
  std::string text;
  const auto list = [&](const char* title, const std::vector<std::string>& names) {
    if (!names.empty()) text += strings::format("{}{}: {}", text.empty() ? "" : "; ", title, strings::join(names, ", "));
  };
  list("missing", missing);
  list("unexpected", unexpected);
  list("of another type or shape", mismatched);
  return text;
}

Tensor Module::operator()(const Tensor& x) {
  if (depth == 0 && !named_) {
    walk_modules(*this, "", [](const std::string& path, Module& m) { m.path_ = path; });
    named_ = true;
  }
  const bool outermost = depth == 0;
  Deeper deeper;
  Tensor y = guarded([&] {
    // An observer is told of layers on its own thread, so the batch stays in one piece.
    if (observed()) {
      const Scope scope(path_, type_name(), x);
      return scope.output(forward(x));
    }
    if (outermost && runs_in_blocks(*this, x)) return forward_in_blocks(*this, x, [this](const Tensor& part) {
      Deeper deeper_there;  // on the thread that runs the block
      return forward(part);
    });
    return forward(x);
  });
  if (has_hooks()) {
    const auto hooks = *hooks_;
    for (const auto& [id, hook] : hooks) hook(*this, x, y);
  }
  return y;
}

std::string Module::type_name() const {
  const std::string text = describe();
  return text.substr(0, text.find('('));
}

Tensor Module::guarded(const std::function<Tensor()>& f) const {
  try {
    return f();
  } catch (const LayerError&) {
    throw;
  } catch (const Error& error) {
    if (path_.empty()) throw;
    throw LayerError(strings::format("[{}] {}", path_, error.what()));
  }
}

NamedTensors Module::named_parameters() {
  NamedTensors result;
  walk_values(*this, "", [&](const std::string& path, Tensor& t, bool trained) {
    if (trained) result.emplace_back(path, t);
  });
  return result;
}

NamedTensors Module::named_buffers() {
  NamedTensors result;
  walk_values(*this, "", [&](const std::string& path, Tensor& t, bool trained) {
    if (!trained) result.emplace_back(path, t);
  });
  return result;
}

std::vector<Tensor> Module::parameters() {
  std::vector<Tensor> result;
  for (auto& [name, t] : named_parameters()) result.push_back(t);
  return result;
}

std::int64_t Module::num_parameters() {
  std::int64_t total = 0;
  for (auto& t : parameters()) total += t.numel();
  return total;
}

NamedModules Module::named_modules() {
  NamedModules result;
  walk_modules(*this, "", [&](const std::string& path, Module& m) { result.emplace_back(path, &m); });
  return result;
}

NamedModules Module::named_children() {
  NamedModules result;
  Walk walk;
  walk.on_part = [&](std::string_view name, Module& m) { result.emplace_back(name, &m); };
  members(walk);
  return result;
}

NamedTensors Module::state_dict() {
  NamedTensors result;
  walk_values(*this, "", [&](const std::string& path, Tensor& t, bool) { result.emplace_back(path, t.detach()); });
  return result;
}

LoadReport Module::load_state_dict(const NamedTensors& state, bool strict) {
  std::unordered_map<std::string, const Tensor*> given;
  for (const auto& [name, t] : state) {
    check(t.defined(), "load_state_dict", "expected tensors, got an undefined one for {}", name);
    check(given.emplace(name, &t).second, "load_state_dict", "expected each name once, got {} again", name);
  }
  LoadReport report;
  std::vector<std::pair<Tensor, const Tensor*>> copies;
  for (auto& [name, mine] : state_dict()) {
    const auto found = given.find(name);
    if (found == given.end()) {
      report.missing.push_back(name);
      continue;
    }
    const Tensor& theirs = *found->second;
    // Types may differ where the caller asks for what fits: floating-point numbers among each other, that is.
    const bool same_type = theirs.dtype() == mine.dtype();
    const bool converts = !strict && is_floating_point(theirs.dtype()) && is_floating_point(mine.dtype());
    if (theirs.shape() != mine.shape() || !(same_type || converts))
      report.mismatched.push_back(strings::format("{}: expected {} {}, got {} {}", name, name_of(mine.dtype()), mine.shape().str(),
                                              name_of(theirs.dtype()), theirs.shape().str()));
    else
      copies.emplace_back(mine, &theirs);
    given.erase(found);
  }
  for (const auto& [name, t] : state)
    if (given.contains(name)) report.unexpected.push_back(name);
  check(!strict || report.ok(), "load_state_dict", "expected the same names and shapes, got {}", report.str());
  NoGradGuard guard;
  for (auto& [mine, theirs] : copies) mine.copy_(*theirs);
  return report;
}

// A parameter becomes a new leaf: the optimizer is made after the module has been moved, as in PyTorch.
void Module::convert(const std::function<Tensor(const Tensor&)>& f) {
  walk_values(*this, "", [&](const std::string&, Tensor& t, bool) {
    const bool trained = t.requires_grad();
    t = f(t.detach()).detach();
    if (trained) t.requires_grad_();
  });
}

void Module::to(Device device) {
  convert([&](const Tensor& t) { return t.to(device); });
}
void Module::to(DType dtype) {
  check(dtype == float32 || dtype == float64, "to", "expected float32 or float64, got {}{}", name_of(dtype),
        dtype == bfloat16 ? ", which is for activations: give the module an input of it" : "");
  convert([&](const Tensor& t) { return is_floating_point(t.dtype()) ? t.to(dtype) : t; });
}

void Module::train(bool on) {
  walk_modules(*this, "", [&](const std::string&, Module& m) { m.training_ = on; });
}

void Module::zero_grad() {
  for (auto& t : parameters()) t.set_grad({});
}

void Module::apply(const std::function<void(Module&)>& f) {
  for (auto& [name, child] : named_children()) child->apply(f);
  f(*this);
}

std::function<void()> Module::register_forward_hook(ForwardHook hook) {
  if (!hooks_) hooks_ = std::make_shared<std::vector<std::pair<std::uint64_t, ForwardHook>>>();
  const std::uint64_t id = hooks_->empty() ? 0 : hooks_->back().first + 1;
  hooks_->emplace_back(id, std::move(hook));
  return [hooks = hooks_, id] { std::erase_if(*hooks, [id](const auto& entry) { return entry.first == id; }); };
}

std::string to_string(Module& module) {
  const auto children = module.named_children();
  if (children.empty()) return module.describe();
  std::string text = module.describe() + "(\n";
  for (const auto& [name, child] : children) {
    std::string inner = to_string(*child);
    for (std::size_t at = 0; (at = inner.find('\n', at)) != std::string::npos; at += 3) inner.insert(at + 1, "  ");
    text += strings::format("  ({}): {}\n", name, inner);
  }
  return text + ")";
}

}  // namespace heddle::nn
