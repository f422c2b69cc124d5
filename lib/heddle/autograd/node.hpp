// The recorded graph. Internal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heddle/autograd/record.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/core/tensor_impl.hpp"

namespace heddle::autograd {

struct Node;
using Hook = std::function<Tensor(const Tensor&)>;

/// A tensor's part in differentiation: a leaf that gathers its gradient, or the output of a node.
struct Meta : detail::AutogradMeta {
  bool requires_grad = false;
  std::shared_ptr<Node> node;  ///< null for a leaf
  Tensor grad;
  std::vector<Hook> hooks;     ///< a leaf's; a node keeps those of its output
  /// Of a leaf whose data was replaced: its type and place now. A graph recorded before sends gradients of the old ones.
  std::optional<TensorOptions> moved;

  const char* forbids_write() const override;
};

/// Where a gradient goes: to a node, to a leaf, or nowhere.
struct Edge {
  std::shared_ptr<Node> node;
  std::shared_ptr<Meta> leaf;
  bool wanted() const { return node || leaf; }
};

struct Node {
  std::uint64_t number = 0;
  std::string op;
  BackwardFunction backward;
  std::vector<Edge> edges;
  std::vector<Shape> input_shapes;
  Shape output_shape;
  TensorOptions output_options;
  std::vector<Hook> hooks;
  std::weak_ptr<Meta> retained;  ///< the output, where retain_grad() asked for its gradient
  std::shared_ptr<const Label> label;  ///< of the scope it was recorded in, where somebody watched
  bool freed = false;
  std::shared_ptr<Node> next_dying;  ///< while a graph is freed: the next of its nodes to go

  /// Lets go of saved tensors and edges.
  void release();
  ~Node();
};

/// The tensor's Meta, made where there is none.
Meta& meta_of(const Tensor& tensor);
/// The tensor's Meta, or null.
Meta* find_meta(const Tensor& tensor);

/// Puts the dense `data` of the same shape in the place of a leaf's own, and `grad` (undefined where it has none) in that of its
/// gradient: all handles of the leaf see both, and its hooks and what it requires stay. Views of the leaf keep the old data,
/// as do graphs recorded before, whose gradients are converted when they arrive. Cannot fail.
void replace_data(const Tensor& leaf, const Tensor& data, const Tensor& grad) noexcept;
/// A parameter's requires_grad_(), unless somebody has decided otherwise before. Any thread may call it.
void adopt_parameter(const Tensor& tensor);
/// The leaves that backward() from here would give gradients to, each with the op that reads it first.
struct GraphLeaf {
  const Meta* leaf;
  std::string op;
  std::shared_ptr<const Label> label;  ///< of the scope that the op was recorded in, where somebody watched
  Shape shape;
};
std::vector<GraphLeaf> leaves_of(const Tensor& output);

}  // namespace heddle::autograd
