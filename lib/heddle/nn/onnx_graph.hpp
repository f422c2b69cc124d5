// An ONNX graph being written: values with names, nodes, and the tensors that are part of it. Internal.
//
// Messages are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, their fields' numbers beside the code.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "heddle/autograd/trace.hpp"
#include "heddle/base/check.hpp"
#include "heddle/nn/module.hpp"

namespace heddle::nn::onnx {

using autograd::TracedOp;
using Ints = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

/// AttributeProto.
std::string attribute(std::string_view name, std::int64_t value);
std::string attribute(std::string_view name, const Ints& values);
std::string attribute(std::string_view name, float value);

/// An option that the op has told its trace; an Error where it has not.
template <class T>
const T& option(const TracedOp& op, std::string_view name) {
  const auto found = op.attributes.find(name);
  const T* value = found == op.attributes.end() ? nullptr : std::get_if<T>(&found->second);
  check(value != nullptr, "onnx", "expected op '{}' to tell its {}, got none", op.name, name);
  return *value;
}

class Graph {
 public:
  explicit Graph(const NamedTensors& weights);

  /// Gives a tensor a name before anything refers to it.
  void name(const Tensor& t, std::string text);
  /// What the graph calls a tensor: the input, an op's result, or a weight, which becomes part of the graph. Any other is an
  /// Error, since it would be frozen into the file.
  std::string value(const Tensor& t, const TracedOp& reader);
  /// Of all inputs, without undefined ones at the end.
  Names inputs(const TracedOp& op);
  /// The op's result, named here unless it has a name: conv2d_1.
  std::string result(const TracedOp& op);
  /// A new name for a value between two nodes of one op.
  std::string between(const TracedOp& op);

  /// A tensor of integers, or of one number throughout, that is part of the graph.
  std::string constant(const Ints& values);
  std::string filled(const Shape& shape, double value, DType dtype);

  void node(std::string_view type, const Names& inputs, const std::string& output,
            const std::vector<std::string>& attributes = {});

  /// ModelProto. `batch` names the open first dimension; empty: it is fixed.
  std::string model(const Tensor& input, const Tensor& output, const std::string& batch,
                    const std::map<std::string, std::string>& metadata) const;

 private:
  std::string unused(const std::string& base);

  std::unordered_map<const void*, std::string> weights_, names_;
  std::unordered_set<std::string> initialized_;  // the weights and constants that are part of the graph
  std::unordered_set<std::string> taken_;        // all names of values
  std::unordered_map<std::string, std::size_t> counts_;
  std::string nodes_, initializers_;
};

/// Writes the nodes that compute what the op computed. An Error for an op that has no form.
void translate(Graph& graph, const TracedOp& op);

}  // namespace heddle::nn::onnx
