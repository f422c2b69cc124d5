// conv_tune: which tile is the fastest for each convolution of the thirteen systems on this GPU, for the table that the
// library keeps (kernels/conv/conv_tuning.hpp).
//
// Every layer and pass is computed in each precision, and with bfloat16 activations, with every tile that serves it: each
// result is held against the naive CPU kernels', each tile timed as in a recorded step, on operands that rotate through more
// memory than the second-level cache holds (device_clock.hpp). The fastest ones are timed once more, in turns. The estimate's
// choice stays where no other one is faster by the margin. Files are written anew after each layer, so that a run that is cut
// short leaves what it has.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/conv_tables.hpp"
#include "bench/device_clock.hpp"
#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/format.hpp"
#include "tests/support/conv_layers.hpp"

using namespace heddle;
using namespace heddle::bench;
using kernels::Activations;
using kernels::UseTunedConvs;

namespace {

struct Options {
  std::string device = "cuda", layers, note, write, json, markdown;
  std::vector<int> batches;
  double margin = 0.02;
  bool list = false;
};

template <class T>
constexpr Activations activations_of = std::is_same_v<T, float> ? Activations::in_float32 : Activations::in_bfloat16;

// One tile at work: while it is made, convolutions take it.
class Candidate {
 public:
  template <class T>
  Candidate(const std::string& what, const std::shared_ptr<ConvOperands<T>>& operands, const ConvShape& shape, ConvPass pass,
            const kernels::ConvCandidate& c, const typename ConvOperands<T>::Expected& expected)
      : timed{c.tile, c.cycles, 1e30} {
    const UseTunedConvs guard({{kernels::this_device_class(), pass, activations_of<T>, shape, c.tile}});
    const auto& k = kernels::Conv2dKernels<T>::cuda();
    const Workspace workspace(Where::device, static_cast<std::int64_t>(k.workspace(shape, pass)));
    operands->check(what + ", " + c.tile.str(), k, shape, pass, workspace, expected);
    ready_ = {work_of<T>(shape), [=, &k](Stream stream) { operands->run(k, stream, shape, pass, workspace); }};
    clock_ = std::make_unique<DeviceClock>(ready_);
  }
  void time() { timed.microseconds = std::min(timed.microseconds, 1e6 * clock_->seconds() / clock_->calls()); }

  TimedTile timed;

 private:
  Ready ready_;  // has the workspace that the recorded calls write to
  std::unique_ptr<DeviceClock> clock_;
};

template <class T>
TunedPass tune(const std::string& layer, const std::shared_ptr<ConvOperands<T>>& operands, const ConvShape& shape,
               ConvPass pass, double margin) {
  const std::string what = strings::format("{}/{}/{}", name_of(pass), layer, numbers_of(activations_of<T>, shape));
  const auto expected = operands->expected(shape, pass);
  const int rounds = simt::is_emulated() ? 1 : 3;
  std::vector<Candidate> all;
  for (const auto& c : kernels::conv_candidates(shape, pass, activations_of<T>)) {
    all.emplace_back(what, operands, shape, pass, c, expected);
    for (int i = 0; i < rounds; ++i) all.back().time();
  }
  if (all.empty()) fail("conv_tune", "expected a tile that serves " + what + ", got none");
  double fastest = 1e30;
  for (const Candidate& c : all) fastest = std::min(fastest, c.timed.microseconds);
  for (int i = 0; i < 2 * rounds; ++i)
    for (Candidate& c : all)
      if (&c == &all[0] || c.timed.microseconds < 1.1 * fastest) c.time();

  TunedPass result{layer, pass, activations_of<T>, shape, work_of<T>(shape), {}, 0};
  for (const Candidate& c : all) result.tiles.push_back(c.timed);
  const auto best = std::min_element(result.tiles.begin(), result.tiles.end(),
                                     [](const auto& a, const auto& b) { return a.microseconds < b.microseconds; });
  if (best->microseconds < (1 - margin) * result.tiles[0].microseconds)
    result.kept = static_cast<std::size_t>(best - result.tiles.begin());
  return result;
}

struct Layer {
  std::string name;
  ConvShape shape;
};

// Each shape once, under its first layer's name.
std::vector<Layer> layers_of(const Options& options) {
  std::vector<Layer> all;
  for (const auto& layer : test::conv_layers()) {
    if (layer.name.find(options.layers) == std::string::npos) continue;
    for (int batch : options.batches.empty() ? std::vector<int>{layer.shape.n} : options.batches) {
      ConvShape s = layer.shape;
      s.n = batch;
      if (simt::is_emulated() && !options.list) s.n = std::min(s.n, 2), s.h = std::min(s.h, 8), s.w = std::min(s.w, 8);
      if (std::none_of(all.begin(), all.end(), [&](const Layer& l) { return l.shape == s; })) all.push_back({layer.name, s});
    }
  }
  if (all.empty())
    fail("--layers", "expected part of a layer's name, as 'compact' or '32->32@16', got '" + options.layers + "'");
  return all;
}

void write(const Options& options, const Tuning& tuning) {
  if (!options.write.empty()) write_file(options.write, tuned_table(tuning, kernels::tuned_convs()));
  if (!options.json.empty()) write_file(options.json, tuning_json(tuning));
  if (!options.markdown.empty()) write_file(options.markdown, tuning_markdown(tuning));
}

// What there is to choose a tile for: float activations in each precision, and bfloat16 ones.
struct Numbers {
  Activations activations;
  Precision precision;
};
constexpr Numbers all_numbers[] = {{Activations::in_float32, Precision::float32},
                                   {Activations::in_float32, Precision::tf32},
                                   {Activations::in_float32, Precision::bf16},
                                   {Activations::in_bfloat16, Precision::bf16}};

// What each shape takes now.
void list(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers)
    for (const auto& [activations, precision] : all_numbers)
      for (ConvPass pass : conv_passes) {
        ConvShape s = layer.shape;
        s.precision = precision;
        const auto kept = kernels::kept_tile(s, pass, activations);
        const auto candidates = kernels::conv_candidates(s, pass, activations);
        const std::string tile = kept ? kept->str() : candidates.empty() ? "the naive kernel" : candidates[0].tile.str();
        strings::print(stdout, "{}, batch {}, {}, {}: {} ({}, of {})\n", layer.name, s.n, name_of(pass), numbers_of(activations, s), tile,
                   kept ? "kept" : "by the estimate", candidates.size());
      }
}

template <class T>
void tune_layer(const Layer& layer, double margin, Tuning& tuning) {
  const auto operands = std::make_shared<ConvOperands<T>>(Where::device, layer.shape);
  for (const auto& [activations, precision] : all_numbers) {
    if (activations != activations_of<T>) continue;
    for (ConvPass pass : conv_passes) {
      ConvShape s = layer.shape;
      s.precision = precision;
      tuning.passes.push_back(tune(layer.name, operands, s, pass, margin));
      const TunedPass& p = tuning.passes.back();
      strings::print(stdout, "{}, batch {}, {}, {}: {} takes {:.2f} us, the estimate's choice {:.2f} us\n", layer.name, s.n, name_of(pass),
                 numbers_of(activations, s), p.tiles[p.kept].tile.str(), p.tiles[p.kept].microseconds, p.tiles[0].microseconds);
      std::fflush(stdout);
    }
  }
}

void run(const Options& options) {
  if (options.device != "cuda") fail("--device", "expected cuda, as a CPU has no tiles to choose, got " + options.device);
  if (simt::device_count() == 0) fail("--device", "expected a GPU: " + simt::no_device_reason());
  if (const std::string problem = simt::device_problem(0); !problem.empty()) fail("--device", problem);
  const auto layers = layers_of(options);
  if (options.list) return list(layers);
  const auto properties = simt::device_properties(0);
  Tuning tuning{strings::format("{}, compute capability {}.{}, {} multiprocessors", properties.name, properties.major,
                            properties.minor, properties.multiprocessors),
                options.note,
                simt::is_emulated(),
                {}};
  for (const Layer& layer : layers) {
    tune_layer<float>(layer, options.margin, tuning);
    tune_layer<BFloat16>(layer, options.margin, tuning);
    write(options, tuning);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures which tile is the fastest for each convolution of the thirteen systems, and writes the table to keep",
               "conv_tune");
  app.add_option("--device", options.device, "cuda")->capture_default_str();
  app.add_option("--layers", options.layers, "Only layers whose name contains this, as compact or 32->32@16");
  app.add_option("--batch", options.batches, "Batches, instead of the recipes'")->check(CLI::PositiveNumber)->delimiter(',');
  app.add_option("--margin", options.margin, "By how much a tile has to be faster than the estimate's choice")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--note", options.note, "What the tables are to say of this run");
  app.add_option("--write", options.write, "The table to compile in, as kernels/conv/conv_tuned.inc");
  app.add_option("--json", options.json, "Every tile's time");
  app.add_option("--markdown", options.markdown, "The same to be read");
  app.add_flag("--list", options.list, "Measure nothing: say which tile each layer takes now, and why");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    strings::print(stderr, "conv_tune: {}\n", error.what());
    return 1;
  }
}
