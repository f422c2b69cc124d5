// Pooling over the layers of the example systems at batch 128. Bytes are the least that must move; "% roofline" holds them against
// this machine's copy bandwidth.
#include <memory>

#include "bench/support.hpp"
#include "kernels/pool/pool.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

void compare(const std::string& name, const std::vector<float>& got, const std::vector<float>& want) {
  for (std::size_t i = 0; i < want.size(); ++i) require_near(name, got[i], want[i], 1e-5);
}

void add_pool(const std::string& layer, const PoolShape& s) {
  const auto& k = PoolKernels<float>::cpu();
  const auto& naive = PoolKernels<float>::cpu(Variant::naive);
  const std::int64_t in = s.planes * s.h * s.w, out = s.planes * s.out_h * s.out_w;
  const auto values = made_up<float>(in), gradient = made_up<float>(out);
  std::vector<float> y(out), y2(out), dx(in), dx2(in);
  std::vector<std::uint8_t> winners(out), winners2(out);
  naive.max({}, s, values.data(), y.data(), winners.data()), k.max({}, s, values.data(), y2.data(), winners2.data());
  compare(layer, y2, y);
  if (winners != winners2) require_near(layer + " winners", 0, 1, 0);
  naive.max_backward({}, s, gradient.data(), winners.data(), dx.data());
  k.max_backward({}, s, gradient.data(), winners.data(), dx2.data());
  compare(layer + " backward", dx2, dx);
  naive.average({}, s, values.data(), y.data()), k.average({}, s, values.data(), y2.data());
  compare(layer + " average", y2, y);

  auto x = std::make_shared<Rotating<float>>(values), dy = std::make_shared<Rotating<float>>(gradient);
  auto to = std::make_shared<Rotating<float>>(y), back = std::make_shared<Rotating<float>>(dx);
  auto arg = std::make_shared<Rotating<std::uint8_t>>(winners);
  const double large = 4.0 * static_cast<double>(in), small = 4.0 * static_cast<double>(out), bytes = static_cast<double>(out);
  add("max/forward/" + layer, {.bytes = large + small + bytes}, [=, &k] { k.max({}, s, x->next(), to->next(), arg->next()); });
  add("max/backward/" + layer, {.bytes = large + small + bytes}, [=, &k] { k.max_backward({}, s, dy->next(), arg->next(), back->next()); });
  add("average/forward/" + layer, {.bytes = large + small}, [=, &k] { k.average({}, s, x->next(), to->next()); });
  add("average/backward/" + layer, {.bytes = large + small}, [=, &k] { k.average_backward({}, s, dy->next(), back->next()); });
}

void add_global(const std::string& layer, std::int64_t planes, std::int64_t inner) {
  const auto& k = PoolKernels<float>::cpu();
  const auto values = made_up<float>(planes * inner);
  std::vector<float> y(planes), want(planes);
  PoolKernels<float>::cpu(Variant::naive).global_average({}, planes, inner, values.data(), want.data());
  k.global_average({}, planes, inner, values.data(), y.data());
  compare(layer, y, want);
  auto x = std::make_shared<Rotating<float>>(values), back = std::make_shared<Rotating<float>>(values);
  auto small = std::make_shared<Rotating<float>>(y);
  const double bytes = 4.0 * static_cast<double>(planes * inner + planes);
  add("global/forward/" + layer, {.bytes = bytes}, [=, &k] { k.global_average({}, planes, inner, x->next(), small->next()); });
  add("global/backward/" + layer, {.bytes = bytes}, [=, &k] { k.global_average_backward({}, planes, inner, small->next(), back->next()); });
}

PoolShape halving(std::int64_t planes, int size) {
  PoolShape s;
  s.planes = planes, s.h = s.w = size, s.out_h = s.out_w = size / 2;
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  add_pool("transition 32@32", halving(128 * 32, 32));
  add_pool("bottleneck 10@32", halving(128 * 10, 32));
  add_pool("residual 16@16", halving(128 * 16, 16));
  PoolShape overlapping = halving(128 * 64, 32);
  overlapping.kh = overlapping.kw = 3, overlapping.pad_h = overlapping.pad_w = 1;
  add_pool("3 x 3, stride 2, 64@32", overlapping);
  add_global("bottleneck 32@8", 128 * 32, 64);
  add_global("dilated 10@6", 128 * 10, 36);
  add_global("512@16", 128 * 512, 256);
  return run(argc, argv);
}
