#include "heddle/nn/summary.hpp"


#include <algorithm>
#include <unordered_set>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/format.hpp"
#include "heddle/nn/conv.hpp"
#include "heddle/nn/layer_watch.hpp"
#include "heddle/nn/layers.hpp"
#include "heddle/nn/mode_guard.hpp"

namespace heddle::nn {
namespace {

// 48096 as "48,096".
std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

// Along one path and one dimension, how many input pixels an output covers, and how far apart neighbouring outputs look.
struct Extent {
  std::int64_t size = 1, jump = 1;
  void window(int kernel, int stride, int dilation) {
    size += std::int64_t{kernel - 1} * dilation * jump;
    jump *= stride;
  }
};
struct Field {
  Extent h, w;
  void window(Pair kernel, Pair stride, Pair dilation) {
    h.window(kernel.h, stride.h, dilation.h);
    w.window(kernel.w, stride.w, dilation.w);
  }
};

void follow(Field& field, Module& layer) {
  const auto strided = [](Pair stride, Pair kernel) { return Pair{stride.h ? stride.h : kernel.h, stride.w ? stride.w : kernel.w}; };
  if (auto* conv = dynamic_cast<Conv2d*>(&layer))
    field.window(conv->options.kernel_size, conv->options.stride, conv->options.dilation);
  else if (auto* pool = dynamic_cast<MaxPool2d*>(&layer))
    field.window(pool->options.kernel_size, strided(pool->options.stride, pool->options.kernel_size), pool->options.dilation);
  else if (auto* average = dynamic_cast<AvgPool2d*>(&layer))
    field.window(average->options.kernel_size, strided(average->options.stride, average->options.kernel_size), Pair{1, 1});
}

std::int64_t multiply_adds(Module& layer, const Tensor& y) {
  if (auto* conv = dynamic_cast<Conv2d*>(&layer)) return y.numel() * (conv->weight.numel() / conv->options.out_channels);
  if (auto* linear = dynamic_cast<Linear*>(&layer)) return y.numel() * linear->options.in_features;
  return 0;
}

}  // namespace

Summary summarize(Module& module, const Shape& input) {
  Summary summary;
  summary.input = input;
  Field field;
  std::unordered_set<const void*> counted;  // a shared tensor belongs to the row that has it first
  const auto own_parameters = [&](Module& m) {
    std::int64_t count = 0;
    for (const Tensor& t : m.parameters())
      if (counted.insert(t.impl().get()).second) count += t.numel();
    return count;
  };
  const auto parameters = module.parameters();
  const TensorOptions options = parameters.empty() ? TensorOptions{} : parameters.front().options();
  {
    const LayerWatch watch(leaf_modules(module), [&](const std::string& path, Module& m, const Tensor&, const Tensor& y) {
      const bool whole_plane = y.dim() == 4 && y.size(2) == 1 && y.size(3) == 1 && (dynamic_cast<AvgPool2d*>(&m) != nullptr);
      if (!whole_plane) follow(field, m);
      summary.layers.push_back({.path = path, .type = m.type_name(), .description = m.describe(),
                                .output = y.shape(), .parameters = own_parameters(m), .multiply_adds = multiply_adds(m, y),
                                .receptive_field = std::max(field.h.size, field.w.size),
                                .receptive_height = field.h.size, .receptive_width = field.w.size});
      summary.activations_mb += 2e-6 * static_cast<double>(y.numel()) * static_cast<double>(size_of(y.dtype()));
    });
    const ModeGuard evaluating(module, false);
    no_grad([&] { module(zeros(input, options)); });
  }

  for (const Tensor& t : parameters) {
    summary.parameters += t.numel();
    if (t.requires_grad()) summary.trainable += t.numel();
    summary.parameters_mb += 1e-6 * static_cast<double>(t.numel()) * static_cast<double>(size_of(t.dtype()));
  }
  for (const auto& row : summary.layers) summary.multiply_adds += row.multiply_adds;
  summary.input_mb = 1e-6 * static_cast<double>(input.numel()) * static_cast<double>(size_of(options.dtype));
  return summary;
}

std::string LayerRow::sees() const {
  return receptive_height == receptive_width ? std::to_string(receptive_height)
                                             : strings::format("{} x {}", receptive_height, receptive_width);
}

std::string Summary::str() const {
  std::size_t name_width = 5, shape_width = 12;
  for (const auto& row : layers) {
    name_width = std::max(name_width, row.path.size() + row.type.size() + 3);
    shape_width = std::max(shape_width, row.output.str().size());
  }
  const std::string line(name_width + shape_width + 42, '-');
  std::string text = strings::format("{:<{}}  {:<{}}  {:>10}  {:>13}  {:>9}\n{}\n", "Layer", name_width, "Output shape", shape_width, "Params",
                                 "Mult-adds", "Receptive", line);
  for (const auto& row : layers)
    text += strings::format("{:<{}}  {:<{}}  {:>10}  {:>13}  {:>9}\n", strings::format("{} ({})", row.path, row.type), name_width,
                        row.output.str(), shape_width, grouped(row.parameters), grouped(row.multiply_adds), row.sees());
  const LayerRow last = layers.empty() ? LayerRow{} : layers.back();
  text += strings::format("{}\nInput {}: {:.2f} MB, forward and backward {:.2f} MB, parameters {:.2f} MB, in all {:.2f} MB\n", line, input.str(),
                      input_mb, activations_mb, parameters_mb, input_mb + activations_mb + parameters_mb);
  text += strings::format("Multiply-adds: {}\nReceptive field: {} x {}\n", grouped(multiply_adds), last.receptive_height, last.receptive_width);
  text += strings::format("Trainable params: {}\nTotal params: {}\n", grouped(trainable), grouped(parameters));
  return text;
}

}  // namespace heddle::nn
