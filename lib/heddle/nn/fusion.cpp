#include "heddle/nn/fusion.hpp"

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/trace.hpp"
#include "heddle/nn/layers.hpp"
#include "heddle/ops/conv_norm.hpp"

namespace heddle::nn {
namespace {

// Takes modules from the front of a row as long as they are of the kinds asked for.
struct Reader {
  std::span<const std::shared_ptr<Module>> rest;
  std::size_t taken = 0;

  template <class M>
  M* take() {
    if (rest.empty() || rest.front()->has_hooks()) return nullptr;
    auto* found = dynamic_cast<M*>(rest.front().get());
    if (found) {
      rest = rest.subspan(1);
      ++taken;
    }
    return found;
  }

  DropoutSpec take_dropout() {
    if (auto* d = take<Dropout>()) return {.p = d->training() ? d->options.p : 0, .planes = false};
    if (auto* d = take<Dropout2d>()) return {.p = d->training() ? d->options.p : 0, .planes = true};
    return {};
  }
};

}  // namespace

FusedNorm find_fused_norm(std::span<const std::shared_ptr<Module>> modules) {
  Reader reader{modules};
  FusedNorm fused;
  fused.neighbours.relu_before = reader.take<ReLU>() != nullptr;
  fused.neighbours.dropout_before = reader.take_dropout();
  fused.norm = reader.take<Norm>();
  if (!fused.norm) return {};
  fused.neighbours.relu_after = reader.take<ReLU>() != nullptr;
  fused.neighbours.dropout_after = reader.take_dropout();
  fused.count = reader.taken;
  fused.neighbours.consume_input = true;
  // A kernel's dropout keeps some; p == 1 is left to the layer itself.
  if (fused.neighbours.dropout_before.p >= 1 || fused.neighbours.dropout_after.p >= 1) return {};
  return fused;
}

FusedConv find_fused_conv(std::span<const std::shared_ptr<Module>> modules) {
  if (is_grad_enabled() || autograd::tracing()) return {};
  Reader reader{modules};
  FusedConv fused{.conv = reader.take<Conv2d>()};
  if (!fused.conv) return {};
  const FusedNorm behind = find_fused_norm(reader.rest);
  fused.norm = dynamic_cast<BatchNorm2d*>(behind.norm);
  const auto& around = behind.neighbours;
  // Where they do not fit, each says so itself.
  if (!fused.norm || fused.norm->options.num_features != fused.conv->options.out_channels) return {};
  if (fused.norm->training() || !fused.norm->running_mean.defined() || around.dropout_before.p > 0 || around.dropout_after.p > 0)
    return {};
  fused.relu_before = around.relu_before, fused.relu_after = around.relu_after;
  fused.count = 1 + behind.count;
  return fused;
}

Tensor FusedConv::operator()(const Tensor& x, const Label& label) const {
  return conv->with_norm(
      x, {norm->running_mean, norm->running_var, norm->weight, norm->bias, norm->options.eps, relu_before, relu_after}, label);
}

LinkedConv find_linked_conv(std::span<const std::shared_ptr<Module>> modules) {
  if (autograd::tracing()) return {};
  Reader reader{modules};
  auto* const conv = reader.take<Conv2d>();
  if (!conv) return {};
  const FusedNorm fused = find_fused_norm(reader.rest);
  auto* const norm = dynamic_cast<BatchNorm2d*>(fused.norm);
  if (!norm || !norm->training() || norm->options.num_features != conv->options.out_channels) return {};
  const auto& before = fused.neighbours;
  if (before.dropout_before.p > 0 && !before.relu_before) return {};  // only under a ReLU does z say what was kept
  return {conv, norm, fused.neighbours, 1 + fused.count};
}

Tensor LinkedConv::operator()(const Tensor& x, const Label& label) const {
  detail::ConvMoments handed;
  const Tensor z = [&] {
    if (!observed()) return conv->to_norm(x, neighbours, handed);
    const Scope scope(conv->path(), conv->type_name(), x);
    return scope.output(conv->to_norm(x, neighbours, handed));
  }();
  if (handed.parts == 0) return norm->with_neighbours(z, neighbours, label);
  const Scope scope(label.name, label.kind, z);
  return scope.output(norm->from_conv(z, handed));
}

Label label_of(std::span<const std::shared_ptr<Module>> modules) {
  Label label;
  for (const auto& m : modules) {
    const std::string path = m->path();
    if (label.name.empty())
      label.name = path;
    else
      label.name.append(1, '+').append(path, path.rfind('.') + 1);
    if (!label.kind.empty()) label.kind += '+';
    label.kind += m->type_name();
  }
  return label;
}

}  // namespace heddle::nn
