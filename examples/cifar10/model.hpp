// The five networks and the recipes that train them. Each has a file of its own: transition.cpp, dilated.cpp, residual.cpp,
// bottleneck.cpp, compact.cpp.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "heddle/heddle.hpp"

namespace cifar10 {

enum class Norm { batch, group, layer };

/// Stages one after another; `skips` keep the input of one stage and add it to the output of another. Paths of parameters
/// ("stages.0.1.weight") are those of the same network in PyTorch with its stages in an nn.ModuleList. Returns logits
/// [n, 10].
class Net : public heddle::nn::Module {
 public:
  struct Skip {
    int from, to;  ///< input of stage `from`, output of stage `to`
  };
  Net(std::vector<std::shared_ptr<heddle::nn::Module>> stages, std::vector<Skip> skips = {}) : stages_(std::move(stages)), skips_(std::move(skips)) {}

  heddle::Tensor forward(const heddle::Tensor& x) override;
  void members(heddle::nn::Members& m) override;
  bool by_rows() const override { return true; }
  std::string describe() const override { return "Net"; }

 private:
  std::vector<std::shared_ptr<heddle::nn::Module>> stages_;
  std::vector<Skip> skips_;
};

/// Modules of any kind as a list of stages.
template <class... Ms> std::vector<std::shared_ptr<heddle::nn::Module>> stages(Ms&&... modules) {
  return heddle::nn::share_all(std::forward<Ms>(modules)...);
}

/// A convolution of this file's usual kind: 3x3 or 1x1, stride 1, the size kept.
heddle::nn::Conv2d conv(int in, int out, int kernel = 3, bool bias = false);

enum class ScheduleKind { constant, one_cycle, points };

/// How the author of a network trained it.
struct Recipe {
  int batch = 128, epochs = 20;
  double lr = 0.01, momentum = 0.9;
  ScheduleKind schedule = ScheduleKind::constant;
  std::vector<std::pair<double, double>> points = {};              ///< (epoch, learning rate), for ScheduleKind::points
  std::vector<heddle::data::Augmentation> augmentation = {};  ///< before normalisation
};

struct Architecture {
  const char* name;
  std::vector<Norm> norms;  ///< those it has been trained with
  Net (*build)(Norm);
  Recipe recipe;
};

/// All five.
const std::vector<Architecture>& architectures();
/// Error that lists the names when there is none called so.
const Architecture& find_architecture(const std::string& name);
/// "batch", "group" or "layer"; an Error when this architecture has no such variant.
Norm find_norm(const Architecture& architecture, const std::string& name);
const char* name_of(Norm norm);

Architecture transition();
Architecture dilated();
Architecture residual();
Architecture bottleneck();
Architecture compact();

}  // namespace cifar10
