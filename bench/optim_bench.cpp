// Optimizer steps: a small network of the examples (48,000 parameters in 32 tensors, in cache) and 16 million parameters.
#include <memory>

#include "bench/support.hpp"
#include "kernels/optim/optim.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::bench;

namespace {

struct Parameters {
  std::vector<float> value, gradient, state0, state1;
  std::vector<ParameterSlice<float>> slices;
  Parameters(int tensors, std::int64_t size) {
    const std::int64_t count = tensors * size;
    value = made_up<float>(count), gradient = made_up<float>(count, -0.01, 0.01);
    state0.resize(static_cast<std::size_t>(count)), state1.resize(static_cast<std::size_t>(count));
    for (int i = 0; i < tensors; ++i)
      slices.push_back(
          {value.data() + i * size, gradient.data() + i * size, state0.data() + i * size, state1.data() + i * size, size});
  }
};

void add_steps(const std::string& name, int tensors, std::int64_t size) {
  const auto& k = OptimKernels<float>::cpu();
  auto p = std::make_shared<Parameters>(tensors, size);
  const double count = static_cast<double>(tensors * size);
  const float before = p->value[5], g = p->gradient[5];
  k.sgd({}, tensors, p->slices.data(), {.lr = 0.1, .momentum = 0.9, .first_step = true}, nullptr);
  require_near("sgd", static_cast<double>(p->value[5]), static_cast<double>(before) - 0.1 * static_cast<double>(g), 1e-6);
  add("sgd, momentum, " + name, {.bytes = 20 * count},
      [=, &k] { k.sgd({}, tensors, p->slices.data(), {.lr = 1e-6, .momentum = 0.9}, nullptr); });
  add("adam, " + name, {.bytes = 28 * count},
      [=, &k] { k.adam({}, tensors, p->slices.data(), {.lr = 1e-6, .step = 10}, nullptr); });
  auto norm = std::make_shared<double>();
  auto room = std::make_shared<std::vector<double>>(k.workspace(tensors, p->slices.data()) / sizeof(double) + 1);
  add("gradient_norm, " + name, {.bytes = 4 * count},
      [=, &k] { k.gradient_norm({}, tensors, p->slices.data(), norm.get(), room->data()); });
}

}  // namespace

int main(int argc, char** argv) {
  add_steps("32 tensors of 1500", 32, 1500);
  add_steps("16 tensors of 1048576", 16, 1 << 20);
  return run(argc, argv);
}
