// Leaves: how a tensor becomes one, changes its data, and is found in a graph.
#include <mutex>
#include <unordered_set>

#include "heddle/autograd/node.hpp"
#include "heddle/base/fork.hpp"

namespace heddle::autograd {
namespace {

void take_data(detail::TensorImpl& to, const detail::TensorImpl& from) noexcept {
  to.storage = from.storage;
  to.strides = from.strides;
  to.offset = from.offset;
  to.dtype = from.dtype;
  to.contiguous = from.contiguous;
}

}  // namespace

void replace_data(const Tensor& leaf, const Tensor& data, const Tensor& grad) noexcept {
  take_data(*leaf.impl(), *data.impl());
  Meta* meta = find_meta(leaf);
  if (!meta) return;
  meta->moved = data.options();
  // The gradient's handles stay too.
  if (meta->grad.defined() && grad.defined())
    take_data(*meta->grad.impl(), *grad.impl());
  else
    meta->grad = grad;
}

void adopt_parameter(const Tensor& tensor) {
  auto& impl = *tensor.impl();
  if (impl.decided.load(std::memory_order_acquire) || !is_floating_point(impl.dtype)) return;
  static detail::ForkMutex& deciding = *new detail::ForkMutex;  // never destroyed, for threads at exit
  const std::lock_guard lock(deciding);
  if (impl.decided.load(std::memory_order_relaxed)) return;
  if (tensor.is_leaf()) meta_of(tensor).requires_grad = true;
  impl.decided.store(true, std::memory_order_release);
}

std::vector<GraphLeaf> leaves_of(const Tensor& output) {
  std::vector<GraphLeaf> leaves;
  std::unordered_set<const void*> seen;
  std::vector<const Node*> rest;
  const auto visit = [&](const Node* node) {
    if (node && seen.insert(node).second) rest.push_back(node);
  };
  if (const Meta* meta = find_meta(output)) visit(meta->node.get());
  while (!rest.empty()) {
    const Node& node = *rest.back();
    rest.pop_back();
    for (std::size_t i = 0; i < node.edges.size(); ++i) {
      const Edge& edge = node.edges[i];
      visit(edge.node.get());
      if (edge.leaf && seen.insert(edge.leaf.get()).second)
        leaves.push_back({edge.leaf.get(), node.op, node.label, node.input_shapes[i]});
    }
  }
  return leaves;
}

}  // namespace heddle::autograd
