#include "heddle/train/recorded_steps.hpp"

#include <algorithm>

#include "heddle/core/random.hpp"
#include "heddle/core/recording.hpp"

namespace heddle::train {
namespace {

std::int64_t last_size(const data::DataLoader& loader) {
  const std::int64_t batch = loader.options().batch_size;
  return std::min(batch, loader.dataset().size() - (loader.size() - 1) * batch);
}

}  // namespace

RecordedSteps::RecordedSteps(const data::DataLoader& loader, optim::Optimizer& optimizer,
                             std::function<void(const data::Batch&)> work)
    : RecordedSteps(loader, std::move(work)) {
  optimizer_ = &optimizer;
}

RecordedSteps::RecordedSteps(const data::DataLoader& loader, std::function<void(const data::Batch&)> work)
    : loader_(loader),
      work_(std::move(work)),
      numbers_(empty({2}, {int64, loader.dataset().device()})),
      whole_(loader.dataset().device(), std::min(loader.options().batch_size, loader.dataset().size())),
      last_(loader.dataset().device(), last_size(loader)) {}

void RecordedSteps::begin_epoch(std::uint64_t epoch) {
  epoch_ = epoch;
  order_ = loader_.order(epoch);
}

std::int64_t RecordedSteps::run(std::int64_t batch, std::uint64_t step) {
  const std::int64_t begin = batch * loader_.options().batch_size;
  Recording& recording = loader_.dataset().size() - begin < whole_.index.numel() ? last_ : whole_;
  const std::uint64_t numbers[2] = {step, epoch_};
  auto* const on_device = reinterpret_cast<std::uint64_t*>(numbers_.data<std::int64_t>());
  detail::upload_bytes(numbers_.device(), on_device, numbers, sizeof numbers);
  recording.index.copy_(order_.view_of_memory(recording.index.shape(), {1}, begin));
  default_generator().begin_step(step);
  if (optimizer_ && recording.graph.replays()) optimizer_->before_replay();
  recording.graph.run([&] {
    const bool gpu = numbers_.device().is_cuda();
    const detail::DeviceStep guard(gpu ? on_device : nullptr);
    data::Batch made;
    made.number = batch;
    made.index = recording.index;
    made.images = loader_.options().transform.apply(loader_.dataset(), made.index, loader_.options().seed, epoch_, &made.labels,
                                                    gpu ? on_device + 1 : nullptr, loader_.options().dtype);
    work_(made);
  });
  return recording.index.numel();
}

}  // namespace heddle::train
