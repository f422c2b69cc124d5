// Which tile computes a convolution on the GPU: every candidate gives what the naive kernels give, a kept choice is taken
// exactly where it was made for, and what is kept is what there is.
#if defined(HEDDLE_TEST_CUDA)
#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>
#include <vector>

#include "heddle/base/error.hpp"
#include "kernels/conv/conv_tuning.hpp"
#include "tests/support/conv_run.hpp"
#include "tests/support/reference_conv.hpp"
#include "tests/support/rounded.hpp"
#include "tests/support/values.hpp"

namespace heddle::test {
namespace {

using namespace kernels;

constexpr ConvPass passes[] = {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight};

// 3 x 3 of ragged sizes, one that tiles of rows serve, 1 x 1, strided, and of groups.
std::vector<ConvShape> shapes() {
  const std::vector<ConvShape> plain = {
      {.n = 3, .c = 5, .h = 7, .w = 9, .k = 11, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 2, .c = 10, .h = 16, .w = 16, .k = 20, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 3, .c = 17, .h = 8, .w = 8, .k = 10, .kh = 1, .kw = 1},
      {.n = 2, .c = 6, .h = 9, .w = 11, .k = 9, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .groups = 3},
  };
  std::vector<ConvShape> all;
  for (Precision precision : {Precision::float32, Precision::tf32, Precision::bf16})
    for (ConvShape s : plain) {
      s.precision = precision;
      all.push_back(s);
    }
  return all;
}

template <class T = float>
constexpr Activations stored = std::is_same_v<T, float> ? Activations::in_float32 : Activations::in_bfloat16;

template <class T = float>
TunedConv line_of(const ConvShape& s, ConvPass pass, const ConvTile& tile) {
  return {this_device_class(), pass, stored<T>, s, tile};
}
template <class T = float>
std::vector<ConvCandidate> candidates_of(const ConvShape& s, ConvPass pass) {
  return conv_candidates(s, pass, stored<T>);
}

// One pass on the GPU: its results, and the kernels that were launched.
struct Ran {
  std::vector<float> values;
  std::vector<std::string> kernels;
};
template <class T>
Ran ran(ConvData<T>& data, ConvPass pass) {
  const ConvShape& s = data.shape;
  const auto& table = Conv2dKernels<T>::cuda();
  Buffer<T> x(Where::device, data.x), dy(Where::device, data.dy);
  Buffer<float> weight(Where::device, data.weight), bias(Where::device, data.bias);
  Workspace workspace(Where::device, table.workspace(s, pass));
  Output<T> out(Where::device, pass == ConvPass::forward ? s.y_size() : s.x_size());
  Output<float> dweight(Where::device, s.w_size()), dbias(Where::device, s.k);
  simt::begin_launch_log();
  if (pass == ConvPass::forward) table.forward({}, s, x, weight, bias, out.get(), workspace.get());
  if (pass == ConvPass::grad_input) table.grad_input({}, s, dy, weight, out.get(), workspace.get());
  if (pass == ConvPass::grad_weight) table.grad_weight({}, s, x, dy, dweight.get(), dbias.get(), workspace.get());
  Ran r{{}, simt::end_launch_log()};
  r.values = pass == ConvPass::grad_weight ? dweight.values() : wide(out.values());
  workspace.check();
  return r;
}

template <class T>
ConvReference reference_of(const ConvData<T>& data, ConvPass pass) {
  const ConvShape& s = data.shape;
  const Precision precision = std::is_same_v<T, float> ? s.precision : Precision::bf16;
  const auto x = rounded(wide(data.x), precision), weight = rounded(data.weight, precision),
             dy = rounded(wide(data.dy), precision);
  if (pass == ConvPass::forward) return reference_forward(s, x, weight, data.bias.data());
  return pass == ConvPass::grad_input ? reference_grad_input(s, dy, weight) : reference_grad_weight(s, x, dy);
}

// storage: by how much, relative to its size, a number may differ for being stored.
void require_close(const std::vector<float>& got, const ConvReference& want, double storage = 0) {
  REQUIRE(got.size() == want.value.size());
  const double allowed = 3e-6 * *std::max_element(want.magnitude.begin(), want.magnitude.end());
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::fabs(got[i] - want.value[i]) <= allowed + storage * std::fabs(want.value[i])))
      FAIL("element " << i << ": expected " << want.value[i] << ", got " << got[i]);
}

template <class T>
void check_candidates(const ConvShape& s) {
  ConvData<T> data(s);
  for (ConvPass pass : passes) {
    INFO(name_of(stored<T>) << ", pass " << static_cast<int>(pass) << ", precision " << static_cast<int>(s.precision) << ", "
                            << describe(s));
    const auto candidates = candidates_of<T>(s, pass);
    REQUIRE(candidates.size() >= 2);
    const auto want = reference_of(data, pass);
    std::set<std::string> kernels, tiles;
    for (const ConvCandidate& c : candidates) {
      INFO(c.tile.str());
      CHECK(is_conv_tile(c.tile, pass, stored<T>, s.precision));
      const UseTunedConvs guard({line_of<T>(s, pass, c.tile)});
      const Ran r = ran(data, pass);
      require_close(r.values, want, pass == ConvPass::grad_weight ? 0 : storage_error<T>);
      kernels.insert(r.kernels.at(0));
      tiles.insert(ConvTile{c.tile.kind, c.tile.height, c.tile.width, c.tile.taps}.str());
    }
    CHECK(kernels.size() == tiles.size());
  }
}

}  // namespace

TEST_CASE("conv tiles: every candidate computes the convolution, each by a kernel of its own", "[conv][tiles]") {
  for (const ConvShape& s : shapes()) {
    check_candidates<float>(s);
    if (s.precision == Precision::bf16) check_candidates<BFloat16>(s);
  }
}

TEST_CASE("conv tiles: the first candidate is what is taken where nothing is kept", "[conv][tiles]") {
  for (const ConvShape& s : shapes())
    for (ConvPass pass : passes) {
      ConvData<float> data(s);
      const UseTunedConvs nothing({});
      const Ran plain = ran(data, pass);
      const UseTunedConvs guard({line_of(s, pass, candidates_of(s, pass)[0].tile)});
      const Ran kept = ran(data, pass);
      CHECK(kept.kernels == plain.kernels);
      CHECK(kept.values == plain.values);
    }
}

TEST_CASE("conv tiles: splits are a choice too", "[conv][tiles]") {
  const ConvShape s{.n = 40, .c = 4, .h = 16, .w = 16, .k = 8, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};
  ConvData<float> data(s);
  const auto want = reference_of(data, ConvPass::grad_weight);
  std::set<std::size_t> sizes;
  for (const ConvCandidate& c : candidates_of(s, ConvPass::grad_weight)) {
    if (c.tile.kind != TileKind::vector || c.tile.height != 8) continue;
    const UseTunedConvs guard({line_of(s, ConvPass::grad_weight, c.tile)});
    sizes.insert(Conv2dKernels<float>::cuda().workspace(s, ConvPass::grad_weight));
    require_close(ran(data, ConvPass::grad_weight).values, want);
  }
  CHECK(sizes.size() >= 2);
}

TEST_CASE("conv tiles: a choice holds for its device, shape, pass and precision alone", "[conv][tiles]") {
  const ConvShape s = shapes()[1];
  ConvData<float> data(s);
  const ConvTile other = candidates_of(s, ConvPass::forward)[1].tile;
  const UseTunedConvs nothing({});
  const auto plain = ran(data, ConvPass::forward).kernels;
  const auto taken = [&](const TunedConv& line) {
    const UseTunedConvs guard({line});
    return ran(data, ConvPass::forward).kernels != plain;
  };
  const TunedConv line = line_of(s, ConvPass::forward, other);
  CHECK(taken(line));
  TunedConv elsewhere = line;
  elsewhere.device.capability += 10;
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line;
  elsewhere.device.multiprocessors += 1;
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line;
  elsewhere.pass = ConvPass::grad_input;
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line;
  elsewhere.shape.n += 1;
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line;
  elsewhere.shape.dilation_w += 1;
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line_of<BFloat16>(s, ConvPass::forward, {TileKind::matrix, 256, 8});
  CHECK_FALSE(taken(elsewhere));
  elsewhere = line_of(s, ConvPass::forward, {TileKind::matrix, 256, 8});
  elsewhere.shape.precision = Precision::tf32;
  CHECK_FALSE(taken(elsewhere));
  // Of many lines the right one is found.
  std::vector<TunedConv> many;
  for (int n = 1; n < 40; ++n) {
    many.push_back(line);
    many.back().shape.n = n;
    if (n != s.n) many.back().tile = candidates_of(s, ConvPass::forward)[0].tile;
  }
  std::reverse(many.begin(), many.end());
  const UseTunedConvs guard(many);
  CHECK(kept_tile(s, ConvPass::forward, Activations::in_float32) == other);
  CHECK_FALSE(kept_tile(s, ConvPass::forward, Activations::in_bfloat16).has_value());
  CHECK_FALSE(kept_tile(s, ConvPass::grad_weight, Activations::in_float32).has_value());
}

// bfloat16 is multiplied as bf16, whatever the shape's precision says: a line holds for all of them.
TEST_CASE("conv tiles: a choice for bfloat16 activations", "[conv][tiles]") {
  ConvShape s = shapes()[1];
  const UseTunedConvs guard({line_of<BFloat16>(s, ConvPass::forward, {TileKind::matrix, 256, 24})});
  std::set<std::string> kernels;
  for (Precision precision : {Precision::float32, Precision::tf32, Precision::bf16}) {
    s.precision = precision;
    CHECK(kept_tile(s, ConvPass::forward, Activations::in_bfloat16) == ConvTile{TileKind::matrix, 256, 24});
    CHECK_FALSE(kept_tile(s, ConvPass::forward, Activations::in_float32).has_value());
    ConvData<BFloat16> data(s);
    kernels.insert(ran(data, ConvPass::forward).kernels.at(0));
  }
  CHECK(kernels.size() == 1);
}

TEST_CASE("conv tiles: one that does not serve the shape leaves it to the estimate", "[conv][tiles]") {
  const ConvShape s = shapes()[2];  // 1 x 1
  ConvData<float> data(s);
  const UseTunedConvs nothing({});
  const auto plain = ran(data, ConvPass::forward).kernels;
  const UseTunedConvs guard({line_of(s, ConvPass::forward, {TileKind::rows, 256, 32})});
  CHECK(ran(data, ConvPass::forward).kernels == plain);
}

TEST_CASE("conv tiles: one that there is not is refused", "[conv][tiles]") {
  const ConvShape s = shapes()[0];
  const std::pair<ConvPass, ConvTile> wrong[] = {{ConvPass::forward, {TileKind::pixels, 100, 7}},
                                                 {ConvPass::forward, {TileKind::matrix, 256, 8}},  // not in float32
                                                 {ConvPass::forward, {TileKind::vector, 32, 16, 3, 264}},
                                                 {ConvPass::forward, {TileKind::pixels, 256, 32, 0, 264}},
                                                 {ConvPass::grad_weight, {TileKind::vector, 32, 16, 3}},
                                                 {ConvPass::grad_weight, {TileKind::rows, 256, 32}}};
  for (const auto& [pass, tile] : wrong) {
    INFO(tile.str());
    CHECK_FALSE(is_conv_tile(tile, pass, Activations::in_float32, s.precision));
    const std::vector<TunedConv> lines{line_of(s, pass, tile)};
    try {
      const UseTunedConvs guard(lines);
      FAIL("was taken");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("got " + tile.str()) != std::string::npos);
    }
  }
}

// A norm's statistics and the joint gradients go with the tile: their parts are as many as it leaves.
TEST_CASE("conv tiles: neighbours go with a kept choice", "[conv][tiles][norm]") {
  const ConvShape s = shapes()[1];
  ConvData<float> data(s);
  const auto& table = Conv2dKernels<float>::cuda();
  std::set<int> parts_seen;
  for (const ConvCandidate& c : candidates_of(s, ConvPass::forward)) {
    INFO(c.tile.str());
    const UseTunedConvs guard({line_of(s, ConvPass::forward, c.tile)});
    Buffer<float> x(Where::device, data.x), weight(Where::device, data.weight), bias(Where::device, data.bias);
    const int parts = table.moment_parts(s, false);
    parts_seen.insert(parts);
    Output<float> z(Where::device, s.y_size()), moments(Where::device, std::int64_t{3} * s.k * parts);
    table.forward_to_norm({}, s, {}, x, weight, bias, z.get(), reinterpret_cast<PartialMoments<float>*>(moments.get()),
                          nullptr);
    CHECK(z.values() == ran(data, ConvPass::forward).values);
    const auto partial = moments.values();
    for (int k = 0; k < s.k; ++k) {
      float count = 0;
      for (int p = 0; p < parts; ++p) count += partial[static_cast<std::size_t>((k * parts + p) * 3)];
      CHECK(count == static_cast<float>(s.y_size() / s.k));
    }
  }
  CHECK(parts_seen.size() >= 2);
  for (const ConvCandidate& c : candidates_of(s, ConvPass::grad_weight)) {
    INFO(c.tile.str());
    const UseTunedConvs guard({line_of(s, ConvPass::grad_weight, c.tile),
                               line_of(s, ConvPass::grad_input, candidates_of(s, ConvPass::grad_input).back().tile)});
    Buffer<float> x(Where::device, data.x), weight(Where::device, data.weight), dy(Where::device, data.dy);
    Output<float> dx(Where::device, s.x_size()), dweight(Where::device, s.w_size()), dbias(Where::device, s.k);
    Workspace workspace(Where::device, table.workspace(s, ConvPass::grad_weight));
    table.gradients({}, s, x, dy, weight, dx.get(), dweight.get(), dbias.get(), workspace.get());
    CHECK(dx.values() == ran(data, ConvPass::grad_input).values);
    CHECK(dweight.values() == ran(data, ConvPass::grad_weight).values);
    workspace.check();
  }
}

TEST_CASE("conv tiles: what is kept is what there is, once for each shape", "[conv][tiles]") {
  const auto lines = tuned_convs();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const TunedConv& line = lines[i];
    INFO("line " << i << ", pass " << static_cast<int>(line.pass) << ", " << describe(line.shape) << ": " << line.tile.str());
    const auto candidates = conv_candidates(line.shape, line.pass, line.activations);
    CHECK(std::any_of(candidates.begin(), candidates.end(), [&](const ConvCandidate& c) { return c.tile == line.tile; }));
    for (std::size_t j = 0; j < i; ++j)
      CHECK_FALSE((lines[j].device == line.device && lines[j].pass == line.pass && lines[j].activations == line.activations &&
                   lines[j].shape == line.shape));
    CHECK(line.microseconds > 0);
    CHECK(line.microseconds <= line.estimate_microseconds);
  }
}

}  // namespace heddle::test
#endif
