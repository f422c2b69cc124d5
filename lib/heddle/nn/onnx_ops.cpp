// Each op in the terms of ONNX's operators. https://onnx.ai/onnx/operators
#include <algorithm>

#include "heddle/base/format.hpp"
#include "heddle/nn/onnx_graph.hpp"

namespace heddle::nn::onnx {
namespace {

Ints ints(const Shape& shape) {
  return {shape.begin(), shape.end()};
}
Ints twice(const Shape& shape) {
  Ints values = ints(shape);
  values.insert(values.end(), shape.begin(), shape.end());
  return values;
}

[[noreturn]] void refuse(const TracedOp& op, std::string_view why) {
  fail("onnx", strings::format("expected ops with a form in ONNX, got '{}'{}", op.name, why));
}

// One node, which takes the inputs as they are.
void same(Graph& g, const TracedOp& op, std::string_view type, const std::vector<std::string>& attributes = {}) {
  g.node(type, g.inputs(op), g.result(op), attributes);
}

void conv2d(Graph& g, const TracedOp& op) {
  const Shape& weight = op.inputs[1].shape();
  same(g, op, "Conv",
       {attribute("kernel_shape", Ints{weight[2], weight[3]}), attribute("strides", ints(option<Shape>(op, "stride"))),
        attribute("pads", twice(option<Shape>(op, "padding"))), attribute("dilations", ints(option<Shape>(op, "dilation"))),
        attribute("group", option<std::int64_t>(op, "groups"))});
}

// Gemm takes matrices alone; other inputs are multiplied by the transposed weight.
void linear(Graph& g, const TracedOp& op) {
  if (op.inputs[0].dim() == 2) return same(g, op, "Gemm", {attribute("transB", std::int64_t{1})});
  const Names in = g.inputs(op);
  const std::string transposed = g.between(op);
  g.node("Transpose", {in[1]}, transposed, {attribute("perm", Ints{1, 0})});
  if (in.size() == 2) return g.node("MatMul", {in[0], transposed}, g.result(op));
  const std::string product = g.between(op);
  g.node("MatMul", {in[0], transposed}, product);
  g.node("Add", {product, in[2]}, g.result(op));
}

// The neighbours that a norm ran together with.
struct Neighbours {
  std::string x, y;  // what the norm reads and writes

  Neighbours(Graph& graph, const TracedOp& traced) : g_(graph), op_(traced), after_(option<bool>(traced, "relu_after")) {
    if (option<bool>(op_, "dropout")) refuse(op_, " with dropout");
    x = g_.value(op_.inputs[0], op_);
    if (option<bool>(op_, "relu_before")) {
      const std::string active = g_.between(op_);
      g_.node("Relu", {x}, active);
      x = active;
    }
    y = after_ ? g_.between(op_) : g_.result(op_);
  }
  void finish() {
    if (after_) g_.node("Relu", {y}, g_.result(op_));
  }

 private:
  Graph& g_;
  const TracedOp& op_;
  bool after_;
};

std::string epsilon(const TracedOp& op) {
  return attribute("epsilon", static_cast<float>(option<double>(op, "eps")));
}

// Weight or bias of an op's inputs 1 and 2, or what stands for one that is missing.
std::string scale_or(Graph& g, const TracedOp& op, std::size_t input, const Shape& shape) {
  if (op.inputs[input].defined()) return g.value(op.inputs[input], op);
  return g.filled(shape, input == 1 ? 1 : 0, op.output.dtype());
}

void batch_norm(Graph& g, const TracedOp& op) {
  if (option<bool>(op, "batch_statistics")) refuse(op, " by the batch's own statistics");
  const Shape channels{op.output.size(1)};
  Neighbours around(g, op);
  g.node("BatchNormalization",
         {around.x, scale_or(g, op, 1, channels), scale_or(g, op, 2, channels), g.value(option<Tensor>(op, "running_mean"), op),
          g.value(option<Tensor>(op, "running_var"), op)},
         around.y, {epsilon(op)});
  around.finish();
}

// Opset 17 has no group norm: instance norm of the groups, each as one channel, then the affine of the channels.
void group_norm(Graph& g, const TracedOp& op) {
  const Shape& shape = op.output.shape();
  const std::int64_t groups = option<std::int64_t>(op, "groups");
  Neighbours around(g, op);
  const std::string split = g.between(op), normal = g.between(op);
  g.node("Reshape", {around.x, g.constant({0, groups, -1})}, split);
  const DType dtype = op.output.dtype();
  g.node("InstanceNormalization", {split, g.filled({groups}, 1, dtype), g.filled({groups}, 0, dtype)}, normal, {epsilon(op)});
  Ints whole = ints(shape), by_channel(static_cast<std::size_t>(shape.rank() - 1), 1);
  whole[0] = 0;  // as in the input
  by_channel[0] = shape[1];
  const Tensor &weight = op.inputs[1], &bias = op.inputs[2];
  std::string last = weight.defined() || bias.defined() ? g.between(op) : around.y;
  g.node("Reshape", {normal, g.constant(whole)}, last);
  const auto affine = [&](const char* type, const Tensor& t, const std::string& to) {
    const std::string aligned = g.between(op);
    g.node("Reshape", {g.value(t, op), g.constant(by_channel)}, aligned);
    g.node(type, {last, aligned}, to);
    last = to;
  };
  if (weight.defined()) affine("Mul", weight, bias.defined() ? g.between(op) : around.y);
  if (bias.defined()) affine("Add", bias, around.y);
  around.finish();
}

void instance_norm(Graph& g, const TracedOp& op) {
  const Shape channels{op.output.size(1)};
  Neighbours around(g, op);
  g.node("InstanceNormalization", {around.x, scale_or(g, op, 1, channels), scale_or(g, op, 2, channels)}, around.y,
         {epsilon(op)});
  around.finish();
}

void layer_norm(Graph& g, const TracedOp& op) {
  const auto axis = option<std::int64_t>(op, "axis");
  const Shape sizes(std::vector<std::int64_t>(op.output.shape().begin() + axis, op.output.shape().end()));
  Neighbours around(g, op);
  g.node("LayerNormalization", {around.x, scale_or(g, op, 1, sizes), scale_or(g, op, 2, sizes)}, around.y,
         {attribute("axis", axis), epsilon(op)});
  around.finish();
}

// x * sigmoid(x).
void silu(Graph& g, const TracedOp& op) {
  const std::string x = g.value(op.inputs[0], op), gate = g.between(op);
  g.node("Sigmoid", {x}, gate);
  g.node("Mul", {x, gate}, g.result(op));
}

// x * Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2; or its approximation (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
void gelu(Graph& g, const TracedOp& op) {
  const std::string x = g.value(op.inputs[0], op);
  const auto number = [&](double value) { return g.filled({}, value, op.output.dtype()); };
  const auto step = [&](const char* type, const Names& in) {
    const std::string out = g.between(op);
    g.node(type, in, out);
    return out;
  };
  std::string phi;
  if (option<bool>(op, "tanh")) {
    const std::string cube = step("Mul", {step("Mul", {x, x}), x});
    const std::string inner = step("Add", {x, step("Mul", {cube, number(0.044715)})});
    phi = step("Tanh", {step("Mul", {inner, number(0.7978845608028654)})});
  } else {
    phi = step("Erf", {step("Mul", {x, number(0.7071067811865476)})});
  }
  const std::string half = step("Mul", {x, number(0.5)});
  g.node("Mul", {half, step("Add", {phi, number(1)})}, g.result(op));
}

void check_images(const TracedOp& op) {
  if (op.inputs[0].dim() != 4) refuse(op, " of an input that is not [n, c, h, w]");
}

// Pads at the end are chosen so that no window hangs over, which says ceil_mode in terms that all readers agree on.
void max_pool2d(Graph& g, const TracedOp& op) {
  check_images(op);
  const Shape &kernel = option<Shape>(op, "kernel"), &stride = option<Shape>(op, "stride"),
              &padding = option<Shape>(op, "padding"), &dilation = option<Shape>(op, "dilation");
  Ints pads = twice(padding);
  for (int d = 0; d < 2; ++d) {
    const std::int64_t reach = (op.output.size(2 + d) - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1;
    auto& end = pads[static_cast<std::size_t>(2 + d)];
    end = std::max(end, reach - op.inputs[0].size(2 + d) - padding[d]);
  }
  same(g, op, "MaxPool",
       {attribute("kernel_shape", ints(kernel)), attribute("strides", ints(stride)), attribute("pads", pads),
        attribute("dilations", ints(dilation))});
}

void avg_pool2d(Graph& g, const TracedOp& op) {
  check_images(op);
  const Shape &kernel = option<Shape>(op, "kernel"), &stride = option<Shape>(op, "stride"),
              &padding = option<Shape>(op, "padding");
  for (int d = 0; d < 2; ++d)
    if ((op.output.size(2 + d) - 1) * stride[d] + kernel[d] > op.inputs[0].size(2 + d) + 2 * padding[d])
      refuse(op, " with windows that hang over the border (ceil_mode)");
  same(g, op, "AveragePool",
       {attribute("kernel_shape", ints(kernel)), attribute("strides", ints(stride)), attribute("pads", twice(padding)),
        attribute("count_include_pad", std::int64_t{option<bool>(op, "count_include_pad")})});
}

// Two tensors, or one and a number.
void arithmetic(Graph& g, const TracedOp& op, const char* type) {
  Names in = g.inputs(op);
  if (in.size() == 1) {
    in.push_back(g.filled({}, option<double>(op, "number"), op.output.dtype()));
    if (option<bool>(op, "number_on_the_left")) std::swap(in[0], in[1]);
  }
  g.node(type, in, g.result(op));
}

// Also for what only adds or takes away sizes of 1. Where the first size stays, it is the input's, whatever that is then.
void reshape(Graph& g, const TracedOp& op) {
  const Shape &from = op.inputs[0].shape(), &to = op.output.shape();
  Ints target = ints(to);
  if (!from.empty() && !to.empty() && from[0] == to[0]) target[0] = 0;
  g.node("Reshape", {g.value(op.inputs[0], op), g.constant(target)}, g.result(op));
}

void reduce(Graph& g, const TracedOp& op, const char* type, bool dims_as_input) {
  Names in = g.inputs(op);
  std::vector<std::string> attributes = {attribute("keepdims", std::int64_t{option<bool>(op, "keepdim")})};
  const Ints dims = ints(option<Shape>(op, "dims"));
  if (dims.empty()) refuse(op, " of a scalar");
  if (dims_as_input)
    in.push_back(g.constant(dims));
  else
    attributes.push_back(attribute("axes", dims));
  g.node(type, in, g.result(op), attributes);
}

void square(Graph& g, const TracedOp& op) {
  const std::string x = g.value(op.inputs[0], op);
  g.node("Mul", {x, x}, g.result(op));
}

std::string axis(const TracedOp& op) {
  return attribute("axis", option<std::int64_t>(op, "dim"));
}

using Translation = void (*)(Graph&, const TracedOp&);

const std::unordered_map<std::string_view, Translation>& translations() {
  static const auto& all = *new std::unordered_map<std::string_view, Translation>{  // never destroyed, for threads at exit
      {"conv2d", conv2d},
      {"linear", linear},
      {"batch_norm", batch_norm},
      {"group_norm", group_norm},
      {"instance_norm", instance_norm},
      {"layer_norm", layer_norm},
      {"relu", [](Graph& g, const TracedOp& op) { same(g, op, "Relu"); }},
      {"leaky_relu",
       [](Graph& g, const TracedOp& op) {
         same(g, op, "LeakyRelu", {attribute("alpha", static_cast<float>(option<double>(op, "slope")))});
       }},
      {"gelu", gelu},
      {"silu", silu},
      {"sigmoid", [](Graph& g, const TracedOp& op) { same(g, op, "Sigmoid"); }},
      {"tanh", [](Graph& g, const TracedOp& op) { same(g, op, "Tanh"); }},
      {"max_pool2d", max_pool2d},
      {"avg_pool2d", avg_pool2d},
      {"adaptive_avg_pool2d", avg_pool2d},
      {"global_avg_pool2d",
       [](Graph& g, const TracedOp& op) {
         check_images(op);
         same(g, op, "GlobalAveragePool");
       }},
      {"add", [](Graph& g, const TracedOp& op) { arithmetic(g, op, "Add"); }},
      {"sub", [](Graph& g, const TracedOp& op) { arithmetic(g, op, "Sub"); }},
      {"mul", [](Graph& g, const TracedOp& op) { arithmetic(g, op, "Mul"); }},
      {"div", [](Graph& g, const TracedOp& op) { arithmetic(g, op, "Div"); }},
      {"maximum", [](Graph& g, const TracedOp& op) { same(g, op, "Max"); }},
      {"minimum", [](Graph& g, const TracedOp& op) { same(g, op, "Min"); }},
      {"matmul", [](Graph& g, const TracedOp& op) { same(g, op, "MatMul"); }},
      {"neg", [](Graph& g, const TracedOp& op) { same(g, op, "Neg"); }},
      {"exp", [](Graph& g, const TracedOp& op) { same(g, op, "Exp"); }},
      {"log", [](Graph& g, const TracedOp& op) { same(g, op, "Log"); }},
      {"sqrt", [](Graph& g, const TracedOp& op) { same(g, op, "Sqrt"); }},
      {"abs", [](Graph& g, const TracedOp& op) { same(g, op, "Abs"); }},
      {"square", square},
      {"sum", [](Graph& g, const TracedOp& op) { reduce(g, op, "ReduceSum", true); }},
      {"mean", [](Graph& g, const TracedOp& op) { reduce(g, op, "ReduceMean", false); }},
      {"softmax", [](Graph& g, const TracedOp& op) { same(g, op, "Softmax", {axis(op)}); }},
      {"log_softmax", [](Graph& g, const TracedOp& op) { same(g, op, "LogSoftmax", {axis(op)}); }},
      {"cat", [](Graph& g, const TracedOp& op) { same(g, op, "Concat", {axis(op)}); }},
      {"reshape", reshape},
      {"squeeze", reshape},
      {"unsqueeze", reshape},
      {"permute",
       [](Graph& g, const TracedOp& op) { same(g, op, "Transpose", {attribute("perm", ints(option<Shape>(op, "dims")))}); }},
      {"clone", [](Graph& g, const TracedOp& op) { same(g, op, "Identity"); }},
  };
  return all;
}

}  // namespace

void translate(Graph& graph, const TracedOp& op) {
  const auto found = translations().find(op.name);
  if (found == translations().end()) refuse(op, "");
  found->second(graph, op);
}

}  // namespace heddle::nn::onnx
