// Loss and accuracy over many batches, summed where the batches are: reading them is the only time a device is waited for.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::train {

/// Averages over everything added so far.
struct Metrics {
  double loss = 0;
  double accuracy = 0;  ///< in per cent
  std::int64_t count = 0;
};

class Meter {
 public:
  explicit Meter(Device device = cpu);
  Device device() const { return totals_.device(); }
  void reset();
  /// logits [n, classes] (float32 or float64), labels int64 [n], loss: the batch's mean, one element. All dense.
  void add(const Tensor& logits, const Tensor& labels, const Tensor& loss);
  /// Waits for the device.
  Metrics read() const;
  /// What is summed, float64 [3] on the meter's device: losses, right answers, samples. A copy.
  Tensor state() const { return totals_.clone(); }
  /// Goes on from such sums, which are moved to the meter's device.
  void load_state(const Tensor& totals);

 private:
  Tensor totals_;  // float64 [3]: sum of losses, right answers, samples
};

}  // namespace heddle::train
HD_API_END
