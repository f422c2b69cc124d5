// Reverse-mode differentiation, and the members of Tensor that belong to it.
#include <memory>
#include <queue>
#include <unordered_map>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/node.hpp"
#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/noted.hpp"
#include "heddle/core/observe.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace heddle {
namespace autograd {
namespace {

// Whether nobody else holds the tensor or its memory.
bool alone(const Tensor& t) { return t.impl().use_count() == 1 && t.impl()->storage.use_count() == 1; }

// A gradient on its way: several uses of a tensor add up. What arrives may be shared with others; the terms are added up in
// place in the first that is not, or else in a copy.
struct Gathered {
  Tensor sum;
  bool ours = false;

  void add(Tensor gradient) {
    if (!sum.defined()) {
      sum = std::move(gradient);
      return;
    }
    if (!ours && !alone(sum)) {
      if (alone(gradient))
        std::swap(sum, gradient);
      else
        sum = empty_like(sum).copy_(sum);
    }
    ours = true;
    if (sum.dtype() == bfloat16 && sum.device().is_cpu()) {
      const auto widened = [](const Tensor& t) { return empty(t.shape(), {float32, t.device()}).copy_(t); };
      Gathered wide{widened(sum), true};
      wide.add(widened(gradient));
      sum.copy_(wide.sum);
      return;
    }
    visit_activation(sum, "backward", [&]<class T>(TypeTag<T>) {
      kernels_for<kernels::ElementwiseKernels<T>>(sum.device())
          .add_scaled(stream_of(sum), sum.numel(), gradient.data<T>(), 1, sum.data<T>());
    });
  }
};

// A copy of the hooks: one of them may register another.
Tensor run_hooks(const std::vector<Hook>& registered, Tensor gradient) {
  if (registered.empty()) return gradient;
  const std::vector<Hook> hooks = registered;
  for (const Hook& hook : hooks) {
    Tensor replaced = hook(gradient);
    if (!replaced.defined()) continue;
    check(replaced.shape() == gradient.shape(), "hook", "expected a gradient of shape {}, got {}", gradient.shape(),
          replaced.shape());
    gradient = replaced.is_contiguous() ? replaced : replaced.clone();
  }
  return gradient;
}

void accumulate(Meta& leaf, Tensor gradient) {
  gradient = run_hooks(leaf.hooks, std::move(gradient));
  if (!leaf.grad.defined()) {
    // Somebody else may hold this memory: another leaf (x + y sends both the same gradient), or the caller.
    const bool shared = gradient.impl()->storage.use_count() > 1 || gradient.impl().use_count() > 1;
    leaf.grad = shared ? empty_like(gradient).copy_(gradient) : gradient.detach();
    return;
  }
  ++leaf.grad.impl()->storage->version;  // another graph may have saved it
  Gathered sum{leaf.grad, true};
  sum.add(std::move(gradient));
}

class Engine {
 public:
  Engine() = default;
  /// Gathers the gradients of these leaves, in `gathered`, instead of adding to their own.
  explicit Engine(const std::vector<Tensor>& leaves) : gathered(leaves.size()), collects_(true) {
    for (std::size_t i = 0; i < leaves.size(); ++i) places_.emplace(find_meta(leaves[i]), i);
  }
  std::vector<Gathered> gathered;

  void send(const Edge& edge, Tensor gradient) {
    if (edge.leaf && edge.leaf->moved) gradient = as_now(*edge.leaf->moved, std::move(gradient));
    if (edge.leaf && collects_) {
      const auto place = places_.find(edge.leaf.get());
      if (place != places_.end()) gathered[place->second].add(std::move(gradient));
      return;
    }
    if (edge.leaf) {
      if (edge.leaf->hooks.empty())
        accumulate(*edge.leaf, std::move(gradient));
      else
        hooked(edge.leaf).add(std::move(gradient));
      return;
    }
    auto [slot, fresh] = waiting_.try_emplace(edge.node.get());
    if (fresh) order_.push({edge.node->number, edge.node});
    slot->second.add(std::move(gradient));
  }

  void run(bool retain_graph) {
    while (!order_.empty()) {
      const std::shared_ptr<Node> node = order_.top().second;
      order_.pop();
      Tensor gradient = std::move(waiting_.extract(node.get()).mapped().sum);
      gradient = run_hooks(node->hooks, std::move(gradient));
      if (auto meta = node->retained.lock()) meta->grad = empty_like(gradient).copy_(gradient);
      step(*node, std::move(gradient), retain_graph);
    }
    for (auto& [leaf, gathered] : hooked_) accumulate(*leaf, std::move(gathered.sum));
  }

 private:
  // A leaf's hooks see its gradient once, whole: the terms wait until all of them are there.
  Gathered& hooked(const std::shared_ptr<Meta>& leaf) {
    for (auto& [other, gathered] : hooked_)
      if (other == leaf) return gathered;
    return hooked_.emplace_back(leaf, Gathered{}).second;
  }

  // The gradient of a leaf that has moved since the graph was recorded.
  static Tensor as_now(const TensorOptions& now, Tensor gradient) {
    if (gradient.dtype() == now.dtype && gradient.device() == now.device) return gradient;
    return empty(gradient.shape(), now).copy_(gradient);
  }

  void step(Node& node, Tensor dy, bool retain_graph) {
    check(!node.freed, "backward",
          "expected a graph that is still there, got one (at op '{}') that an earlier backward freed: pass "
          "retain_graph = true to that one",
          node.op);
    std::vector<bool> wanted;
    for (const Edge& edge : node.edges) wanted.push_back(edge.wanted());
    const Needs needs(std::move(wanted), !retain_graph);
    Grads grads;
    if (observed()) {
      const BackwardScope scope(node.op, node.label.get(), dy);
      grads = node.backward(dy, needs);
      scope.finish(grads);
    } else {
      grads = node.backward(dy, needs);
    }
    dy = {};
    check(grads.size() == node.edges.size(), node.op, "expected backward to give {} gradients, got {}", node.edges.size(),
          grads.size());
    std::vector<Edge> edges = node.edges;
    if (!retain_graph) node.release();
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if (!edges[i].wanted() || !grads[i].defined()) continue;
      check(grads[i].shape() == node.input_shapes[i], node.op, "expected a gradient of shape {} for input {}, got {}",
            node.input_shapes[i], i, grads[i].shape());
      send(edges[i], std::move(grads[i]));
    }
  }

  bool collects_ = false;
  std::unordered_map<const Meta*, std::size_t> places_;
  using Numbered = std::pair<std::uint64_t, std::shared_ptr<Node>>;
  std::priority_queue<Numbered> order_;
  std::unordered_map<Node*, Gathered> waiting_;
  std::vector<std::pair<std::shared_ptr<Meta>, Gathered>> hooked_;
};

}  // namespace

std::vector<Tensor> gradients(const Tensor& output, const Tensor& gradient, const std::vector<Tensor>& leaves) {
  NoGradGuard guard;
  Engine engine(leaves);
  auto meta = std::static_pointer_cast<Meta>(output.impl()->autograd);
  if (meta && meta->requires_grad) {
    engine.send(meta->node ? Edge{meta->node, {}} : Edge{{}, meta}, gradient);
    engine.run(true);
  }
  std::vector<Tensor> result;
  for (Gathered& one : engine.gathered) result.push_back(std::move(one.sum));
  return result;
}
}  // namespace autograd

using autograd::find_meta;
using autograd::meta_of;

bool Tensor::requires_grad() const {
  const auto* meta = find_meta(*this);
  return meta && meta->requires_grad;
}

Tensor& Tensor::requires_grad_(bool on) {
  check(!on || is_floating_point(dtype()), "requires_grad_", "expected float32, float64 or bfloat16, got {}", name_of(dtype()));
  check(is_leaf(), "requires_grad_", "expected a leaf, got a tensor that an op made");
  if (on || find_meta(*this)) meta_of(*this).requires_grad = on;
  impl_->decided.store(true, std::memory_order_release);
  if (on) detail::note(impl_);
  return *this;
}

bool Tensor::is_leaf() const {
  check(defined(), "is_leaf", "expected a tensor, got an undefined one");
  const auto* meta = find_meta(*this);
  return !meta || !meta->node;
}

Tensor Tensor::grad() const {
  const auto* meta = find_meta(*this);
  return meta ? meta->grad : Tensor{};
}

void Tensor::set_grad(Tensor gradient) {
  if (gradient.defined())
    check(gradient.shape() == shape() && gradient.dtype() == dtype() && gradient.device() == device(), "set_grad",
          "expected a {} gradient of shape {} on {}, got {} {} on {}", name_of(dtype()), shape(), device(),
          name_of(gradient.dtype()), gradient.shape(), gradient.device());
  // Later gradients are added to it in place, which takes a dense one.
  if (gradient.defined() && !gradient.is_contiguous()) gradient = empty_like(gradient).copy_(gradient.detach());
  meta_of(*this).grad = std::move(gradient);
}

void Tensor::retain_grad() {
  check(requires_grad(), "retain_grad", "expected a tensor that requires grad, got one that does not");
  auto meta = std::static_pointer_cast<autograd::Meta>(impl_->autograd);
  if (meta->node) meta->node->retained = meta;
}

void Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) {
  check(requires_grad(), "register_hook", "expected a tensor that requires grad, got one that does not");
  auto& meta = meta_of(*this);
  (meta.node ? meta.node->hooks : meta.hooks).push_back(std::move(hook));
}

Tensor Tensor::detach() const {
  return view_of_memory(shape(), strides(), 0);
}

void Tensor::backward(const Tensor& gradient, bool retain_graph) const try {
  check(requires_grad(), "backward", "expected a tensor made from one that requires grad, got one without history");
  check(gradient.defined() || numel() == 1, "backward", "expected a tensor of one element, or a gradient, got shape {}",
        shape());
  NoGradGuard guard;
  const Scope scope("backward");
  Tensor seed = ones_like(*this);
  if (gradient.defined()) {
    check(gradient.shape() == shape(), "backward", "expected a gradient of shape {}, got {}", shape(),
          gradient.shape());
    seed.copy_(gradient);
  }
  auto meta = std::static_pointer_cast<autograd::Meta>(impl_->autograd);
  autograd::Engine engine;
  engine.send(meta->node ? autograd::Edge{meta->node, {}} : autograd::Edge{{}, meta}, std::move(seed));
  engine.run(retain_graph);
} catch (const std::bad_alloc&) {
  detail::out_of_memory("backward");
}

}  // namespace heddle
