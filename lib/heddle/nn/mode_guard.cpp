#include "heddle/nn/mode_guard.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "heddle/nn/walk.hpp"

namespace heddle::nn {
namespace {
thread_local constinit const ModeGuard* innermost = nullptr;
}

ModeGuard::ModeGuard(Module& module, bool training, const std::vector<Module*>& except) : training_(training) {
  internal::walk_modules(module, [&](const std::string&, Module& m) {
    if (std::find(except.begin(), except.end(), &m) == except.end()) modules_.push_back(&m);
  });
  std::sort(modules_.begin(), modules_.end(), std::less<>());
  outer_ = std::exchange(innermost, this);
}

ModeGuard::~ModeGuard() {
  const ModeGuard** link = &innermost;
  while (*link && *link != this) link = &const_cast<ModeGuard*>(*link)->outer_;
  if (*link) *link = outer_;
}

const ModeGuard* ModeGuard::current() { return innermost; }

ModeGuard::Use::Use(const ModeGuard* guard) : before_(std::exchange(innermost, guard)) {}
ModeGuard::Use::~Use() { innermost = before_; }

bool ModeGuard::mode_of(const Module& module, bool own) {
  for (const ModeGuard* g = innermost; g; g = g->outer_)
    if (std::binary_search(g->modules_.begin(), g->modules_.end(), &module, std::less<>())) return g->training_;
  return own;
}

}  // namespace heddle::nn
