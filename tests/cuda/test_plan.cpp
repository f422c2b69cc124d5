// What a training step consists of: launches for each convolution with its norm and activation, of all thirteen systems. A
// launch costs a GPU about as much as one of these kernels' work, so one more is a step back as much as a slower kernel.
#include "heddle/ops/precision.hpp"
#include "step_plan.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

TEST_CASE("no layer of the thirteen takes more than two launches forward and four backward", "[cuda][plan]") {
  const std::string precision = GENERATE("fp32", "bf16");
  const auto plans = bench::plan_steps("all", "all", 0, precision, cuda);
  set_float32_matmul_precision("highest");
  CHECK(plans.size() == 13);
  for (const auto& plan : plans) {
    INFO(plan.system);
    CHECK(plan.layers.size() >= 11);
    for (const auto& layer : plan.layers) {
      INFO(layer.name);
      CHECK(layer.forward >= 1);
      CHECK(layer.forward <= 2);
      CHECK(layer.backward >= 2);
      CHECK(layer.backward <= 4);
    }
    CHECK(static_cast<std::size_t>(plan.forward() + plan.backward() + plan.between) < plan.nodes);
    CHECK(plan.others() <= 8);
    CHECK(plan.megabytes > 0);
  }
}
