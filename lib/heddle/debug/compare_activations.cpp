#include "heddle/debug/compare_activations.hpp"


#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/check.hpp"
#include "heddle/nn/layer_watch.hpp"
#include "heddle/nn/mode_guard.hpp"

namespace heddle::debug {
namespace {

struct Activation {
  std::string path, type;
  Tensor value;
};

std::vector<Activation> run(nn::Module& net, const Tensor& input) {
  std::vector<Activation> made = {{"input", "", input}};
  std::map<std::string, int> calls;
  auto layers = nn::leaf_modules(net);
  std::erase_if(layers, [](const auto& layer) { return layer.first.empty(); });
  const nn::LayerWatch watch(layers, [&](const std::string& path, nn::Module& layer, const Tensor&, const Tensor& y) {
    const int call = ++calls[path];
    made.push_back({call == 1 ? path : strings::format("{}#{}", path, call), layer.type_name(), y});
  });
  const nn::ModeGuard evaluating(net, false);
  Tensor y = no_grad([&] { return net(input); });
  made.push_back({"output", "", std::move(y)});
  return made;
}

LayerDifference difference(const Activation& ours, const Tensor& theirs, const CompareOptions& options) {
  LayerDifference row{.path = ours.path, .type = ours.type, .ours = ours.value.shape(), .theirs = theirs.shape()};
  if (row.ours != row.theirs) {
    row.largest = row.relative = std::numeric_limits<double>::quiet_NaN();
    row.agrees = false;
    return row;
  }
  const auto a = ours.value.to(float64).to_vector<double>(), b = theirs.to(float64).to_vector<double>();
  double scale = 0;
  bool same_kind = true;  // a NaN or an infinity agrees with its like alone
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(a[i]) && std::isfinite(b[i])) {
      row.largest = std::max(row.largest, std::abs(a[i] - b[i]));
      scale = std::max(scale, std::abs(b[i]));
    } else if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) {
      same_kind = false;
    }
  }
  row.relative = scale > 0 ? row.largest / scale : row.largest;
  row.agrees = same_kind && row.largest <= options.atol + options.rtol * scale;
  if (!same_kind) row.largest = row.relative = std::numeric_limits<double>::infinity();
  return row;
}

}  // namespace

nn::NamedTensors record_activations(nn::Module& net, const Tensor& input) {
  nn::NamedTensors named;
  for (auto& made : run(net, input)) named.emplace_back(made.path, made.value);
  return named;
}

ActivationComparison compare_activations(nn::Module& net, const nn::NamedTensors& theirs, const CompareOptions& options) {
  std::map<std::string, const Tensor*> dump;
  for (const auto& [name, t] : theirs) dump[name] = &t;
  check(dump.contains("input"), "compare_activations", "expected a tensor called 'input' in the dump, got {} others",
        dump.size());
  // An empty input's other dimensions may be anything, and what layers make of it is not empty.
  check(dump["input"]->numel() > 0, "compare_activations", "expected an input with elements in the dump, got {}",
        dump["input"]->shape().str());
  const auto parameters = net.parameters();
  const TensorOptions kind = parameters.empty() ? dump["input"]->options() : parameters.front().options();
  ActivationComparison result;
  for (const auto& ours : run(net, dump["input"]->to(kind.dtype).to(kind.device))) {
    const auto found = dump.find(ours.path);
    if (found == dump.end()) {
      result.only_ours.push_back(ours.path);
      continue;
    }
    if (ours.path != "input") result.layers.push_back(difference(ours, *found->second, options));
    dump.erase(found);
  }
  for (const auto& [name, t] : theirs)
    if (dump.contains(name)) result.only_theirs.push_back(name);
  check(!result.layers.empty(), "compare_activations", "expected layers with the names of this network's ({}), got {}",
        strings::join(result.only_ours, ", "), strings::join(result.only_theirs, ", "));
  return result;
}

const LayerDifference* ActivationComparison::first_difference() const {
  const auto found = std::find_if(layers.begin(), layers.end(), [](const LayerDifference& row) { return !row.agrees; });
  return found == layers.end() ? nullptr : &*found;
}

std::string ActivationComparison::str() const {
  const LayerDifference* first = first_difference();
  std::size_t name_width = 5, shape_width = 5;
  const auto name_of_row = [](const LayerDifference& row) {
    return row.type.empty() ? row.path : strings::format("{} ({})", row.path, row.type);
  };
  for (const auto& row : layers) {
    name_width = std::max(name_width, name_of_row(row).size());
    shape_width = std::max(shape_width, row.ours.str().size());
  }
  std::string text =
      strings::format("{:<{}}  {:<{}}  {:>12}  {:>9}\n", "Layer", name_width, "Shape", shape_width, "max abs diff", "relative");
  for (const auto& row : layers) {
    text += strings::format("{:<{}}  {:<{}}  ", name_of_row(row), name_width, row.ours.str(), shape_width);
    text += row.ours != row.theirs ? strings::format("theirs is {}", row.theirs.str())
                                   : strings::format("{:>12.2e}  {:>9.1e}", row.largest, row.relative);
    text += row.agrees ? "\n" : &row == first ? "  <- first that differs\n" : "  differs\n";
  }
  if (!only_ours.empty()) text += strings::format("Not in the dump: {}\n", strings::join(only_ours, ", "));
  if (!only_theirs.empty()) text += strings::format("Only in the dump: {}\n", strings::join(only_theirs, ", "));
  if (!first) return text + strings::format("All {} layers agree.\n", layers.size());
  if (first->ours != first->theirs)
    return text + strings::format("The first layer that differs is {}: its output is {}, theirs is {}.\n", name_of_row(*first),
                              first->ours.str(), first->theirs.str());
  return text + strings::format("The first layer that differs is {}: by {:.2e}, {:.1e} of its largest value.\n",
                            name_of_row(*first), first->largest, first->relative);
}

}  // namespace heddle::debug
