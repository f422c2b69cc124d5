#include "heddle/autograd/record.hpp"

#include <algorithm>
#include <atomic>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/node.hpp"
#include "heddle/autograd/trace.hpp"
#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/core/observe.hpp"

namespace heddle {
namespace {
thread_local bool grad_enabled = true;
}

bool is_grad_enabled() {
  return grad_enabled;
}
NoGradGuard::NoGradGuard() : before_(std::exchange(grad_enabled, false)) {}
NoGradGuard::~NoGradGuard() {
  grad_enabled = before_;
}

namespace autograd {
namespace {

std::atomic<std::uint64_t> next_number{1};

bool takes_part(const Tensor& t) {
  const Meta* meta = t.defined() ? find_meta(t) : nullptr;
  return meta && meta->requires_grad;
}

}  // namespace

Saved::Saved(const Tensor& tensor) {
  if (!tensor.defined()) return;
  tensor_ = tensor.detach();
  version_ = tensor_.impl()->storage->version;
}

const Tensor& Saved::get(std::string_view op) const {
  if (tensor_.defined() && tensor_.impl()->storage->version != version_)
    fail(op,
         strings::format("expected the tensor of shape {} that backward needs as it was, got one written in place since forward",
                     tensor_.shape()));
  return tensor_;
}

const char* Meta::forbids_write() const {
  if (!requires_grad || !grad_enabled) return nullptr;
  return node ? "the result of a recorded op (or a view of one)" : "a leaf that requires grad";
}

Meta* find_meta(const Tensor& tensor) {
  return static_cast<Meta*>(tensor.impl()->autograd.get());
}

Meta& meta_of(const Tensor& tensor) {
  auto& slot = tensor.impl()->autograd;
  if (!slot) slot = std::make_shared<Meta>();
  return static_cast<Meta&>(*slot);
}

bool needs_grad(std::initializer_list<Tensor> inputs) {
  return grad_enabled && std::any_of(inputs.begin(), inputs.end(), takes_part);
}
bool needs_grad(const std::vector<Tensor>& inputs) {
  return grad_enabled && std::any_of(inputs.begin(), inputs.end(), takes_part);
}

Tensor record(std::string_view op, const std::vector<Tensor>& inputs, Tensor output, BackwardFunction backward) try {
  if (!needs_grad(inputs)) return output;
  auto node = std::make_shared<Node>();
  node->number = next_number.fetch_add(1, std::memory_order_relaxed);
  node->op = op;
  node->label = Scope::current();
  node->backward = std::move(backward);
  node->output_shape = output.shape();
  node->output_options = output.options();
  for (const Tensor& input : inputs) {
    Edge edge;
    if (takes_part(input)) {
      auto meta = std::static_pointer_cast<Meta>(input.impl()->autograd);
      if (meta->node)
        edge.node = meta->node;
      else
        edge.leaf = meta;
    }
    node->edges.push_back(std::move(edge));
    node->input_shapes.push_back(input.defined() ? input.shape() : Shape{});
  }
  Meta& meta = meta_of(output);
  meta.requires_grad = true;
  meta.node = std::move(node);
  note(op, inputs, output);
  return output;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory(op, "what backward needs");
}

void Node::release() {
  backward = nullptr;
  edges.clear();
  hooks.clear();
  freed = true;
}

// A long chain of nodes, freed by its last handle, would recurse once a node: a dying node moves the nodes that die with it
// into a list that the outermost one works off. The list is made of the nodes themselves, since freeing must not allocate.
Node::~Node() {
  thread_local Node* outermost = nullptr;
  const bool first = outermost == nullptr;
  if (first) outermost = this;
  for (Edge& edge : edges)
    if (edge.node && edge.node.use_count() == 1) {
      edge.node->next_dying = std::move(outermost->next_dying);
      outermost->next_dying = std::move(edge.node);
    }
  if (first) {
    while (next_dying) {
      const auto node = std::move(next_dying);
      next_dying = std::move(node->next_dying);
    }
    outermost = nullptr;
  }
}

}  // namespace autograd
}  // namespace heddle
