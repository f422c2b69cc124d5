#include "watches.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "console.hpp"

namespace cifar10 {

using namespace heddle;

Watches::Watches(const TrainOptions& options, nn::Module& net, Device device, std::int64_t steps) {
  if (options.check_numerics) numerics_.emplace(net);
  if (!options.profile || steps < 1) return;
  const auto skip = std::min<std::int64_t>(3, steps - 1);
  profiler_.emplace(debug::ProfilerOptions{
      .skip = static_cast<int>(skip), .steps = static_cast<int>(std::min<std::int64_t>(10, steps - skip)), .device = device});
}

bool Watches::step() {
  return profiler_ && profiler_->step();
}

void Watches::tell_profile(const std::filesystem::path& folder) const {
  const auto profile = profiler_->profile();
  const std::string table = profile.str();
  write_file(folder / "profile.txt", table);
  profiler_->save_trace(folder / "trace.json");
  tell("{}Profile: {}, and {} for chrome://tracing or ui.perfetto.dev\n", table, (folder / "profile.txt").string(),
       (folder / "trace.json").string());
  auto rows = nlohmann::ordered_json::array();
  for (const auto& row : profile.rows)
    rows.push_back(
        {{"layer", row.label.name}, {"kind", row.label.kind}, {"forward_ms", row.forward}, {"backward_ms", row.backward}});
  record("profile",
         {{"steps", profile.steps}, {"step_ms", profile.step}, {"layers", rows}, {"trace", (folder / "trace.json").string()}});
}

}  // namespace cifar10
