// What the CUDA norms share: the neighbours of NormFusion as one thread applies them to V neighbouring elements. These are
// calculated with as T, whatever they are stored as.
#pragma once

#include "kernels/norm/dropout_device.cuh"

namespace heddle::kernels {
namespace {

template <class T>
HD_DEVICE inline T relu_if(bool on, T v) {
  return on && v < 0 ? T(0) : v;
}

/// The affine map of V elements: y = (z - mean) * scale + bias.
template <class T, int V>
struct AffineMap {
  T mean;
  simt::Vec<T, V> scale, bias;
};

/// A norm's neighbours on the device. `plane` is the element's channel plane [n, c], its factors the caller's to keep. Only
/// behind_conv are those before the norm looked at for having been applied.
template <class T, bool behind_conv = false>
struct DeviceNeighbours {
  bool relu_before, relu_after, dropped = false;
  DeviceDropout<T> before, after;

  HD_DEVICE explicit DeviceNeighbours(const NormFusion& fusion)
      : relu_before(fusion.relu_before), relu_after(fusion.relu_after), before(fusion.before), after(fusion.after) {
    if constexpr (behind_conv)
      if (fusion.before_applied) dropped = before.elements || before.planes, before.elements = before.planes = false;
  }

  /// z of the elements from flat index i on.
  template <int V, class Stored>
  HD_DEVICE simt::Vec<T, V> input(const Stored* x, std::int64_t i, T plane_factor) const {
    simt::Vec<T, V> z = simt::load_wide<V>(x + i);
    for (int j = 0; j < V; ++j) z[j] = relu_if(relu_before, z[j]) * plane_factor;
    before.template apply<V>(i, z);
    return z;
  }
  template <int V>
  HD_DEVICE simt::Vec<T, V> output(const simt::Vec<T, V>& z, const AffineMap<T, V>& map, std::int64_t i, T plane_factor) const {
    simt::Vec<T, V> y;
    for (int j = 0; j < V; ++j) y[j] = relu_if(relu_after, (z[j] - map.mean) * map.scale[j] + map.bias[j]) * plane_factor;
    after.template apply<V>(i, y);
    return y;
  }
  /// dy through what follows the norm.
  template <int V, class Stored>
  HD_DEVICE simt::Vec<T, V> gradient(const simt::Vec<T, V>& z, const AffineMap<T, V>& map, const Stored* dy, std::int64_t i,
                                     T plane_factor) const {
    simt::Vec<T, V> g = simt::load_wide<V>(dy + i);
    for (int j = 0; j < V; ++j)
      g[j] = relu_after && !((z[j] - map.mean) * map.scale[j] + map.bias[j] > 0) ? T(0) : g[j] * plane_factor;
    after.template apply<V>(i, g);
    return g;
  }
  /// dz through what precedes the norm, in place. Under a ReLU, z itself says what was kept.
  template <int V>
  HD_DEVICE void input_gradient(simt::Vec<T, V>& dz, const simt::Vec<T, V>& z, std::int64_t i, T plane_factor) const {
    const T factor = relu_before && (before.elements || (behind_conv && dropped)) ? before.scale : plane_factor;
    for (int j = 0; j < V; ++j) dz[j] = relu_before && !(z[j] > 0) ? T(0) : dz[j] * factor;
    if (!relu_before) before.template apply<V>(i, dz);
  }
};

struct DoublePair {
  double a, b;
};

/// Calls f.operator()<V>() with as many elements of planes of `inner` as one access of every pointer can take: 8 of bf16 or 4,
/// or 1.
template <class T, class F, class... Pointers>
void with_width(std::int64_t inner, F f, const Pointers*... pointers) {
  if constexpr (sizeof(T) == 2)
    if (inner % 8 == 0 && (simt::is_aligned<8>(pointers) && ...)) return f.template operator()<8>();
  if (inner % 4 == 0 && (simt::is_aligned<4>(pointers) && ...)) return f.template operator()<4>();
  f.template operator()<1>();
}

}  // namespace
}  // namespace heddle::kernels
