// Bytes to a normalised, augmented batch on the GPU: a block an image.
//
// images [total, channels, height, width] of bytes, index and labels_out [batch], out [batch, channels, height, width].
//
// An image that no step changes goes from bytes to numbers directly. Any other is unpacked into floats in shared memory (24 KB
// for CIFAR-10's, with room for a moved copy), changed there step by step with a barrier after each, and normalised on its
// way out. Images that do not fit have their room in the workspace. Every thread draws the step's random words for itself.
// naive: one thread an image, its room always in the workspace.
// Bytes: 1 read and sizeof(T) written a value, whatever the steps. Operations: about 40 a pixel for a bilinear step, 60 for
// a turn of hue.
#include "kernels/augment/augment_steps.cuh"
#include "kernels/simt/runtime.hpp"

namespace heddle::kernels {
namespace {

constexpr int threads = 256;

// Value of channel c becomes value * scale + offset.
template <class T>
struct Normalisation {
  T scale[3], offset[3];

  // The element is chosen, not indexed: an array that is indexed lies in local memory.
  HD_DEVICE T operator()(T value, int c) const {
    return value * (c == 0 ? scale[0] : c == 1 ? scale[1] : scale[2]) + (c == 0 ? offset[0] : c == 1 ? offset[1] : offset[2]);
  }
};

HD_HOST_DEVICE inline std::int64_t image_size(const AugmentShape& s) {
  return std::int64_t{s.channels} * s.height * s.width;
}

template <class Team, class T>
HD_DEVICE void augment_image(const AugmentShape& s, std::uint64_t epoch, std::int64_t image, const std::uint8_t* bytes,
                             const Normalisation<Wide<T>>& norm, float* room, float* sums, T* out) {
  const Team team;
  DeviceImage<Team> work(s, room, sums);
  bool changed = false;
  for (int i = 0; i < s.steps; ++i) {
    const AugmentDraws draws{s.seed, epoch, static_cast<std::uint32_t>(image), static_cast<std::uint32_t>(i)};
    if (!draws.applies(s.step[i].p)) continue;
    if (!changed) work.load(bytes);
    changed = true;
    work.apply(draws, s.step[i]);
  }
  const int area = s.height * s.width;
  for (int c = 0; c < s.channels; ++c)
    for (int p = team.rank(); p < area; p += team.size()) {
      const int i = c * area + p;
      out[i] = static_cast<T>(norm(static_cast<Wide<T>>(changed ? work.pixels()[i] : static_cast<float>(bytes[i])), c));
    }
}

template <class T>
HD_KERNEL void HD_LAUNCH_BOUNDS(threads, 4)
    augment_kernel(AugmentShape s, Normalisation<Wide<T>> norm, const std::uint8_t* HD_RESTRICT images,
                   const std::int64_t* HD_RESTRICT labels, const std::int64_t* HD_RESTRICT index,
                   const std::uint64_t* HD_RESTRICT device_epoch, float* workspace, T* HD_RESTRICT out,
                   std::int64_t* HD_RESTRICT labels_out) {
  HD_SHARED(float, sums, [16]);
  HD_CARVER(carver);
  const std::int64_t b = blockIdx.x, image = index[b], size = image_size(s);
  if (labels_out && threadIdx.x == 0) labels_out[b] = labels[image];
  float* const room =
      workspace ? workspace + 2 * b * size : carver.template take<float>(s.steps > 0 ? static_cast<std::size_t>(2 * size) : 0);
  augment_image<BlockTeam>(s, device_epoch ? *device_epoch : s.epoch, image, images + image * size, norm, room, sums,
                           out + b * size);
}

template <class T>
HD_KERNEL void augment_naive_kernel(AugmentShape s, Normalisation<Wide<T>> norm, const std::uint8_t* images,
                                    const std::int64_t* labels, const std::int64_t* index, const std::uint64_t* device_epoch,
                                    float* workspace, T* out, std::int64_t* labels_out) {
  const std::int64_t b = simt::thread_number(), size = image_size(s);
  if (b >= s.batch) return;
  if (labels_out) labels_out[b] = labels[index[b]];
  float* const room = workspace + b * (2 * size + 16);
  augment_image<LoneTeam>(s, device_epoch ? *device_epoch : s.epoch, index[b], images + index[b] * size, norm, room,
                          room + 2 * size, out + b * size);
}

std::size_t shared_bytes(const AugmentShape& s) {
  return simt::SharedBytes().take<float>(s.steps > 0 ? static_cast<std::size_t>(2 * image_size(s)) : 0).total;
}
bool fits(const AugmentShape& s) {
  static const std::size_t limit = simt::device_properties(0).shared_bytes_per_block - 1024;
  return shared_bytes(s) <= limit;
}

template <bool naive>
std::size_t workspace(const AugmentShape& s) {
  if (naive) return static_cast<std::size_t>(s.batch * (2 * image_size(s) + 16)) * sizeof(float);
  return fits(s) ? 0 : static_cast<std::size_t>(2 * s.batch * image_size(s)) * sizeof(float);
}

template <bool naive, class T>
void augment(Stream stream, const AugmentShape& s, const std::uint8_t* images, const std::int64_t* labels,
             const std::int64_t* index, const std::uint64_t* device_epoch, T* out, std::int64_t* labels_out, void* workspace) {
  Normalisation<Wide<T>> norm{};
  for (int c = 0; c < s.channels; ++c) {
    const double deviation = static_cast<double>(s.deviation[c]);
    norm.scale[c] = static_cast<Wide<T>>(1 / (255 * deviation));
    norm.offset[c] = static_cast<Wide<T>>(-static_cast<double>(s.mean[c]) / deviation);
  }
  auto* const room = static_cast<float*>(workspace);
  if constexpr (naive)
    simt::launch<augment_naive_kernel<T>>(simt::blocks_for(s.batch, 32), 32, 0, stream, s, norm, images, labels, index,
                                          device_epoch, room, out, labels_out);
  else
    simt::launch<augment_kernel<T>>(static_cast<unsigned>(s.batch), threads, fits(s) ? shared_bytes(s) : 0, stream, s, norm,
                                    images, labels, index, device_epoch, fits(s) ? nullptr : room, out, labels_out);
}

template <bool naive, class T>
constexpr AugmentKernels<T> table{workspace<naive>, augment<naive, T>};

}  // namespace

template <>
const AugmentKernels<float>& AugmentKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? table<true, float> : table<false, float>;
}
template <>
const AugmentKernels<double>& AugmentKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? table<true, double> : table<false, double>;
}
template <>
const AugmentKernels<BFloat16>& AugmentKernels<BFloat16>::cuda(Variant) {
  return table<false, BFloat16>;
}

}  // namespace heddle::kernels
