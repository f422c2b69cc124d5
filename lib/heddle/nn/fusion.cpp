#include "heddle/nn/fusion.hpp"

#include "heddle/nn/layers.hpp"

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
  // A kernel's dropout keeps some; p == 1 is left to the layer itself.
  if (fused.neighbours.dropout_before.p >= 1 || fused.neighbours.dropout_after.p >= 1) return {};
  return fused;
}

Label label_of(std::span<const std::shared_ptr<Module>> modules) {
  Label label;
  for (const auto& m : modules) {
    const std::string& path = m->path();
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
