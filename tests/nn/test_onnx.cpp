// ONNX files, read back field by field: nodes, what they read, their attributes, the weights' bytes, open batches, and what
// is refused. That onnxruntime computes the same from them is checked by examples/pytorch/round_trip.py.
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "heddle/heddle.hpp"
#include "heddle/nn/onnx.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/protobuf_reader.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
using test::Message;
using Strings = std::vector<std::string>;
using Ints = std::vector<std::int64_t>;

namespace {

struct Node {
  std::string type;
  Strings inputs, outputs;
  std::map<std::string, Message> attributes;
};

struct Tensors {
  Ints dims;
  std::int64_t type = 0;
  std::string bytes;
};

// A model as its reader sees it.
struct Model {
  Message proto, graph;
  std::vector<Node> nodes;
  std::map<std::string, Tensors> initializers;

  explicit Model(const std::string& bytes) : proto(bytes), graph(proto.message(7)) {
    for (const auto& n : graph.messages(1)) {
      Node node{n.text(4), n.texts(1), n.texts(2), {}};
      for (const auto& a : n.messages(5)) node.attributes.emplace(a.text(1), a);
      nodes.push_back(std::move(node));
    }
    for (const auto& t : graph.messages(5)) initializers[t.text(8)] = {t.numbers(1), t.number(2), t.text(9)};
  }

  Strings types() const {
    Strings all;
    for (const auto& n : nodes) all.push_back(n.type);
    return all;
  }
  const Node& node(const std::string& type) const {
    for (const auto& n : nodes)
      if (n.type == type) return n;
    throw std::runtime_error("no " + type);
  }
  // Every value is made before it is read, and once.
  bool in_order() const {
    std::set<std::string> made{graph.message(11).text(1), ""};
    for (const auto& [name, t] : initializers) made.insert(name);
    for (const auto& n : nodes) {
      for (const auto& input : n.inputs)
        if (!made.contains(input)) return false;
      for (const auto& output : n.outputs)
        if (!made.insert(output).second) return false;
    }
    return made.contains(graph.message(12).text(1));
  }
};

// "batch" or a number, of an input (11) or output (12).
Strings dims_of(const Model& m, int field) {
  Strings dims;
  for (const auto& d : m.graph.message(field).message(2).message(1).message(2).messages(1))
    dims.push_back(d.count(2) ? d.text(2) : std::to_string(d.number(1)));
  return dims;
}

template <class M>
Model exported(M&& module, const Shape& input, const nn::OnnxOptions& options = {}) {
  return Model(nn::to_onnx(module, input, options));
}

// A network whose forward pass is any function.
struct Function : nn::Module {
  std::function<Tensor(const Tensor&)> f;
  explicit Function(std::function<Tensor(const Tensor&)> g) : f(std::move(g)) {}
  Tensor forward(const Tensor& x) override { return f(x); }
};

Strings types_of(std::function<Tensor(const Tensor&)> f, const Shape& input) {
  const auto model = exported(Function(std::move(f)), input);
  CHECK(model.in_order());
  return model.types();
}

}  // namespace

TEST_CASE("a network becomes a graph under its parameters' names") {
  nn::Sequential net(nn::Conv2d({.in_channels = 3,
                                 .out_channels = 6,
                                 .kernel_size = {3, 5},
                                 .stride = {2, 1},
                                 .padding = {1, 2},
                                 .dilation = {1, 2},
                                 .groups = 3}),
                     nn::BatchNorm2d({.num_features = 6, .eps = 1e-3}), nn::ReLU(), nn::Dropout({.p = 0.5}),
                     nn::AdaptiveAvgPool2d(), nn::Flatten(), nn::Linear({.in_features = 6, .out_features = 2}));
  const auto model = exported(net, {1, 3, 9, 12}, {.metadata = {{"arch", "small"}}});
  CHECK(model.types() == Strings{"Conv", "BatchNormalization", "Relu", "GlobalAveragePool", "Reshape", "Gemm"});
  CHECK(model.in_order());
  CHECK(model.proto.number(1) == 8);
  CHECK(model.proto.message(8).number(2) == 17);
  CHECK(model.proto.message(14).texts(1) == Strings{"arch"});
  CHECK(model.proto.message(14).texts(2) == Strings{"small"});

  const Node& conv = model.node("Conv");
  CHECK(conv.inputs == Strings{"input", "0.weight", "0.bias"});
  CHECK(conv.attributes.at("kernel_shape").numbers(8) == Ints{3, 5});
  CHECK(conv.attributes.at("strides").numbers(8) == Ints{2, 1});
  CHECK(conv.attributes.at("pads").numbers(8) == Ints{1, 2, 1, 2});
  CHECK(conv.attributes.at("dilations").numbers(8) == Ints{1, 2});
  CHECK(conv.attributes.at("group").number(3) == 3);
  CHECK(conv.attributes.at("group").number(20) == 2);
  CHECK(conv.attributes.at("pads").number(20) == 7);
  const Node& norm = model.node("BatchNormalization");
  CHECK(norm.inputs == Strings{conv.outputs[0], "1.weight", "1.bias", "1.running_mean", "1.running_var"});
  CHECK(norm.attributes.at("epsilon").real(2) == 1e-3f);
  CHECK(norm.attributes.at("epsilon").number(20) == 1);
  CHECK(model.node("Gemm").outputs == Strings{"output"});

  CHECK_FALSE(model.initializers.contains("1.num_batches_tracked"));
  const auto& weight = model.initializers.at("0.weight");
  CHECK(weight.dims == Ints{6, 1, 3, 5});
  CHECK(weight.type == 1);
  std::string bytes(weight.bytes.size(), '\0');
  auto& layer = dynamic_cast<nn::Conv2d&>(net[0]);
  REQUIRE(bytes.size() == static_cast<std::size_t>(layer.weight.numel()) * 4);
  layer.weight.copy_to(bytes.data());
  CHECK(weight.bytes == bytes);
}

TEST_CASE("the batch is left open, or is what it is") {
  nn::Sequential net(nn::Flatten(), nn::Linear({.in_features = 12, .out_features = 2}));
  const auto open = exported(net, {1, 3, 2, 2});
  CHECK(dims_of(open, 11) == Strings{"batch", "3", "2", "2"});
  CHECK(dims_of(open, 12) == Strings{"batch", "2"});
  const auto fixed = exported(net, {5, 3, 2, 2}, {.dynamic_batch = false});
  CHECK(dims_of(fixed, 11) == Strings{"5", "3", "2", "2"});
  CHECK(dims_of(fixed, 12) == Strings{"5", "2"});
  // All images' pixels as the rows of one matrix: such a shape holds for one size of the batch.
  Function rows([](const Tensor& x) { return x.reshape({x.size(0) * 3, 4}); });
  CHECK_THROWS_WITH(nn::to_onnx(rows, {1, 3, 2, 2}), ContainsSubstring("dynamic_batch = false"));
  CHECK(exported(rows, {5, 3, 2, 2}, {.dynamic_batch = false}).types() == Strings{"Reshape"});
}

TEST_CASE("a fused norm and its neighbours are nodes of their own, in the order they work") {
  const auto types = [](auto... layers) {
    const auto model = exported(nn::Sequential(layers...), {1, 4, 6, 6});
    CHECK(model.in_order());
    return model.types();
  };
  const nn::GroupNorm group({.num_groups = 2, .num_channels = 4});
  CHECK(types(nn::ReLU(), group, nn::Dropout()) ==
        Strings{"Relu", "Reshape", "InstanceNormalization", "Reshape", "Reshape", "Mul", "Reshape", "Add"});
  CHECK(types(nn::GroupNorm({.num_groups = 1, .num_channels = 4, .affine = false}), nn::ReLU()) ==
        Strings{"Reshape", "InstanceNormalization", "Reshape", "Relu"});
  CHECK(types(nn::LayerNorm({.normalized_shape = {4, 6, 6}}), nn::ReLU()) == Strings{"LayerNormalization", "Relu"});
  CHECK(types(nn::InstanceNorm2d({.num_features = 4})) == Strings{"InstanceNormalization"});
  const auto layer =
      exported(nn::Sequential(nn::LayerNorm({.normalized_shape = {6, 6}, .elementwise_affine = false})), {1, 4, 6, 6});
  CHECK(layer.node("LayerNormalization").attributes.at("axis").number(3) == 2);
  CHECK(layer.initializers.at(layer.node("LayerNormalization").inputs[1]).dims == Ints{6, 6});
}

TEST_CASE("skips, pools and arithmetic") {
  nn::Sequential net(
      nn::Residual(nn::Conv2d({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1, .bias = false})));
  const auto model = exported(net, {1, 4, 6, 6});
  CHECK(model.node("Conv").inputs == Strings{"input", "0.inner.weight"});
  CHECK(model.node("Add").inputs == Strings{"input", model.node("Conv").outputs[0]});

  // With ceil_mode the last window hangs over: ONNX is told a larger pad at the end.
  const auto pool = exported(nn::Sequential(nn::MaxPool2d({.kernel_size = 2, .ceil_mode = true})), {1, 4, 5, 6});
  CHECK(pool.node("MaxPool").attributes.at("pads").numbers(8) == Ints{0, 0, 1, 0});
  CHECK(dims_of(pool, 12) == Strings{"batch", "4", "3", "3"});
  const auto average =
      exported(nn::Sequential(nn::AvgPool2d({.kernel_size = 3, .padding = 1, .count_include_pad = false})), {1, 4, 6, 6});
  CHECK(average.node("AveragePool").attributes.at("count_include_pad").number(3) == 0);

  const Shape shape{1, 4, 6};
  CHECK(types_of([](const Tensor& x) { return 2.0 - x * 3.0 / x; }, shape) == Strings{"Mul", "Div", "Sub"});
  const auto left = exported(Function([](const Tensor& x) { return 2.0 - x; }), shape);
  CHECK(left.node("Sub").inputs[1] == "input");
  CHECK(left.initializers.at(left.node("Sub").inputs[0]).dims.empty());
  CHECK(types_of(
            [](const Tensor& x) {
              return cat({x.permute({0, 2, 1}).contiguous(), x.transpose(1, 2)}, 1);
            },
            shape) == Strings{"Transpose", "Identity", "Transpose", "Concat"});
  CHECK(types_of(
            [](const Tensor& x) {
              const Tensor first = softmax(mean(x, {1}), 1);
              return first + mean(sum(x, {2}, true).squeeze(2).flatten(1), {1}, true);
            },
            shape) == Strings{"ReduceMean", "Softmax", "ReduceSum", "Reshape", "Reshape", "ReduceMean", "Add"});
  CHECK(types_of([](const Tensor& x) { return silu(leaky_relu(sigmoid(heddle::tanh(x)), 0.2)); }, shape) ==
        Strings{"Tanh", "Sigmoid", "LeakyRelu", "Sigmoid", "Mul"});
}

TEST_CASE("what is not part of the output is left out") {
  CHECK(types_of(
            [](const Tensor& x) {
              const Tensor unused = heddle::sin(x);  // has no form in ONNX, and needs none
              return relu(x);
            },
            {1, 4}) == Strings{"Relu"});
}

TEST_CASE("what ONNX cannot say, or would hold fast unnoticed, is refused by name") {
  const auto refused = [](std::function<Tensor(const Tensor&)> f, const char* why) {
    Function net(std::move(f));
    CHECK_THROWS_WITH(nn::to_onnx(net, {1, 4, 6, 6}), ContainsSubstring(why));
  };
  refused([](const Tensor& x) { return heddle::sin(x); }, "[onnx] expected ops with a form in ONNX, got 'sin'");
  // An op that its writer did not describe: its name is known, its options are not.
  refused(
      [](const Tensor& x) {
        return autograd::record("cat", {x}, x * 1.0,
                                [](const Tensor& dy, const autograd::Needs&) -> autograd::Grads { return {dy}; });
      },
      "[onnx] expected op 'cat' to tell its dim, got none");
  // Numbers computed from the input behind autograd's back.
  refused([](const Tensor& x) { return x * sum(x.detach()); }, "expected op 'mul' to read the input, results of recorded ops");
  refused([](const Tensor& x) { return no_grad([&] { return relu(x); }); },
          "expected an output that recorded ops made of the input");
  refused([](const Tensor& x) { return dropout(x, 0.5); }, "got 'dropout'");
  refused([](const Tensor& x) { return batch_norm(x, {}, {}); }, "'batch_norm' by the batch's own statistics");
  Function net([](const Tensor& x) { return relu(x); });
  CHECK_THROWS_WITH(no_grad([&] { return nn::to_onnx(net, {1, 2}); }), ContainsSubstring("got a no_grad"));
}

TEST_CASE("a module is as it was after an export") {
  nn::Sequential net(nn::Conv2d({.in_channels = 1, .out_channels = 2}), nn::BatchNorm2d({.num_features = 2}), nn::ReLU());
  net[1].eval();
  std::vector<float> before;
  for (const auto& [name, t] : net.state_dict())
    if (t.dtype() == float32) before.push_back(t.to_vector<float>()[0]);
  nn::to_onnx(net, {1, 1, 4, 4});
  CHECK(net.training());
  CHECK(net[0].training());
  CHECK_FALSE(net[1].training());
  std::size_t i = 0;
  for (const auto& [name, t] : net.state_dict())
    if (t.dtype() == float32) CHECK(t.to_vector<float>()[0] == before[i++]);
  for (const auto& p : net.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("float64 networks keep their type") {
  nn::Sequential net(nn::GroupNorm({.num_groups = 1, .num_channels = 2}));
  net.to(float64);
  const auto model = exported(net, {1, 2, 3, 3});
  CHECK(model.initializers.at("0.weight").type == 11);
  CHECK(model.initializers.at(model.node("InstanceNormalization").inputs[1]).type == 11);
  CHECK(model.graph.message(11).message(2).message(1).number(1) == 11);
}
