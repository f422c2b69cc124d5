#include "heddle/nn/draw_order.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include "heddle/autograd/grad_mode.hpp"
#include "heddle/core/random.hpp"
#include "heddle/core/tensor_impl.hpp"
#include "heddle/nn/walk.hpp"

namespace heddle::nn {
namespace {

// What one module drew: calls [begin, end) of one step of one seed's stream.
struct Block {
  std::uint64_t seed = 0, step = 0, begin = 0, end = 0;
  std::vector<Tensor> tensors = {};
  std::set<std::uint64_t> calls = {};

  void add(const heddle::detail::Draw& draw) {
    calls.insert({draw.first_call, draw.call});
    begin = *calls.begin();
    end = *calls.rbegin() + 1;
  }
  bool complete() const { return calls.size() == end - begin; }

  auto stream() const { return std::tie(seed, step); }
};

// The module's block, empty where it drew nothing; none where its draws are not a block, as far as its tensors know.
std::optional<Block> block_of(Module& module, std::unordered_set<const void*>& met) {
  Block block;
  bool whole = true, one_stream = true;
  internal::walk_values(module, internal::Ties::once, [&](const std::string&, Tensor& t, bool) {
    const auto& storage = *t.impl()->storage;
    if (!storage.draw || !met.insert(&storage).second) return;
    // Parts of what was drawn together cannot be drawn alone.
    whole = whole && t.is_contiguous() && static_cast<std::size_t>(t.numel()) * size_of(t.dtype()) == storage.bytes;
    const heddle::detail::Draw& draw = *storage.draw;
    if (block.tensors.empty()) block.seed = draw.seed, block.step = draw.step;
    one_stream = one_stream && std::tie(draw.seed, draw.step) == block.stream();
    block.add(draw);
    block.tensors.push_back(t);
  });
  if (!whole || !one_stream || !block.complete()) return std::nullopt;
  return block;
}

// The tensor as it would be if the draws of its block had begun `forward` calls later.
void draw_again(const Tensor& t, std::int64_t forward) {
  auto& storage = *t.impl()->storage;
  const auto moved = [forward](std::uint64_t call) { return call + static_cast<std::uint64_t>(forward); };
  const heddle::detail::Draw draw = *storage.draw;
  if (draw.version == storage.version) {  // else it holds other values by now
    Generator generator(draw.seed);
    generator.set_state({draw.seed, draw.step, moved(draw.call)});
    Tensor values = t.detach();
    draw.uniform ? uniform_(values, draw.first, draw.second, generator) : normal_(values, draw.first, draw.second, generator);
  }
  storage.draw->call = moved(draw.call);
  storage.draw->first_call = moved(draw.first_call);
}

}  // namespace

void draw_in_order(const std::vector<Module*>& modules) {
  std::vector<Block> blocks;
  std::unordered_set<const void*> met;
  for (Module* m : modules) {
    if (!m) continue;
    auto block = block_of(*m, met);
    if (!block) return;
    if (!block->tensors.empty()) blocks.push_back(std::move(*block));
  }
  if (blocks.size() < 2) return;
  const auto earlier = [](const Block& a, const Block& b) { return a.begin < b.begin; };
  if (std::is_sorted(blocks.begin(), blocks.end(), earlier)) return;
  std::vector<Block> built = blocks;
  std::sort(built.begin(), built.end(), earlier);
  for (std::size_t i = 1; i < built.size(); ++i)
    if (built[i].stream() != built[0].stream() || built[i].begin != built[i - 1].end) return;
  NoGradGuard guard;
  std::uint64_t place = built.front().begin;
  for (const Block& block : blocks) {
    const auto forward = static_cast<std::int64_t>(place) - static_cast<std::int64_t>(block.begin);
    for (const Tensor& t : block.tensors)
      if (forward != 0) draw_again(t, forward);
    place += block.end - block.begin;
  }
}

}  // namespace heddle::nn
