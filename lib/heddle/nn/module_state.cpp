// What a module's tensors hold: state dictionaries, other devices, other types.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "heddle/autograd/node.hpp"
#include "heddle/base/check.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/nn/module.hpp"
#include "heddle/nn/walk.hpp"

namespace heddle::nn {
namespace {

// Whether two tensors of one type and shape hold the same bits.
bool same_bits(const Tensor& a, const Tensor& b) {
  const auto bytes_of = [](const Tensor& t) {
    std::string bytes(static_cast<std::size_t>(t.numel()) * size_of(t.dtype()), '\0');
    t.copy_to(bytes.data());
    return bytes;
  };
  return a.impl() == b.impl() || bytes_of(a) == bytes_of(b);
}

struct Load {
  Tensor mine;
  std::string name;
  Tensor theirs;
};

// What is to be loaded, once for each tensor. A tied one's other names must not say something else.
std::vector<Load> merge_ties(const std::vector<Load>& loads, LoadReport& report, bool strict) {
  std::vector<Load> merged;
  std::unordered_map<const void*, std::size_t> places;  // by memory: state_dict() makes handles of its own
  for (const Load& load : loads) {
    if (load.mine.numel() == 0) continue;
    const auto [place, fresh] = places.emplace(load.mine.raw_data(), merged.size());
    if (!fresh && merged[place->second].mine.shape() == load.mine.shape()) {
      Load& first = merged[place->second];
      if (strict && first.theirs.dtype() == load.theirs.dtype() && !same_bits(first.theirs, load.theirs))
        report.mismatched.push_back(strings::format("{}: expected the values of {}, which is the same tensor, got others", load.name, first.name));
      else
        first.theirs = load.theirs;  // the last name counts, as in PyTorch
      continue;
    }
    merged.push_back(load);
  }
  return merged;
}

// Sources that can be copied in without failing, and in any order: of the right type, in the right place, and memory that
// none of the targets has. What is there already is left out.
void stage(std::vector<Load>& loads) {
  std::erase_if(loads, [](const Load& load) {
    return load.theirs.raw_data() == load.mine.raw_data() && load.theirs.strides() == load.mine.strides();
  });
  std::unordered_set<const void*> targets;
  for (const Load& load : loads) targets.insert(load.mine.impl()->storage.get());
  for (Load& load : loads) {
    const bool fits = load.theirs.dtype() == load.mine.dtype() && load.theirs.device() == load.mine.device();
    if (!fits || targets.contains(load.theirs.impl()->storage.get())) load.theirs = empty_like(load.mine).copy_(load.theirs);
  }
}

}  // namespace

std::string LoadReport::str() const {
  std::string text;
  const auto list = [&](const char* title, const std::vector<std::string>& names) {
    if (!names.empty()) text += strings::format("{}{}: {}", text.empty() ? "" : "; ", title, strings::join(names, ", "));
  };
  list("missing", missing);
  list("unexpected", unexpected);
  list("of another type or shape", mismatched);
  return text;
}

NamedTensors Module::state_dict() try {
  NamedTensors result;
  internal::walk_values(*this, internal::Ties::each_name,
                      [&](const std::string& path, Tensor& t, bool) { result.emplace_back(path, t.detach()); });
  return result;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("state_dict");
}

LoadReport Module::load_state_dict(const NamedTensors& state, bool strict) try {
  std::unordered_map<std::string, const Tensor*> given;
  for (const auto& [name, t] : state) {
    check(t.defined(), "load_state_dict", "expected tensors, got an undefined one for {}", name);
    check(given.emplace(name, &t).second, "load_state_dict", "expected each name once, got {} again", name);
  }
  LoadReport report;
  std::vector<Load> loads;
  NamedTensors absent;
  for (auto& [name, mine] : state_dict()) {
    const auto found = given.find(name);
    if (found == given.end()) {
      absent.emplace_back(name, mine);
      continue;
    }
    const Tensor theirs = found->second->detach();  // it may be a parameter of another module
    // Types may differ where the caller asks for what fits: floating-point numbers among each other, that is.
    const bool same_type = theirs.dtype() == mine.dtype();
    const bool converts = !strict && is_floating_point(theirs.dtype()) && is_floating_point(mine.dtype());
    if (theirs.shape() != mine.shape() || !(same_type || converts))
      report.mismatched.push_back(strings::format("{}: expected {} {}, got {} {}", name, name_of(mine.dtype()), mine.shape().str(),
                                                  name_of(theirs.dtype()), theirs.shape().str()));
    else
      loads.push_back({mine, name, theirs});
    given.erase(found);
  }
  for (const auto& [name, mine] : absent) {
    // A tied tensor needs to be given under one of its names only, as safetensors writes them.
    const auto tied = [&mine = mine](const Load& load) {
      return mine.numel() > 0 && load.mine.raw_data() == mine.raw_data() && load.mine.shape() == mine.shape();
    };
    if (std::none_of(loads.begin(), loads.end(), tied)) report.missing.push_back(name);
  }
  for (const auto& [name, t] : state)
    if (given.contains(name)) report.unexpected.push_back(name);
  loads = merge_ties(loads, report, strict);
  check(!strict || report.ok(), "load_state_dict", "expected the same names and shapes, got {}", report.str());
  stage(loads);
  for (auto& load : loads) load.mine.copy_(load.theirs);
  return report;
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("load_state_dict");
}

// Everything is made first, which may fail, and then put in place, which cannot.
void Module::convert(const std::function<Tensor(const Tensor&)>& f) {
  struct Change {
    Tensor* member;
    Tensor data, grad;
  };
  std::vector<Change> changes;
  std::unordered_set<const void*> met;
  internal::walk_values(*this, internal::Ties::each_name, [&](const std::string&, Tensor& t, bool) {
    // An op's result is no object that others know: each handle gets a leaf of its own.
    if (t.is_leaf() && !met.insert(t.impl().get()).second) return;
    const Tensor now = t.detach();
    Change change{&t, f(now), t.grad()};
    if (change.data.dtype() == t.dtype() && change.data.device() == t.device()) return;
    if (!change.data.is_contiguous()) change.data = empty_like(change.data).copy_(change.data);
    if (change.grad.defined()) change.grad = f(change.grad.detach());
    changes.push_back(std::move(change));
  });
  for (Change& change : changes) {
    Tensor& t = *change.member;
    if (t.is_leaf()) {
      autograd::replace_data(t, change.data, change.grad);
    } else {
      const bool trained = t.requires_grad();
      t = change.data.detach();
      if (trained) t.requires_grad_();
    }
  }
}

void Module::to(Device device) {
  convert([&](const Tensor& t) { return t.to(device); });
}
void Module::to(DType dtype) {
  check(dtype == float32 || dtype == float64, "to", "expected float32 or float64, got {}{}", name_of(dtype),
        dtype == bfloat16 ? ", which is for activations: give the module an input of it" : "");
  convert([&](const Tensor& t) { return is_floating_point(t.dtype()) ? t.to(dtype) : t; });
}

}  // namespace heddle::nn
