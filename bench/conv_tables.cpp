// The forms in which a tuning is written: conv_tables.hpp.
#include "bench/conv_tables.hpp"


#include <nlohmann/json.hpp>

#include "bench/device_clock.hpp"
#include "heddle/base/format.hpp"

namespace heddle::bench {
namespace {

using kernels::ConvTile;
using kernels::TunedConv;

constexpr const char* no_measurement = "The emulator's times mean nothing, and neither does what was chosen by them.";

// A shape as an initialiser, without what is as by default.
std::string source_of(const ConvShape& s) {
  std::string text;
  const auto add = [&](const char* name, int value, int usual) {
    if (value != usual) text += strings::format("{}.{} = {}", text.empty() ? "" : ", ", name, value);
  };
  add("n", s.n, 1), add("c", s.c, 1), add("h", s.h, 1), add("w", s.w, 1), add("k", s.k, 1), add("kh", s.kh, 1),
      add("kw", s.kw, 1), add("stride_h", s.stride_h, 1), add("stride_w", s.stride_w, 1), add("pad_h", s.pad_h, 0),
      add("pad_w", s.pad_w, 0), add("dilation_h", s.dilation_h, 1), add("dilation_w", s.dilation_w, 1),
      add("groups", s.groups, 1);
  if (s.precision != Precision::float32)
    text += strings::format("{}.precision = {}", text.empty() ? "" : ", ", name_of(s.precision));
  return "{" + text + "}";
}

std::string source_of(const ConvTile& t) {
  std::string text = strings::format("{{{}, {}, {}", name_of(t.kind), t.height, t.width);
  if (t.taps > 0) text += strings::format(", {}, {}", t.taps, t.blocks);
  return text + "}";
}

std::string source_of(const TunedConv& line) {
  return strings::format("{{{{{}, {}}}, {}, {}, {}, {}, {:.2f}, {:.2f}}},\n", line.device.capability, line.device.multiprocessors,
                     name_of(line.pass), name_of(line.activations), source_of(line.shape), source_of(line.tile),
                     line.microseconds, line.estimate_microseconds);
}

double roofline_percent(const TunedPass& p, const TimedTile& t) {
  return 1e8 * device_roofline().seconds(p.work) / t.microseconds;
}

}  // namespace

std::string numbers_of(kernels::Activations activations, const ConvShape& s) {
  return activations == kernels::Activations::in_bfloat16 ? "bf16 activations" : name_of(s.precision);
}

std::string tuned_table(const Tuning& tuning, std::span<const TunedConv> before) {
  const auto device = kernels::this_device_class();
  std::string others, own;
  for (const TunedConv& line : before) {
    const bool anew = line.device == device && std::any_of(tuning.passes.begin(), tuning.passes.end(), [&](const TunedPass& p) {
                        return p.pass == line.pass && p.activations == line.activations && p.shape == line.shape;
                      });
    if (!anew) (line.device == device ? own : others) += source_of(line);
  }
  for (const TunedPass& p : tuning.passes) {
    const TimedTile& kept = p.tiles[p.kept];
    own += source_of(TunedConv{device, p.pass, p.activations, p.shape, kept.tile, kept.microseconds, p.tiles[0].microseconds});
  }
  return strings::format(
      R"(// The tiles kept for convolutions on a GPU (kernels/conv/conv_tuning.hpp). `bench/conv_tune --device cuda --write FILE` makes
// this file anew.
//
// {{compute capability, multiprocessors}}, pass, activations, shape, {{tile}}, microseconds a call, those of the estimate's choice
//
// {{{}, {}}}: {}{}{}
{}{})",
      device.capability, device.multiprocessors, tuning.device, tuning.note.empty() ? "" : ", " + tuning.note,
      tuning.emulated ? std::string(". ") + no_measurement : "", own, others);
}

std::string tuning_json(const Tuning& tuning) {
  nlohmann::ordered_json all = {
      {"program", "conv_tune"}, {"device", tuning.device}, {"note", tuning.note}, {"emulated", tuning.emulated}};
  for (const auto& [what, value] : device_roofline().described()) all["roofline"][what] = value;
  all["passes"] = nlohmann::ordered_json::array();
  for (const TunedPass& p : tuning.passes) {
    nlohmann::ordered_json tiles;
    for (const TimedTile& t : p.tiles)
      tiles.push_back({{"tile", t.tile.str()},
                       {"us", t.microseconds},
                       {"% roofline", roofline_percent(p, t)},
                       {"estimated cycles", t.cycles}});
    all["passes"].push_back({{"layer", p.layer},
                             {"pass", name_of(p.pass)},
                             {"numbers", numbers_of(p.activations, p.shape)},
                             {"batch", p.shape.n},
                             {"flops", p.work.flops},
                             {"bytes", p.work.bytes},
                             {"kept", p.tiles[p.kept].tile.str()},
                             {"estimate", p.tiles[0].tile.str()},
                             {"tiles", tiles}});
  }
  return all.dump(1) + "\n";
}

std::string tuning_markdown(const Tuning& tuning) {
  std::string text = strings::format("# Tiles of convolutions\n\nMeasured by conv_tune on {}{}.", tuning.device,
                                 tuning.note.empty() ? "" : ", " + tuning.note);
  if (tuning.emulated) text += std::string(" ") + no_measurement;
  text +=
      " Microseconds of one call, operands from device memory; gain is the time of the\nestimate's choice over that of the "
      "tile "
      "that is kept.\n\n| layer | batch | pass | numbers | kept | us | % of roofline | estimate's choice | us | gain | "
      "others, us |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const TunedPass& p : tuning.passes) {
    const TimedTile &kept = p.tiles[p.kept], &estimate = p.tiles[0];
    std::string others;
    for (std::size_t i = 1; i < p.tiles.size(); ++i)
      if (i != p.kept)
        others += strings::format("{}{} {:.2f}", others.empty() ? "" : ", ", p.tiles[i].tile.str(), p.tiles[i].microseconds);
    text += strings::format("| {} | {} | {} | {} | {} | {:.2f} | {:.0f} | {} | {:.2f} | {:.2f} | {} |\n", p.layer, p.shape.n,
                        name_of(p.pass), numbers_of(p.activations, p.shape), kept.tile.str(), kept.microseconds,
                        roofline_percent(p, kept), p.kept == 0 ? "the same" : estimate.tile.str(), estimate.microseconds,
                        estimate.microseconds / kept.microseconds, others);
  }
  return text;
}

}  // namespace heddle::bench
