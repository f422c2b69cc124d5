#include "step_plan.hpp"


#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "heddle/base/format.hpp"
#include "heddle/core/dispatch.hpp"
#include "heddle/core/recording.hpp"
#include "heddle/train/recorded_steps.hpp"
#include "kernels/simt/registry.hpp"
#include "precision.hpp"

namespace heddle::bench {
namespace {

int launches() {
  if constexpr (with_cuda) return static_cast<int>(simt::launch_count());
  return 0;
}

/// Counts launches by the convolution whose layers, forward or backward, were at work.
class LayerCounter : public Observer {
 public:
  std::vector<LayerLaunches> layers;

  void enter(const Label& label, const Tensor&) override {
    if (label.kind.starts_with("Conv2d")) layers.push_back({label.name, 0, 0});
    entered_.push_back(launches());
    inner_.push_back(0);
  }
  void leave(const Label& label) override {
    const int all = launches() - entered_.back(), own = all - inner_.back();
    entered_.pop_back();
    inner_.pop_back();
    if (!inner_.empty()) inner_.back() += all;
    if (!of_layer(label)) return;
    layers.back().forward += own;
    layer_of_[label.name] = layers.size() - 1;
  }
  void enter_backward(std::string_view, const Label*, const Tensor&) override { before_ = launches(); }
  void leave_backward(std::string_view, const Label* label, const std::vector<Tensor>&) override {
    const auto found = label ? layer_of_.find(label->name) : layer_of_.end();
    if (found != layer_of_.end()) layers[found->second].backward += launches() - before_;
    if (label && label->name == "loss") loss_at_ = launches();
  }
  /// Launches when the loss's gradient was there.
  int loss_at() const { return loss_at_; }

 private:
  // A convolution, alone or as one op with what follows it, a norm or an activation.
  bool of_layer(const Label& label) const {
    if (layers.empty()) return false;
    for (const char* kind : {"Conv2d", "ReLU", "Norm"})
      if (label.kind.find(kind) != std::string::npos) return true;
    return false;
  }

  std::vector<int> entered_, inner_;  // of the open scopes: launches at their beginning, launches of scopes inside
  std::map<std::string, std::size_t> layer_of_;
  int before_ = 0, loss_at_ = 0;
};

template <class F>
int sum(const std::vector<LayerLaunches>& layers, F f) {
  int all = 0;
  for (const LayerLaunches& l : layers) all += f(l);
  return all;
}
template <class F>
int most(const std::vector<LayerLaunches>& layers, F f) {
  int largest = 0;
  for (const LayerLaunches& l : layers) largest = std::max(largest, f(l));
  return largest;
}
int forward_of(const LayerLaunches& l) {
  return l.forward;
}
int backward_of(const LayerLaunches& l) {
  return l.backward;
}

}  // namespace

int StepPlan::forward() const {
  return sum(layers, forward_of);
}
int StepPlan::backward() const {
  return sum(layers, backward_of);
}
int StepPlan::most_forward() const {
  return most(layers, forward_of);
}
int StepPlan::most_backward() const {
  return most(layers, backward_of);
}

data::ImageDataset random_images(std::int64_t count, Device device) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count) * 3072);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
  std::uint64_t state = 1;
  const auto next = [&] { return (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33; };
  for (auto& p : pixels) p = static_cast<std::uint8_t>(next());
  for (auto& l : labels) l = static_cast<std::int64_t>(next() % 10);
  return data::ImageDataset(tensor(pixels, Shape{count, 3, 32, 32}), tensor(labels), std::vector<std::string>(10, "class"))
      .to(device);
}

StepPlan plan_step(const cifar10::Architecture& architecture, cifar10::Norm norm, int batch, const std::string& precision,
                   Device device) {
  if (!device.is_cuda()) fail("plan", "expected a training step on a GPU, got one on " + device.str());
  const DType activations = cifar10::use_precision(precision, device);
  const auto& recipe = architecture.recipe;
  StepPlan plan{.system = std::string(architecture.name) + "-" + cifar10::name_of(norm),
                .batch = batch ? batch : recipe.batch,
                .precision = precision};
  manual_seed(1);
  auto net = architecture.build(norm);
  net.to(device);
  auto steps = recipe.augmentation;
  steps.push_back(data::Normalize{.mean = data::cifar10_mean, .std = data::cifar10_std});
  const auto images = random_images(plan.batch, device);
  const data::DataLoader loader(
      images,
      {.batch_size = plan.batch, .shuffle = true, .seed = 1, .transform = data::Transform(steps), .dtype = activations});
  optim::SGD optimizer(net.parameters(), {.lr = recipe.lr, .momentum = recipe.momentum});
  train::Meter meter(device);

  const auto work = [&](const data::Batch& b) {
    optimizer.zero_grad();
    LayerCounter counter;
    const Watch watch(counter);
    const int first = launches();
    const Tensor logits = net(b.images);
    const int forward = launches() - first;
    const Tensor loss = cross_entropy(logits, b.labels);
    loss.backward();
    const int backward = launches() - counter.loss_at();
    plan.layers = counter.layers;
    plan.between = forward - plan.forward() + backward - plan.backward();
    optimizer.step();
    meter.add(logits, b.labels, loss.detach());
  };
  train::RecordedSteps recorded(loader, optimizer, work);
  recorded.begin_epoch(0);
  for (std::uint64_t step = 1; recorded.nodes() == 0; ++step) {
    const std::size_t before = detail::total_allocated(device);
    recorded.run(0, step);
    if (recorded.nodes() == 0) plan.megabytes = 2e-6 * static_cast<double>(detail::total_allocated(device) - before);
  }
  plan.nodes = recorded.nodes();
  return plan;
}

std::vector<StepPlan> plan_steps(const std::string& arch, const std::string& norm, int batch, const std::string& precision,
                                 Device device) {
  std::vector<StepPlan> plans;
  for (const auto& architecture : cifar10::architectures())
    for (const cifar10::Norm one : architecture.norms)
      if ((arch == "all" || arch == architecture.name) && (norm == "all" || norm == cifar10::name_of(one)))
        plans.push_back(plan_step(architecture, one, batch, precision, device));
  if (plans.empty()) fail("plan", "expected one of the thirteen systems, or all, got " + arch + " with " + norm + " norm");
  return plans;
}

std::string table_of(const std::vector<StepPlan>& plans) {
  std::string text =
      "| system | batch | precision | convolutions | forward | most of a layer | backward | most of a layer | between | others "
      "| nodes | "
      "MB |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const StepPlan& p : plans)
    text += strings::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.0f} |\n", p.system, p.batch, p.precision,
                        p.layers.size(), p.forward(), p.most_forward(), p.backward(), p.most_backward(), p.between, p.others(),
                        p.nodes, p.megabytes);
  return text;
}

std::string json_of(const std::vector<StepPlan>& plans) {
  auto all = nlohmann::ordered_json::array();
  for (const StepPlan& p : plans) {
    auto layers = nlohmann::ordered_json::array();
    for (const LayerLaunches& l : p.layers)
      layers.push_back({{"name", l.name}, {"forward", l.forward}, {"backward", l.backward}});
    all.push_back({{"program", "heddle"},
                   {"system", p.system},
                   {"batch", p.batch},
                   {"precision", p.precision},
                   {"layers", layers},
                   {"between", p.between},
                   {"others", p.others()},
                   {"nodes", p.nodes},
                   {"megabytes", p.megabytes}});
  }
  return all.dump(2) + "\n";
}

}  // namespace heddle::bench
