#include "heddle/nn/onnx.hpp"

#include <algorithm>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/file.hpp"
#include "heddle/nn/mode_guard.hpp"
#include "heddle/nn/onnx_graph.hpp"

namespace heddle::nn {
namespace {

using autograd::TracedOp;

// The ops that the last tensor depends on.
std::vector<const TracedOp*> needed(const std::vector<TracedOp>& ops, const Tensor& last) {
  std::vector<const TracedOp*> found;
  std::unordered_set<const void*> wanted{last.impl().get()};
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    if (!wanted.contains(op->output.impl().get())) continue;
    found.push_back(&*op);
    for (const Tensor& t : op->inputs)
      if (t.defined()) wanted.insert(t.impl().get());
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::string traced(Module& module, const NamedTensors& weights, const Shape& shape, const OnnxOptions& options) {
  Tensor x = zeros(shape, weights.empty() ? TensorOptions{} : weights.front().second.options());
  x.requires_grad_();
  autograd::Trace trace;
  const Tensor y = module(x);
  const auto ops = needed(trace.ops(), y);
  const bool from_input = std::any_of(ops.begin(), ops.end(), [&](const TracedOp* op) {
    return std::any_of(op->inputs.begin(), op->inputs.end(),
                       [&](const Tensor& t) { return t.defined() && t.impl() == x.impl(); });
  });
  check(from_input, "onnx", "expected an output that recorded ops made of the input, got {} from {} ops", y.shape().str(),
        ops.size());
  onnx::Graph graph(weights);
  graph.name(x, options.input);
  graph.name(y, options.output);
  for (const TracedOp* op : ops) onnx::translate(graph, *op);
  return graph.model(x, y, options.dynamic_batch ? "batch" : "", options.metadata);
}

}  // namespace

std::string to_onnx(Module& module, const Shape& input, const OnnxOptions& options) {
  check(input.rank() > 0 && input.numel() > 0, "onnx", "expected an input with elements, got shape {}", input.str());
  check(is_grad_enabled(), "onnx", "expected recording to be on, since the graph is what is recorded, got a no_grad");
  NamedTensors weights = module.named_parameters();
  const auto buffers = module.named_buffers();
  weights.insert(weights.end(), buffers.begin(), buffers.end());
  const ModeGuard evaluating(module, false);
  if (!options.dynamic_batch) return traced(module, weights, input, options);
  // What comes out alike for two sizes of the batch holds for any.
  Shape two = input, three = input;
  two[0] = 2;
  three[0] = 3;
  std::string model = traced(module, weights, two, options);
  check(model == traced(module, weights, three, options), "onnx",
        "expected ops that don't depend on how many inputs a batch has, got other ones for 2 and for 3: export with "
        "dynamic_batch = false");
  return model;
}

void export_onnx(const std::filesystem::path& path, Module& module, const Shape& input, const OnnxOptions& options) {
  write_file(path, to_onnx(module, input, options));
}

}  // namespace heddle::nn
