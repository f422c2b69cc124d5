#include "heddle/nn/onnx_graph.hpp"


#include "heddle/base/format.hpp"
#include "heddle/base/protobuf.hpp"

namespace heddle::nn::onnx {

using namespace protobuf;

namespace {

constexpr std::int64_t ir_version = 8, opset = 17;

// TensorProto.DataType
std::int64_t type_number(DType type) {
  switch (type) {
    case DType::float32:
      return 1;
    case DType::uint8:
      return 2;
    case DType::int64:
      return 7;
    default:
      return 11;
  }
}

// TensorProto { dims = 1; data_type = 2; name = 8; raw_data = 9 }
std::string tensor_proto(const std::string& name, DType dtype, const Shape& shape, std::string_view bytes) {
  std::string text;
  for (std::int64_t size : shape) text += int_field(1, size);
  return text + int_field(2, type_number(dtype)) + bytes_field(8, name) + bytes_field(9, bytes);
}

// ValueInfoProto { name = 1; type = 2 { tensor_type = 1 { elem_type = 1; shape = 2 { dim = 1 { dim_value = 1; dim_param = 2
// }}}}}
std::string value_info(const std::string& name, const Tensor& t, const std::string& batch) {
  std::string shape;
  for (int d = 0; d < t.dim(); ++d)
    shape += bytes_field(1, d == 0 && !batch.empty() ? bytes_field(2, batch) : int_field(1, t.size(d)));
  const std::string tensor_type = int_field(1, type_number(t.dtype())) + bytes_field(2, shape);
  return bytes_field(1, name) + bytes_field(2, bytes_field(1, tensor_type));
}

}  // namespace

// AttributeProto { name = 1; f = 2; i = 3; ints = 8; type = 20 }, type being 1 for a float, 2 for an integer, 7 for integers.
std::string attribute(std::string_view name, std::int64_t value) {
  return bytes_field(1, name) + int_field(3, value) + int_field(20, 2);
}
std::string attribute(std::string_view name, float value) {
  return bytes_field(1, name) + float_field(2, value) + int_field(20, 1);
}
std::string attribute(std::string_view name, const Ints& values) {
  std::string text = bytes_field(1, name);
  for (std::int64_t value : values) text += int_field(8, value);
  return text + int_field(20, 7);
}

Graph::Graph(const NamedTensors& weights) {
  for (const auto& [path, t] : weights) {
    weights_.emplace(t.impl().get(), path);
    taken_.insert(path);
  }
}

void Graph::name(const Tensor& t, std::string text) {
  check(taken_.insert(text).second, "onnx", "expected another name than '{}', which a parameter has", text);
  names_[t.impl().get()] = std::move(text);
}

std::string Graph::value(const Tensor& t, const TracedOp& reader) {
  if (const auto named = names_.find(t.impl().get()); named != names_.end()) return named->second;
  const auto weight = weights_.find(t.impl().get());
  check(weight != weights_.end(), "onnx",
        "expected op '{}' to read the input, results of recorded ops, parameters or buffers, got another tensor {}, which the "
        "file would hold as it is now",
        reader.name, t.shape().str());
  if (initialized_.insert(weight->second).second) {
    std::string bytes(static_cast<std::size_t>(t.numel()) * size_of(t.dtype()), '\0');
    t.copy_to(bytes.data());
    initializers_ += bytes_field(5, tensor_proto(weight->second, t.dtype(), t.shape(), bytes));
  }
  return weight->second;
}

Names Graph::inputs(const TracedOp& op) {
  Names names;
  for (const Tensor& t : op.inputs) names.push_back(t.defined() ? value(t, op) : "");
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}

std::string Graph::unused(const std::string& base) {
  std::size_t& count = counts_[base];
  std::string text;
  do {
    text = count == 0 ? base : strings::format("{}_{}", base, count);
    ++count;
  } while (!taken_.insert(text).second);
  return text;
}

std::string Graph::between(const TracedOp& op) {
  return unused(op.name);
}

std::string Graph::result(const TracedOp& op) {
  auto& text = names_[op.output.impl().get()];
  if (text.empty()) text = unused(op.name);
  return text;
}

std::string Graph::constant(const Ints& values) {
  const std::string name = strings::format("int64_[{}]", strings::join(values, ", "));
  if (initialized_.insert(name).second) {
    std::string bytes;
    for (std::int64_t value : values) bytes += little_endian(value);
    initializers_ += bytes_field(5, tensor_proto(name, int64, {static_cast<std::int64_t>(values.size())}, bytes));
  }
  return name;
}

std::string Graph::filled(const Shape& shape, double value, DType dtype) {
  const std::string name = strings::format("{}_{}_{}", name_of(dtype), value, shape.str());
  if (initialized_.insert(name).second) {
    const Tensor t = full(shape, value, {.dtype = dtype});
    std::string bytes(static_cast<std::size_t>(t.numel()) * size_of(dtype), '\0');
    t.copy_to(bytes.data());
    initializers_ += bytes_field(5, tensor_proto(name, dtype, shape, bytes));
  }
  return name;
}

// NodeProto { input = 1; output = 2; name = 3; op_type = 4; attribute = 5 }
void Graph::node(std::string_view type, const Names& inputs, const std::string& output,
                 const std::vector<std::string>& attributes) {
  std::string text;
  for (const auto& input : inputs) text += bytes_field(1, input);
  text += bytes_field(2, output) + bytes_field(3, output) + bytes_field(4, type);
  for (const auto& attribute : attributes) text += bytes_field(5, attribute);
  nodes_ += bytes_field(1, text);
}

// GraphProto { node = 1; name = 2; initializer = 5; input = 11; output = 12 }
// ModelProto { ir_version = 1; producer_name = 2; graph = 7; opset_import = 8 { version = 2 }; metadata_props = 14 { key = 1;
// value = 2 }}
std::string Graph::model(const Tensor& input, const Tensor& output, const std::string& batch,
                         const std::map<std::string, std::string>& metadata) const {
  const auto named = [&](const Tensor& t) { return value_info(names_.at(t.impl().get()), t, batch); };
  const std::string graph =
      nodes_ + bytes_field(2, "heddle") + initializers_ + bytes_field(11, named(input)) + bytes_field(12, named(output));
  std::string text =
      int_field(1, ir_version) + bytes_field(2, "heddle") + bytes_field(7, graph) + bytes_field(8, int_field(2, opset));
  for (const auto& [key, value] : metadata) text += bytes_field(14, bytes_field(1, key) + bytes_field(2, value));
  return text;
}

}  // namespace heddle::nn::onnx
