// The kept choices of tiles: the table that is compiled in, and the look into it (conv_tuning.hpp says what it is for).
//
// What concerns the present device is sorted once, when a convolution is first asked for; a look is a binary search of a few
// hundred lines, where the estimate would plan a dozen tiles.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "heddle/base/error.hpp"
#include "kernels/conv/conv_tuning.hpp"
#include "kernels/simt/runtime.hpp"

#if !defined(HEDDLE_CONV_TUNED)  // CMake's setting of that name says otherwise
#define HEDDLE_CONV_TUNED "kernels/conv/conv_tuned.inc"
#endif

namespace heddle::kernels {
namespace {

using enum Activations;
using enum ConvPass;
using enum Precision;
using enum TileKind;

constexpr std::initializer_list<TunedConv> compiled_in = {
#include HEDDLE_CONV_TUNED
};

using Key = std::array<int, 17>;
Key key_of(const ConvShape& s, ConvPass pass, Activations activations) {
  const Precision products = activations == in_bfloat16 ? bf16 : s.precision;
  return {static_cast<int>(pass),
          static_cast<int>(activations),
          static_cast<int>(products),
          s.n,
          s.c,
          s.h,
          s.w,
          s.k,
          s.kh,
          s.kw,
          s.stride_h,
          s.stride_w,
          s.pad_h,
          s.pad_w,
          s.dilation_h,
          s.dilation_w,
          s.groups};
}

using Choices = std::vector<std::pair<Key, ConvTile>>;  // by key

template <class Lines>
Choices choices_among(const Lines& lines) {
  Choices all;
  const DeviceClass device = this_device_class();
  for (const TunedConv& line : lines) {
    if (line.device != device) continue;
    if (!is_conv_tile(line.tile, line.pass, line.activations, line.shape.precision))
      fail("conv tiles", "expected a tile that there is for this pass and precision, got " + line.tile.str());
    all.emplace_back(key_of(line.shape, line.pass, line.activations), line.tile);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return all;
}

bool ask_the_estimate() {
  const char* wish = std::getenv("HEDDLE_CONV_TILES");
  const std::string name = wish ? wish : "";
  if (name != "" && name != "auto" && name != "estimate")
    fail("HEDDLE_CONV_TILES", "expected estimate or auto, got '" + name + "'");
  return name == "estimate";
}

Choices& choices() {
  static Choices all = ask_the_estimate() ? Choices{} : choices_among(compiled_in);
  return all;
}

}  // namespace

std::string ConvTile::str() const {
  std::string text = name_of(kind);
  const auto add = [&](const char* before, int number, const char* after) {
    text += before, text += std::to_string(number), text += after;
  };
  add(" ", height, ""), add("x", width, "");
  if (taps > 0) add("x", taps, "");
  if (blocks > 0) add(" for ", blocks, " blocks");
  return text;
}

DeviceClass this_device_class() {
  static const DeviceClass known = [] {
    const auto p = simt::device_properties(0);
    return DeviceClass{p.major * 10 + p.minor, p.multiprocessors};
  }();
  return known;
}

std::span<const TunedConv> tuned_convs() {
  return {compiled_in.begin(), compiled_in.size()};
}

std::optional<ConvTile> kept_tile(const ConvShape& shape, ConvPass pass, Activations activations) {
  const Choices& all = choices();
  if (all.empty()) return {};
  const Key key = key_of(shape, pass, activations);
  const auto at = std::lower_bound(all.begin(), all.end(), key, [](const auto& a, const Key& b) { return a.first < b; });
  if (at == all.end() || at->first != key) return {};
  return at->second;
}

struct UseTunedConvs::Before {
  Choices choices;
};
UseTunedConvs::UseTunedConvs(const std::vector<TunedConv>& lines)
    : before_(new Before{std::exchange(choices(), choices_among(lines))}) {}
UseTunedConvs::~UseTunedConvs() {
  choices() = std::move(before_->choices);
}

}  // namespace heddle::kernels
