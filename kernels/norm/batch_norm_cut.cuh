// How batch normalization is shared out among the blocks of a GPU, and how what they found is joined: for
// batch_norm_cuda.cu.
#pragma once

#include <algorithm>

#include "kernels/norm/norm_device.cuh"
#include "kernels/simt/join.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;
constexpr int most_images = 2048;  // whose factors fit shared memory

// Elements of a block: 16 KiB, since joining what the blocks of a channel found costs a block the same whatever its elements
// are stored as.
template <class T>
constexpr int per_block = sizeof(T) == 2 ? 8192 : 4096;

// How the tensor is cut; depends on the shape and the type alone.
struct Cut {
  int n, c;
  std::int64_t inner, part;  // positions of a plane in a block
  int group;                 // channels side by side in a block: a power of two
  int images;                // in a block
  int parts, splits, groups;

  HD_DEVICE std::int64_t count() const { return n * inner; }  // elements of a channel
};

template <class T>
Cut cut_of(const BatchNormShape& s) {
  Cut cut{s.n, s.c, s.inner, std::min<std::int64_t>(s.inner, per_block<T>), s.inner < 8 ? 32 : 1, 1, 1, 1, 1};
  const std::int64_t target = std::max<std::int64_t>(1, per_block<T> / cut.group / cut.part);
  cut.images = static_cast<int>(std::min<std::int64_t>(std::max<std::int64_t>(target, (s.n + 63) / 64), most_images));
  cut.parts = static_cast<int>((s.inner + cut.part - 1) / cut.part);
  cut.splits = (s.n + cut.images - 1) / cut.images * cut.parts;
  cut.groups = (s.c + cut.group - 1) / cut.group;
  return cut;
}

// This block's and this thread's share: calls f(image within the block, flat index) for every V of its elements.
struct Share {
  int channel, split, lane, image0, images;
  std::int64_t position0, positions;

  HD_DEVICE explicit Share(const Cut& cut) {
    lane = static_cast<int>(threadIdx.x) % cut.group;
    channel = static_cast<int>(blockIdx.x) % cut.groups * cut.group + lane;
    split = static_cast<int>(blockIdx.x) / cut.groups;
    image0 = split / cut.parts * cut.images;
    images = cut.n - image0 < cut.images ? cut.n - image0 : cut.images;
    position0 = split % cut.parts * cut.part;
    positions = cut.inner - position0 < cut.part ? cut.inner - position0 : cut.part;
  }
  template <int V, class F>
  HD_DEVICE void each(const Cut& cut, F f) const {
    if (channel >= cut.c) return;
    const int row = static_cast<int>(threadIdx.x) / cut.group, rows = threads / cut.group;
    const int units = static_cast<int>(positions) / V, images_on = rows / units, units_on = rows % units;
    int image = row / units, unit = row % units;
    HD_UNROLL
    while (image < images) {
      f(image, (std::int64_t{image0 + image} * cut.c + channel) * cut.inner + position0 + unit * V);
      image += images_on;
      unit += units_on;
      if (unit >= units) unit -= units, ++image;
    }
  }
};

// Factors of the planes this block sees, [images]: drawn once, where a block has one channel.
template <class T>
class PlaneFactors {
 public:
  HD_DEVICE PlaneFactors(const Cut& cut, const Share& share, const DeviceDropout<T>& drop, T* shared)
      : cut_(cut), share_(share), drop_(drop), shared_(drop.planes && cut.group == 1 ? shared : nullptr) {
    if (shared_)
      for (int i = static_cast<int>(threadIdx.x); i < share.images; i += threads) shared_[i] = drop.factor_at(plane(i));
  }
  // After a barrier.
  HD_DEVICE T operator()(int image) const { return shared_ ? shared_[image] : drop_.plane(plane(image)); }

 private:
  HD_DEVICE std::int64_t plane(int image) const { return std::int64_t{share_.image0 + image} * cut_.c + share_.channel; }
  const Cut& cut_;
  const Share& share_;
  const DeviceDropout<T>& drop_;
  T* shared_;
};

// Joins the partial results [c, parts] of this thread's channel, for all threads that share it.
template <class Value, class Partial>
HD_DEVICE Value joined_splits(const Cut& cut, const Share& share, int parts, const Partial* partial, Value* shared) {
  Value value{};
  if (share.channel < cut.c)
    for (int i = static_cast<int>(threadIdx.x) / cut.group; i < parts; i += threads / cut.group)
      value.join(Value::of(partial[std::int64_t{share.channel} * parts + i]));
  return simt::join_block<threads>(value, shared, cut.group);
}

struct Moments {
  double count, mean, squares;  // squares: sum of squared distances from the mean
  template <class T>
  HD_DEVICE static Moments of(const T& m) {
    return {static_cast<double>(m.count), static_cast<double>(m.mean), static_cast<double>(m.squares)};
  }
  HD_DEVICE void join(const Moments& other) {
    if (other.count == 0) return;
    const double all = count + other.count, distance = other.mean - mean, share = other.count / all;
    mean += distance * share;
    squares += other.squares + distance * distance * count * share;
    count = all;
  }
};
struct GradientSums {
  double g, gx;  // of g, and of g * (z - mean)
  HD_DEVICE static GradientSums of(const GradientSums& sums) { return sums; }
  HD_DEVICE void join(const GradientSums& other) { g += other.g, gx += other.gx; }
};

}  // namespace
}  // namespace heddle::kernels
