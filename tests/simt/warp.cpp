// The lanes of a warp meeting, and what they compute when they do: shuffles, votes, the exchange of ldmatrix and the
// matrix products. Values are exchanged here, out of the sanitizers' sight: no shuffle orders memory.
#include "tests/simt/warp.hpp"

#include <bit>
#include <cstring>

#include "kernels/simt/bf16.hpp"
#include "tests/simt/block.hpp"
#include "tests/simt/builtins.hpp"
#include "tests/simt/fragments.hpp"
#include "tests/simt/sanitizers.hpp"

namespace heddle::simt::emulator {
namespace {

std::string hex(unsigned mask) {
  static const char digits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[mask >> shift & 15];
  return text;
}
std::string lane_text(unsigned mask) { return "lane " + std::to_string(std::countr_zero(mask)); }

template <class F> void for_lanes(unsigned mask, F f) {
  for (; mask; mask &= mask - 1) f(static_cast<unsigned>(std::countr_zero(mask)));
}

}  // namespace

void BlockRunner::warp_call(const WarpCall& call, const Site& site) {
  Thread& self = *running_;
  Warp& warp = warps_[self.linear / 32];
  const unsigned lane = self.linear % 32, bit = 1u << lane;
  const std::string_view name = call.name;
  if (!(call.mask & bit))
    report(std::string(name) + ": wrong mask " + hex(call.mask) + ", which leaves out lane " + std::to_string(lane) + ", its caller", site);
  if (const unsigned absent = call.mask & ~warp.present)
    report(std::string(name) + ": wrong mask " + hex(call.mask) + ", the warp has no " + lane_text(absent), site);
  if (const unsigned gone = call.mask & warp.finished)
    report(std::string(name) + ": wrong mask " + hex(call.mask) + ", " + lane_text(gone) + " has left the kernel", site);

  WarpGroup* group = nullptr;
  for (int i = 0; i < warp.groups && !group; ++i)
    if (warp.group[static_cast<unsigned>(i)].mask == call.mask) group = &warp.group[static_cast<unsigned>(i)];
  if (!group) {
    group = &warp.group[static_cast<unsigned>(warp.groups++)];
    *group = {call.name, call.mask, 0, call.parameter, site, lane, &warp.order[warp.calls++ % sizeof(warp.order)]};
  } else if (name != group->name || !same_site(site, group->site)) {
    report("divergent lanes: this thread is at " + std::string(name) + ", but lane " + std::to_string(group->first_lane) +
               " of the same mask waits at " + group->name + " in " + line_of(group->site),
           site);
  } else if (call.parameter != group->parameter) {
    report(std::string(name) + ": width or type differ from those of lane " + std::to_string(group->first_lane), site);
  }
  char* const order = group->order;
  if (call.orders_memory && tracked_) release_order(order);
  warp.in[lane] = call.in;
  warp.out[lane] = call.out;
  self.waits_at = call.name;
  self.site = site;
  group->arrived |= bit;
  if (group->arrived != group->mask) {
    self.state = Thread::State::at_warp_call;
    ready_.remove(self.rank);
  } else {
    call.compute(call.mask, call.parameter, warp.in.data(), warp.out.data(), site);
    *group = warp.group[static_cast<unsigned>(--warp.groups)];
    const unsigned first = self.linear - lane;
    for_lanes(call.mask, [&](unsigned l) { make_ready(thread(first + l)); });
  }
  hand_over();
  if (call.orders_memory && tracked_) acquire_order(order);
}

void shuffle_lanes(unsigned mask, int parameter, const void* const* in, void* const* out, const Site& site) {
  const int bytes = parameter & 255, width = parameter >> 8;
  if (width < 1 || width > 32 || (width & (width - 1)) != 0)
    report("a shuffle's width is a power of 2 up to 32, got " + std::to_string(width), site);
  for_lanes(mask, [&](unsigned l) {
    const auto& self = *static_cast<const ShuffleInput*>(in[l]);
    const int lane = static_cast<int>(l), begin = lane & ~(width - 1), end = begin + width;
    int source = lane;
    switch (self.kind) {
      case Shuffle::index: source = begin + (self.argument & (width - 1)); break;
      case Shuffle::up: source = lane - self.argument < begin ? lane : lane - self.argument; break;
      case Shuffle::down: source = lane + self.argument >= end ? lane : lane + self.argument; break;
      case Shuffle::exclusive_or: source = (lane ^ self.argument) >= end ? lane : lane ^ self.argument; break;
    }
    if (source < 0 || !(mask >> source & 1))
      report("wrong mask: lane " + std::to_string(lane) + " shuffles from lane " + std::to_string(source) + ", which mask " + hex(mask) +
                 " leaves out",
             site);
    const void* const value = static_cast<const ShuffleInput*>(in[source])->value;
    if (bytes == 4) __builtin_memcpy(out[l], value, 4);
    else __builtin_memcpy(out[l], value, 8);
  });
}

void ballot_lanes(unsigned mask, int, const void* const* in, void* const* out, const Site&) {
  unsigned votes = 0;
  for_lanes(mask, [&](unsigned l) { votes |= static_cast<unsigned>(*static_cast<const int*>(in[l]) != 0) << l; });
  for_lanes(mask, [&](unsigned l) { *static_cast<unsigned*>(out[l]) = votes; });
}

void exchange_rows(unsigned, int parameter, const void* const* in, void* const* out, const Site&) {
  const bool transposed = parameter < 0;
  const int matrices = transposed ? -parameter : parameter;
  for (int m = 0; m < matrices; ++m) {
    const auto element = [&](unsigned row, unsigned column) {
      const auto& words = static_cast<const MatrixRow*>(in[static_cast<unsigned>(m) * 8 + row])->word;
      return words[column / 2] >> column % 2 * 16 & 0xFFFFu;
    };
    for (unsigned l = 0; l < 32; ++l) {
      const unsigned major = l / 4, minor = l % 4 * 2;
      static_cast<std::uint32_t*>(out[l])[m] = transposed ? element(minor, major) | element(minor + 1, major) << 16
                                                          : element(major, minor) | element(major, minor + 1) << 16;
    }
  }
}

namespace {

constexpr std::uint32_t tf32_bits = 0xFFFFE000u;  // the hardware ignores the others

// c + a b in float32, with a [16, K] and b [K, 8] taken from the lanes by the functions given.
template <int K, class A, class B> void multiply(const void* const* in, void* const* out, A a_of, B b_of) {
  float a[16][K], b[8][K];
  const auto input = [&](int lane) -> const MmaInput& { return *static_cast<const MmaInput*>(in[lane]); };
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < K; ++k) a[row][k] = a_of(input, row, k);
  for (int column = 0; column < 8; ++column)
    for (int k = 0; k < K; ++k) b[column][k] = b_of(input, k, column);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      float sum = input(lane).c[i];
      for (int k = 0; k < K; ++k) sum += a[row][k] * b[column][k];
      static_cast<float*>(out[lane])[i] = sum;
    }
}

}  // namespace

void mma_bf16(unsigned, int, const void* const* in, void* const* out, const Site&) {
  // Element (row, k) of a is with lane row % 8 * 4 + k % 8 / 2: register 1 for the lower rows, plus 2 for k >= 8.
  multiply<16>(
      in, out,
      [](const auto& input, int row, int k) {
        const std::uint32_t pair = input(row % 8 * 4 + k % 8 / 2).a[row / 8 + k / 8 * 2];
        return k % 2 == 0 ? low_bf16(pair) : high_bf16(pair);
      },
      [](const auto& input, int k, int column) {
        const std::uint32_t pair = input(column * 4 + k % 8 / 2).b[k / 8];
        return k % 2 == 0 ? low_bf16(pair) : high_bf16(pair);
      });
}

void mma_tf32(unsigned, int, const void* const* in, void* const* out, const Site&) {
  multiply<8>(
      in, out, [](const auto& input, int row, int k) { return float_of(input(row % 8 * 4 + k % 4).a[row / 8 + k / 4 * 2] & tf32_bits); },
      [](const auto& input, int k, int column) { return float_of(input(column * 4 + k % 4).b[k / 4] & tf32_bits); });
}

}  // namespace heddle::simt::emulator
