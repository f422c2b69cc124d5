#include "heddle/nn/module.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "heddle/autograd/node.hpp"
#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/nn/blocks.hpp"
#include "heddle/nn/layer_watch.hpp"
#include "heddle/nn/live_modules.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/nn/walk.hpp"

namespace heddle::nn {
namespace {

// An error that already carries its layer's path.
struct LayerError : Error {
  using Error::Error;
};

// The module that was called first on this thread, while it runs, and the paths of what is below it. These are found when
// somebody asks for one: layers carry none, so that several threads may call them, and each from another module.
struct Call {
  Module& outermost;
  std::optional<std::unordered_map<const Module*, std::string>> paths = {};

  const std::string* path_of(const Module& module) {
    if (!paths) {
      auto& all = paths.emplace();
      internal::walk_modules(outermost, [&](const std::string& path, Module& m) { all.emplace(&m, path); });
    }
    const auto found = paths->find(&module);
    return found == paths->end() ? nullptr : &found->second;
  }
};
thread_local constinit Call* running = nullptr;

class Running {
 public:
  explicit Running(Module& outermost) : call_{outermost} { running = &call_; }
  ~Running() { running = nullptr; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Call call_;
};

}  // namespace

// Copies of a module share it: what removes a hook ends it for all of them, and needs none of them to live.
struct Module::Hook {
  explicit Hook(ForwardHook f) : call(std::move(f)) {}
  ForwardHook call;
  std::atomic<bool> removed = false;
};

Members& Members::parameter(std::string_view name, Tensor& t) {
  if (!t.defined()) return *this;
  autograd::adopt_parameter(t);
  value(name, t, true);
  return *this;
}

Members& Members::buffer(std::string_view name, Tensor& t) {
  if (t.defined()) value(name, t, false);
  return *this;
}

std::size_t Members::part_size(const Module& m) const {
  return part_type_ && typeid(m) == *part_type_ ? part_size_ : 0;
}

Module::Module() { internal::born(this); }
Module::Module(const Module& other) : training_(other.training_), hooks_(other.hooks_) { internal::born(this); }
Module& Module::operator=(const Module& other) {
  training_ = other.training_;
  hooks_ = other.hooks_;
  adopted_.store(false, std::memory_order_release);
  return *this;
}
Module::~Module() { internal::died(this); }

Tensor Module::operator()(const Tensor& x) {
  const bool outermost = running == nullptr;
  std::optional<Running> run;
  if (outermost) {
    if (!adopted_.load(std::memory_order_acquire)) {
      internal::walk_values(*this, internal::Ties::once, [](const std::string&, Tensor&, bool) {});
      adopted_.store(true, std::memory_order_release);
    }
    run.emplace(*this);
  }
  Tensor y = guarded([&] {
    // An observer is told of layers on its own thread, so the batch stays in one piece.
    if (observed()) {
      const Scope scope(path(), type_name(), x);
      return scope.output(forward(x));
    }
    if (outermost && runs_in_blocks(*this, x)) return forward_in_blocks(*this, x, [this](const Tensor& part) {
      // On the thread that runs the block, which may be this one.
      Call* const before = std::exchange(running, nullptr);
      const struct Restore {
        Call* call;
        ~Restore() { running = call; }
      } restore{before};
      Call there{*this};
      running = &there;
      return forward(part);
    });
    return forward(x);
  });
  if (!hooks_.empty()) {
    const auto hooks = hooks_;  // one of them may add another
    for (const auto& hook : hooks)
      if (!hook->removed) hook->call(*this, x, y);
  }
  LayerWatch::called(*this, x, y);
  return y;
}

std::string Module::path() const {
  const std::string* path = running ? running->path_of(*this) : nullptr;
  return path ? *path : std::string();
}

std::string Module::type_name() const {
  const std::string text = describe();
  return text.substr(0, text.find('('));
}

Tensor Module::guarded(const std::function<Tensor()>& f) const {
  try {
    try {
      return f();
    } catch (const std::bad_alloc&) {
      heddle::detail::out_of_memory("forward");
    }
  } catch (const LayerError&) {
    throw;
  } catch (const Error& error) {
    const std::string here = path();
    if (here.empty()) throw;
    throw LayerError(strings::format("[{}] {}", here, error.what()));
  }
}

NamedTensors Module::named_parameters() try {
  NamedTensors result;
  internal::walk_values(*this, internal::Ties::once, [&](const std::string& path, Tensor& t, bool trained) {
    if (trained) result.emplace_back(path, t);
  });
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("named_parameters");
}

NamedTensors Module::named_buffers() try {
  NamedTensors result;
  internal::walk_values(*this, internal::Ties::once, [&](const std::string& path, Tensor& t, bool trained) {
    if (!trained) result.emplace_back(path, t);
  });
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("named_buffers");
}

std::vector<Tensor> Module::parameters() try {
  std::vector<Tensor> result;
  for (auto& [name, t] : named_parameters()) result.push_back(t);
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("parameters");
}

std::int64_t Module::num_parameters() {
  std::int64_t total = 0;
  for (auto& t : parameters()) total += t.numel();
  return total;
}

NamedModules Module::named_modules() try {
  NamedModules result;
  internal::walk_modules(*this, [&](const std::string& path, Module& m) { result.emplace_back(path, &m); });
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("named_modules");
}

NamedModules Module::named_children() try {
  NamedModules result;
  internal::walk_own(*this, [&](std::string_view name, Module& m) {
    const bool met = std::any_of(result.begin(), result.end(), [&](const auto& other) { return other.second == &m; });
    if (!met) result.emplace_back(name, &m);
  });
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("named_children");
}

bool Module::training() const { return ModeGuard::mode_of(*this, training_); }

void Module::train(bool on) {
  internal::walk_modules(*this, [&](const std::string&, Module& m) {
    if (m.training_ != on) m.training_ = on;
  });
}

void Module::zero_grad() {
  for (auto& t : parameters()) t.set_grad({});
}

void Module::apply(const std::function<void(Module&)>& f) {
  // Parts before the whole, each once.
  std::vector<Module*> order;
  const std::function<void(Module&)> visit = [&](Module& m) {
    if (std::find(order.begin(), order.end(), &m) != order.end()) return;
    order.push_back(&m);
    const std::size_t place = order.size() - 1;
    for (const auto& [name, child] : m.named_children()) visit(*child);
    std::rotate(order.begin() + static_cast<std::ptrdiff_t>(place), order.begin() + static_cast<std::ptrdiff_t>(place) + 1,
                order.end());
  };
  visit(*this);
  for (Module* m : order) f(*m);
}

std::function<void()> Module::register_forward_hook(ForwardHook hook) {
  std::erase_if(hooks_, [](const auto& old) { return old->removed.load(); });
  const auto added = hooks_.emplace_back(std::make_shared<Hook>(std::move(hook)));
  return [added] { added->removed = true; };
}

bool Module::has_hooks() const {
  const auto lives = [](const auto& hook) { return !hook->removed; };
  return std::any_of(hooks_.begin(), hooks_.end(), lives) || LayerWatch::watches(*this);
}

namespace {
std::string print(Module& module, const internal::Chain* outer) {
  if (outer && outer->holds(module)) return module.type_name() + "(...)";
  const internal::Chain chain{&module, outer};
  std::string parts;
  internal::walk_own(module, [&](std::string_view name, Module& child) {
    std::string inner = print(child, &chain);
    for (std::size_t at = 0; (at = inner.find('\n', at)) != std::string::npos; at += 3) inner.insert(at + 1, "  ");
    parts += strings::format("  ({}): {}\n", name, inner);
  });
  return parts.empty() ? module.describe() : module.describe() + "(\n" + parts + ")";
}
}  // namespace

std::string to_string(Module& module) { return print(module, nullptr); }

}  // namespace heddle::nn
