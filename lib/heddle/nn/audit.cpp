#include "heddle/nn/audit.hpp"

#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "heddle/autograd/node.hpp"
#include "heddle/base/check.hpp"
#include "heddle/core/noted.hpp"
#include "heddle/nn/live_modules.hpp"
#include "heddle/nn/walk.hpp"

namespace heddle::nn {
namespace {

// The bytes that each module of a network takes, as far as they are known.
struct Sizes : Members {
  std::unordered_map<const Module*, std::size_t> bytes;
  std::vector<std::pair<std::string, Module*>> order;
  std::string path;

  void visit(Module& m, std::size_t size) {
    const std::size_t known = size ? size : internal::noted_size(&m);
    if (!bytes.emplace(&m, known).second) return;
    order.emplace_back(path, &m);
    m.members(*this);
  }
  void part(std::string_view name, Module& m) override {
    const std::size_t size = part_size(m);
    const std::string outer = path;
    path = internal::join(outer, name);
    visit(m, size);
    path = outer;
  }
  void value(std::string_view, Tensor&, bool) override {}
};

std::string kind_of(const Tensor& t) {
  return strings::format("{} {}", name_of(t.dtype()), t.shape().str());
}

}  // namespace

void internal::audit_members(Module& module, std::size_t bytes) {
  Sizes network;
  network.visit(module, bytes);
  std::unordered_set<const void*> named;  // tensors
  walk_values(module, Ties::each_name, [&](const std::string&, Tensor& t, bool) { named.insert(t.impl().get()); });

  std::vector<std::string> forgotten;
  std::unordered_set<const void*> reported;
  for (const auto& [path, m] : network.order) {
    const std::size_t size = network.bytes.at(m);
    const std::string where = path.empty() ? "the module itself" : path;
    // A part that is not named accounts for its own parts and tensors.
    for (const Module* live : modules_in(m, size)) {
      if (live == m || network.bytes.contains(live) || !reported.insert(live).second) continue;
      const auto offset = static_cast<std::size_t>(reinterpret_cast<const char*>(live) - reinterpret_cast<const char*>(m));
      walk_modules(const_cast<Module&>(*live), [&](const std::string&, Module& below) { reported.insert(&below); });
      walk_values(const_cast<Module&>(*live), Ties::each_name,
                  [&](const std::string&, Tensor& t, bool) { reported.insert(t.impl().get()); });
      forgotten.push_back(strings::format("{} (byte {} of {})", live->describe(), offset, where));
    }
    for (std::size_t at = 0; at + sizeof(void*) <= size; at += sizeof(void*)) {
      const void* word = nullptr;
      std::memcpy(&word, reinterpret_cast<const char*>(m) + at, sizeof word);
      const auto impl = heddle::detail::noted(word);
      if (!impl || named.contains(word) || !reported.insert(word).second) continue;
      const Tensor t(impl);
      if (!is_floating_point(t.dtype()) || !t.is_leaf()) continue;
      if (t.requires_grad() || !impl->decided) forgotten.push_back(strings::format("a {} tensor (byte {} of {})", kind_of(t), at, where));
    }
  }
  check(forgotten.empty(), "audit", "expected members() to name every part and parameter of {}, got none of: {}", module.type_name(),
        strings::join(forgotten, ", "));
}

void audit(Module& module, const Tensor& loss, const std::vector<Tensor>& others) {
  std::unordered_set<const void*> known;
  const auto add = [&](const Tensor& t) {
    if (const void* meta = autograd::find_meta(t)) known.insert(meta);
  };
  internal::walk_values(module, internal::Ties::once, [&](const std::string&, Tensor& t, bool) { add(t); });
  for (const Tensor& t : others) add(t);
  std::vector<std::string> forgotten;
  for (const auto& leaf : autograd::leaves_of(loss)) {
    if (known.contains(leaf.leaf)) continue;
    const std::string scope = leaf.label ? " in " + leaf.label->str() : "";
    forgotten.push_back(strings::format("one of shape {} (read by op '{}'{})", leaf.shape.str(), leaf.op, scope));
  }
  check(forgotten.empty(), "audit",
        "expected a loss that depends on parameters that the network names in members(), got also {}: name them, or freeze them with "
        "requires_grad_(false)",
        strings::join(forgotten, ", "));
}

}  // namespace heddle::nn
