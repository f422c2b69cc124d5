#include "heddle/autograd/trace.hpp"

namespace heddle::autograd {
namespace {
thread_local constinit Trace* current = nullptr;
}

Trace::Trace() : outer_(std::exchange(current, this)) {}
Trace::~Trace() {
  current = outer_;
}

bool tracing() {
  return current != nullptr;
}

void note(std::string_view op, const std::vector<Tensor>& inputs, const Tensor& output) {
  if (current) current->ops_.push_back({std::string(op), inputs, output, {}});
}

void describe(const Tensor& output, Attributes attributes) {
  if (current && !current->ops_.empty() && current->ops_.back().output.impl() == output.impl())
    current->ops_.back().attributes = std::move(attributes);
}

}  // namespace heddle::autograd
