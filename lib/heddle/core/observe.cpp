#include "heddle/core/observe.hpp"

#include <utility>

namespace heddle {
namespace {

thread_local constinit Watch* first = nullptr;

// A pointer, not the label: a thread's variable with a destructor takes memory where it is first met, and the C library ends the
// program where there is none.
thread_local constinit const Scope* innermost = nullptr;

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
  outer_ = std::exchange(innermost, this);
  Watch* w = first;
  try {
    for (; w; w = w->next_) w->observer_.enter(*label_, input);
  } catch (...) {
    for (Watch* entered = first; entered != w; entered = entered->next_) entered->observer_.leave(*label_);
    innermost = outer_;
    throw;
  }
}

Scope::~Scope() {
  if (!label_) return;
  for (Watch* w = first; w; w = w->next_) w->observer_.leave(*label_);
  innermost = outer_;
}

Tensor Scope::output(Tensor y) const {
  if (label_)
    for (Watch* w = first; w; w = w->next_) w->observer_.output(*label_, y);
  return y;
}

std::shared_ptr<const Label> Scope::current() {
  return observed() && innermost ? innermost->label_ : nullptr;
}

BackwardScope::BackwardScope(std::string_view op, const Label* label, const Tensor& dy) : op_(op), label_(label) {
  for (Watch* w = first; w; w = w->next_) w->observer_.enter_backward(op_, label_, dy);
}

void BackwardScope::finish(const std::vector<Tensor>& grads) const {
  for (Watch* w = first; w; w = w->next_) w->observer_.leave_backward(op_, label_, grads);
}

}  // namespace heddle
