// How an op tells autograd what it did: the tensors it read, the tensor it made, and the way back.
//
// A recorded op is a Node with an edge to the node (or leaf) behind each input. Nodes are numbered as they are made, so an
// op's inputs always have smaller numbers than itself: walking nodes from large numbers to small ones visits each after
// all that use its result, in an order that is the same on every run.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::autograd {

/// One gradient an input, in the order of the inputs; undefined where none is wanted.
using Grads = std::vector<Tensor>;

/// Which of the inputs a gradient is wanted of.
class Needs {
 public:
  explicit Needs(std::vector<bool> wanted, bool last = false) : wanted_(std::move(wanted)), last_(last) {}
  bool operator[](std::size_t input) const { return wanted_[input]; }
  /// Whether the graph is freed behind this call: what the op has saved may go as soon as it has been read.
  bool last() const { return last_; }

 private:
  std::vector<bool> wanted_;
  bool last_;
};

/// From the gradient of the output, always dense, to those of the inputs, each dense and of its input's shape and type.
using BackwardFunction = std::function<Grads(const Tensor& dy, const Needs& needs)>;

/// A tensor kept for the backward pass: its data without history (an op may keep its own output without keeping itself
/// alive), and a check that nobody has overwritten it since.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Tensor& tensor);
  /// Error that names `op` when the data was written in place after it was saved.
  const Tensor& get(std::string_view op) const;
  bool defined() const { return tensor_.defined(); }

 private:
  Tensor tensor_;
  std::uint64_t version_ = 0;
};

/// True when recording is on and an input takes part in differentiation. An op may skip work that only backward needs.
bool needs_grad(std::initializer_list<Tensor> inputs);
bool needs_grad(const std::vector<Tensor>& inputs);

/// The gradients of `output`, given its own, by leaves; undefined for those it does not depend on. Nothing is added to their
/// grad(), their hooks are not called, and the graph stays.
std::vector<Tensor> gradients(const Tensor& output, const Tensor& gradient, const std::vector<Tensor>& leaves);

/// Makes `output` the result of an op. Does nothing unless needs_grad(inputs). Undefined inputs are allowed and skipped.
Tensor record(std::string_view op, const std::vector<Tensor>& inputs, Tensor output, BackwardFunction backward);

}  // namespace heddle::autograd
HD_API_END
