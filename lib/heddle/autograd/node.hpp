// The recorded graph. Internal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

}  // namespace heddle::autograd
