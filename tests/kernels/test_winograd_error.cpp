// Winograd's rounding error at every layer of the thirteen systems that it serves: relative errors, in the Euclidean norm,
// against a convolution in double; the direct algorithm's beside them. The table is printed (docs/kernels/conv.md has it).
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/conv/conv_algorithms.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/conv_layers.hpp"
#include "tests/support/conv_run.hpp"

namespace heddle::test {
namespace {

using namespace heddle::kernels;

// The output of one pass over standard normal data, which is the same whatever T is.
template <class T>
std::vector<T> run_pass(const Conv2dKernels<T>& k, const ConvShape& s, ConvPass pass) {
  const auto values = [](std::int64_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<T> all(static_cast<std::size_t>(count));
    for (T& v : all) v = normal(generator);
    return all;
  };
  const auto x = values(s.x_size(), 1), weight = values(s.w_size(), 2), dy = values(s.y_size(), 3);
  Workspace workspace(Where::host, k.workspace(s, pass));
  Output<T> out(Where::host, pass == ConvPass::forward ? s.y_size() : pass == ConvPass::grad_input ? s.x_size() : s.w_size());
  if (pass == ConvPass::forward) k.forward({}, s, x.data(), weight.data(), nullptr, out.get(), workspace.get());
  if (pass == ConvPass::grad_input) k.grad_input({}, s, dy.data(), weight.data(), out.get(), workspace.get());
  if (pass == ConvPass::grad_weight) k.grad_weight({}, s, x.data(), dy.data(), out.get(), nullptr, workspace.get());
  return out.values();
}

double relative_error(const std::vector<float>& got, const std::vector<double>& want) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  return std::sqrt(difference / size);
}

// Winograd's kernels for a pass, or null: tiles of images, else images of tiles, which also serve dilation.
const Conv2dKernels<float>* winograd_for(const ConvShape& s, ConvPass pass) {
  const Conv2dKernels<float>* found = nullptr;
  const auto offer = [&](const auto& algorithm) {
    if (!found && algorithm.serves(s, pass)) found = &algorithm.kernels;
  };
  offer(cpu_table<ConvAlgorithm<float, WinogradConv>>({}));
  offer(cpu_table<ConvAlgorithm<float, WinogradWeightConv>>({}));
  offer(cpu_table<ConvAlgorithm<float, WinogradImagesConv>>({}));
  offer(cpu_table<ConvAlgorithm<float, WinogradImagesWeightConv>>({}));
  return found;
}

}  // namespace

TEST_CASE("conv: Winograd's error at the example systems' layers", "[conv][large]") {
  // A few float roundings (6e-8), times what the transforms amplify them by.
  constexpr double limit = 1.5e-6;
  constexpr ConvPass passes[] = {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight};
  std::string table = "relative error, Winograd (direct): forward, gradient of x, gradient of the weights\n";
  int served = 0;
  for (auto [name, s] : conv_layers()) {
    s.n = 2;
    std::string row;
    for (int i = 0; i < 3; ++i) {
      const auto& direct = passes[i] == ConvPass::grad_weight ? cpu_table<ConvAlgorithm<float, DirectWeightConv>>({}).kernels
                                                              : cpu_table<ConvAlgorithm<float, DirectConv>>({}).kernels;
      const Conv2dKernels<float>* const winograd = winograd_for(s, passes[i]);
      if (!winograd) continue;
      ++served;
      const auto exact = run_pass(Conv2dKernels<double>::cpu(), s, passes[i]);
      const double error = relative_error(run_pass(*winograd, s, passes[i]), exact);
      const double plain = relative_error(run_pass(direct, s, passes[i]), exact);
      char text[64];
      std::snprintf(text, sizeof text, "  %.1e (%.1e)", error, plain);
      row += text;
      INFO(name << ", pass " << i << ": error " << error);
      REQUIRE(error < limit);
    }
    if (!row.empty()) table += name + std::string(name.size() < 28 ? 28 - name.size() : 1, ' ') + row + "\n";
  }
  REQUIRE(served > 82);
  std::fputs(table.c_str(), stdout);
}

}  // namespace heddle::test
