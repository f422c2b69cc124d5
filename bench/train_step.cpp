// train_step: the time of one training step of a network, batch by batch, as its trainer runs it.
//
// A step is everything between two batches: augmentation from bytes, forward, loss, backward, optimizer, schedule. Ten steps
// warm up; the median of the rest is reported. On a GPU the step is recorded and replayed, as by the trainer. --eval times the
// forward pass in evaluation mode instead. --plan times nothing: it records a step and says what that consists of
// (step_plan.hpp). Images are random bytes: nothing here depends on what they show. step_memory_mb is how much the process's
// resident memory grew at its peak, from the data set on (before the network is built); peak_memory_mb is what the allocator
// held.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "heddle/base/format.hpp"
#include "heddle/heddle.hpp"
#include "heddle/train/recorded_steps.hpp"
#include "model.hpp"
#include "precision.hpp"
#include "step_plan.hpp"

using namespace heddle;

namespace {

struct Options {
  std::string arch = "bottleneck", norm = "batch", device = "auto", precision = "fp32", json;
  int threads = 0, steps = 30, batch = 0;
  bool eval = false, plan = false;
};

// A line of /proc/self/status, "VmRSS" or "VmHWM" (its peak), in bytes; 0 where there is none.
double resident(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return 1024 * std::stod(line.substr(name.size() + 1));
  return 0;
}
void reset_peak_resident() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(const Options& options) {
  set_num_threads(options.threads);
  const Device device = choose_device(options.device).device;
  if (options.plan) {
    if (options.eval) fail("--plan", "expected a training step, got --eval");
    const auto plans = bench::plan_steps(options.arch, options.norm, options.batch, options.precision, device);
    strings::print(stdout, "{}", bench::table_of(plans));
    if (!options.json.empty()) write_file(options.json, bench::json_of(plans));
    return;
  }
  const DType activations = cifar10::use_precision(options.precision, device);
  const auto& architecture = cifar10::find_architecture(options.arch);
  const auto& recipe = architecture.recipe;
  const int batch = options.batch ? options.batch : recipe.batch;
  manual_seed(1);
  const auto images = bench::random_images(std::max(8 * batch, 4096), device);
  reset_peak_resident();
  const double resident_before = resident("VmRSS");
  auto net = architecture.build(cifar10::find_norm(architecture, options.norm));
  net.to(device);
  net.train(!options.eval);

  auto steps = options.eval ? std::vector<data::Augmentation>{} : recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  const data::DataLoader loader(images, {.batch_size = batch,
                                         .shuffle = true,
                                         .drop_last = true,
                                         .seed = 1,
                                         .transform = data::Transform(steps),
                                         .dtype = activations});
  optim::SGD optimizer(net.parameters(), {.lr = recipe.lr, .momentum = recipe.momentum});
  train::Meter meter(device);

  const auto work = [&](const data::Batch& b) {
    optimizer.zero_grad();
    const Tensor logits = net(b.images);
    const Tensor loss = cross_entropy(logits, b.labels);
    loss.backward();
    optimizer.step();
    meter.add(logits, b.labels, loss.detach());
  };
  train::RecordedSteps recorded(loader, optimizer, work);
  std::vector<double> times;
  std::uint64_t step = 0;
  constexpr int warm_up = 10;
  auto start = std::chrono::steady_clock::now();
  for (std::uint64_t epoch = 0; static_cast<int>(times.size()) < warm_up + options.steps; ++epoch) {
    // False when enough was timed.
    const auto timed = [&] {
      synchronize(device);
      const auto now = std::chrono::steady_clock::now();
      times.push_back(std::chrono::duration<double>(now - start).count());
      start = now;
      return static_cast<int>(times.size()) < warm_up + options.steps;
    };
    if (device.is_cuda() && !options.eval) {
      recorded.begin_epoch(epoch);
      for (std::int64_t number = 0; number < loader.size(); ++number) {
        recorded.run(number, ++step);
        if (!timed()) break;
      }
      continue;
    }
    for (const auto& b : loader.epoch(epoch)) {
      if (options.eval) {
        NoGradGuard guard;
        meter.add(net(b.images), b.labels, zeros({1}, {.device = device}));
      } else {
        default_generator().begin_step(++step);
        work(b);
      }
      if (!timed()) break;
    }
  }
  times.erase(times.begin(), times.begin() + warm_up);
  const double seconds = median(times);
  const auto memory = memory_stats(device);
  const nlohmann::ordered_json result = {{"program", "heddle"},
                                         {"arch", options.arch},
                                         {"norm", options.norm},
                                         {"device", device.str()},
                                         {"precision", options.precision},
                                         {"mode", options.eval ? "eval" : "train"},
                                         {"threads", get_num_threads()},
                                         {"batch", batch},
                                         {"parameters", net.num_parameters()},
                                         {"step_ms", seconds * 1e3},
                                         {"images_per_s", batch / seconds},
                                         {"peak_memory_mb", static_cast<double>(memory.peak_reserved) * 1e-6},
                                         {"step_memory_mb", (resident("VmHWM") - resident_before) * 1e-6}};
  strings::print(stdout, "{}\n", result.dump());
  if (!options.json.empty()) write_file(options.json, result.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times training steps of one of the thirteen CIFAR-10 systems", "train_step");
  app.add_option("--arch", options.arch, "transition, dilated, residual, bottleneck or compact")->capture_default_str();
  app.add_option("--norm", options.norm, "batch, group or layer")->capture_default_str();
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--precision", options.precision, "fp32, or on a GPU tf32 or bf16, with bf16 activations")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads; 0: one for each core");
  app.add_option("--batch", options.batch, "Images a step; default: the recipe's");
  app.add_option("--steps", options.steps, "Steps timed, after ten of warm-up")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--plan", options.plan,
               "Time nothing: say what a recorded training step consists of, on a GPU (--arch and --norm may be all)");
  app.add_flag("--eval", options.eval, "Time the forward pass in evaluation mode");
  app.add_option("--json", options.json, "Also write the result here");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    strings::print(stderr, "train_step: {}\n", error.what());
    return 1;
  }
}
