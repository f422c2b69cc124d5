#include "heddle/core/observe.hpp"

#include <utility>

namespace heddle {
namespace {

thread_local constinit Watch* first = nullptr;

// Apart from `first`, since a shared_ptr's destructor makes each access a call.
std::shared_ptr<const Label>& innermost() {
  thread_local std::shared_ptr<const Label> label;
  return label;
}

}  // namespace

std::string Label::str() const {
  if (name.empty() || kind.empty()) return name + kind;
  return name + " (" + kind + ")";
}

Watch::Watch(Observer& observer) : observer_(observer), next_(std::exchange(first, this)) {}

Watch::~Watch() {
  Watch** link = &first;
  while (*link && *link != this) link = &(*link)->next_;
  if (*link) *link = next_;
}

bool observed() {
  return first != nullptr;
}

Scope::Scope(std::string_view name, std::string_view kind, const Tensor& input) {
  if (!observed()) return;
  label_ = std::make_shared<const Label>(Label{std::string(name), std::string(kind)});
  outer_ = std::exchange(innermost(), label_);
  try {
    for (Watch* w = first; w; w = w->next_) w->observer_.enter(*label_, input);
  } catch (...) {
    innermost() = outer_;
    throw;
  }
}

Scope::~Scope() {
  if (!label_) return;
  for (Watch* w = first; w; w = w->next_) w->observer_.leave(*label_);
  innermost() = std::move(outer_);
}

Tensor Scope::output(Tensor y) const {
  if (label_)
    for (Watch* w = first; w; w = w->next_) w->observer_.output(*label_, y);
  return y;
}

std::shared_ptr<const Label> Scope::current() {
  return observed() ? innermost() : nullptr;
}

BackwardScope::BackwardScope(std::string_view op, const Label* label, const Tensor& dy) : op_(op), label_(label) {
  for (Watch* w = first; w; w = w->next_) w->observer_.enter_backward(op_, label_, dy);
}

void BackwardScope::finish(const std::vector<Tensor>& grads) const {
  for (Watch* w = first; w; w = w->next_) w->observer_.leave_backward(op_, label_, grads);
}

}  // namespace heddle
