// What a forward pass did: its ops in the order they ran, with the tensors they read and made. For those who write a network
// down in other terms (nn/onnx.hpp). Internal.
//
// record() knows an op's name, inputs and output; an op with options names them to it as well. Tensors are kept alive by the
// trace, so that a tensor's address tells it from all others. Only what takes part in differentiation is recorded: who traces
// lets the input require a gradient.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "heddle/autograd/record.hpp"

namespace heddle::autograd {

/// An option of an op: a number, a list, or a tensor that it reads but that has no gradient (running statistics).
using Attribute = std::variant<bool, std::int64_t, double, Shape, Tensor>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

struct TracedOp {
  std::string name;
  std::vector<Tensor> inputs;  ///< some undefined, where an op's operand is left out
  Tensor output;
  Attributes attributes;
};

/// While one lives, the ops recorded on its thread are noted in it.
class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  const std::vector<TracedOp>& ops() const { return ops_; }

 private:
  friend void note(std::string_view, const std::vector<Tensor>&, const Tensor&);
  friend void describe(const Tensor&, Attributes);
  std::vector<TracedOp> ops_;
  Trace* outer_;
};

/// Whether this thread is traced.
bool tracing();
/// For record(): one more op.
void note(std::string_view op, const std::vector<Tensor>& inputs, const Tensor& output);
/// Adds options to the op that made `output`, if it was the last one noted.
void describe(const Tensor& output, Attributes attributes);

/// record() for an op with options. `attributes()` gives them, and is called only where somebody traces.
template <class F>
Tensor record(std::string_view op, const std::vector<Tensor>& inputs, Tensor output, BackwardFunction backward,
              const F& attributes) {
  Tensor result = record(op, inputs, std::move(output), std::move(backward));
  if (tracing()) describe(result, attributes());
  return result;
}

}  // namespace heddle::autograd
