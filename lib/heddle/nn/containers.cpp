#include "heddle/nn/containers.hpp"

#include <atomic>
#include <cstdlib>
#include <span>
#include <string_view>

#include "heddle/base/check.hpp"
#include "heddle/nn/fusion.hpp"
#include "heddle/ops/elementwise.hpp"

namespace heddle::nn {
namespace {
std::atomic<bool> fusion = [] {
  const char* text = std::getenv("HEDDLE_FUSE");
  return !(text && std::string_view(text) == "0");
}();
}  // namespace

void set_fusion(bool on) { fusion = on; }
bool fusion_enabled() { return fusion; }

Module& Sequential::operator[](std::size_t index) const {
  check(index < modules_.size(), "Sequential", "expected an index below {}, got {}", modules_.size(), index);
  return *modules_[index];
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (std::size_t i = 0; i < modules_.size();) {
    if (fusion) {
      const auto rest = std::span(modules_).subspan(i);
      if (const FusedConv fused = find_fused_conv(rest); fused.count > 1) {
        y = fused(y, observed() ? label_of(rest.first(fused.count)) : Label{});
        i += fused.count;
        continue;
      }
      if (const LinkedConv linked = find_linked_conv(rest); linked.count > 1) {
        y = linked(y, observed() ? label_of(rest.subspan(1, linked.count - 1)) : Label{});
        i += linked.count;
        continue;
      }
      const FusedNorm fused = find_fused_norm(rest);
      if (fused.count > 1) {
        y = fused.norm->with_neighbours(y, fused.neighbours, observed() ? label_of(rest.first(fused.count)) : Label{});
        i += fused.count;
        continue;
      }
    }
    y = (*modules_[i++])(y);
  }
  return y;
}

void Sequential::members(Members& m) {
  for (std::size_t i = 0; i < modules_.size(); ++i) m.module(std::to_string(i), *modules_[i]);
}

Tensor Residual::forward(const Tensor& x) {
  const Tensor y = (*inner_)(x);
  check(y.shape() == x.shape(), "Residual", "expected an inner module that keeps the shape {}, got {}", x.shape(), y.shape());
  return add(x, y);
}

}  // namespace heddle::nn
