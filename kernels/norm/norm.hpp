// Batch, group, layer and instance normalization, with what stands next to them in a network folded in.
//
// Ioffe and Szegedy, "Batch normalization", ICML 2015; Wu and He, "Group normalization", ECCV 2018; Ba, Kiros and Hinton,
// "Layer normalization", 2016; Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
//
// Every kernel here computes
//     z = dropout_before(relu_before(x)),  y = dropout_after(relu_after((z - mean) * rstd * gamma + beta))
// where each of the four neighbours is optional. The backward pass takes x and recomputes z and the masks from it, so that
// nothing but x and two numbers per statistic is kept. Variance is the biased one, rstd = 1 / sqrt(variance + eps).
#pragma once

#include <cstddef>
#include <cstdint>

#include "heddle/base/stream.hpp"
#include "kernels/precision.hpp"
#include "kernels/random/philox.hpp"
#include "kernels/variant.hpp"

namespace heddle::kernels {

/// Dropout of single elements, or of whole channel planes: p == 0 is none. Element (or plane) i of the tensor is dropped
/// when uniform01(word first + i of the key's stream) < p; what is kept is multiplied by 1 / (1 - p). `first`, for tensors that
/// are the later rows of larger ones, is for the CPU; elsewhere it is 0.
/// Srivastava et al., "Dropout", JMLR 2014; by planes: Tompson et al., "Efficient object localization", CVPR 2015.
struct Dropout {
  float p = 0;
  bool planes = false;
  RandomKey key{};
  std::int64_t first = 0;
};

/// A norm's neighbours; the default is none.
struct NormFusion {
  bool relu_before = false;
  Dropout before{};
  bool relu_after = false;
  Dropout after{};
  /// Batch norm: x is z already, relu_before and `before` having been applied by a convolution; a dropout there (GPU only)
  /// takes a relu_before, so that z says what was kept.
  bool before_applied = false;
  /// CPU, float, inner > 1: where not null, forward leaves here which single elements were kept, and backward reads them
  /// instead of drawing them again; kept_bytes(n * c, inner) bytes.
  std::uint8_t* kept = nullptr;

  constexpr bool drops_elements() const { return (before.p > 0 && !before.planes) || (after.p > 0 && !after.planes); }
};

/// A bit an element and side of the norm, a plane's beginning at a multiple of eight bytes.
constexpr std::int64_t kept_bytes(std::int64_t planes, std::int64_t inner) {
  return 2 * planes * ((inner + 63) / 64 * 8);
}

/// x and y [n, c, inner]; one mean and rstd a channel; inner = H * W.
struct BatchNormShape {
  int n = 1, c = 1;
  std::int64_t inner = 1;
};

/// Of some elements of a channel: how many, their mean, and the sum of their squared distances from it.
template <class T>
struct PartialMoments {
  T count, mean, squares;
};

/// Statistics [c] that are carried on from batch to batch, where not null: mean and var become
/// (1 - momentum) * old + momentum * new, the variance unbiased there, as in PyTorch; batches, one number, is counted up.
template <class T>
struct RunningStatistics {
  T momentum = 0;
  T *mean = nullptr, *var = nullptr;  // together
  std::int64_t* batches = nullptr;
};

/// gamma and beta [c] may be null (together), and then so may dgamma and dbeta. Every output is overwritten; on the CPU dx may
/// be dy, and inference's y may be x. Workspace as in Conv2dKernels.
template <class T>
struct BatchNormKernels {
  std::size_t (*workspace)(const BatchNormShape&);
  /// Statistics of this batch: writes y, mean [c], rstd [c].
  void (*forward)(Stream, const BatchNormShape&, const NormFusion&, const T* x, const Wide<T>* gamma, const Wide<T>* beta,
                  Wide<T> eps, const RunningStatistics<Wide<T>>&, Wide<T>* mean, Wide<T>* rstd, T* y, void* workspace);
  /// Given statistics (evaluation): y from mean [c] and variance [c].
  void (*inference)(Stream, const BatchNormShape&, const NormFusion&, const T* x, const Wide<T>* gamma, const Wide<T>* beta,
                    Wide<T> eps, const Wide<T>* mean, const Wide<T>* variance, T* y);
  /// fixed_statistics: the gradient of inference, where mean and rstd do not depend on x.
  void (*backward)(Stream, const BatchNormShape&, const NormFusion&, const T* x, const T* dy, const Wide<T>* gamma,
                   const Wide<T>* beta, const Wide<T>* mean, const Wide<T>* rstd, bool fixed_statistics, T* dx, Wide<T>* dgamma,
                   Wide<T>* dbeta, void* workspace);
  /// forward of an x whose moments [c, parts] are known (Conv2dKernels::forward_to_norm). Naive tables may lack it.
  void (*forward_from_moments)(Stream, const BatchNormShape&, const NormFusion&, const PartialMoments<Wide<T>>* moments,
                               int parts, const T* x, const Wide<T>* gamma, const Wide<T>* beta, Wide<T> eps,
                               const RunningStatistics<Wide<T>>&, Wide<T>* mean, Wide<T>* rstd, T* y) = nullptr;

  static const BatchNormKernels& cpu(Variant = Variant::fast);
  static const BatchNormKernels& cuda(Variant = Variant::fast);
};

/// What gamma and beta are indexed by: channel, or position within the normalised row.
enum class Affine { none, channel, element };

/// x and y [n, c, inner], one mean and rstd for each of the n * groups rows of c / groups * inner neighbouring elements.
/// Group norm: affine by channel. Instance norm: groups == c. Layer norm over (C, H, W): groups == 1, affine by element;
/// layer norm over the last D: n rows, c == 1, inner == D, groups == 1.
struct GroupNormShape {
  std::int64_t n = 1;
  int c = 1;
  std::int64_t inner = 1;
  int groups = 1;
  Affine affine = Affine::channel;

  constexpr std::int64_t rows() const { return n * groups; }
  constexpr std::int64_t row_size() const { return c / groups * inner; }
  constexpr std::int64_t affine_size() const { return affine == Affine::none ? 0 : affine == Affine::channel ? c : c * inner; }
};

/// gamma and beta are null exactly where affine is none. Every output is overwritten; on the CPU dx may be dy and y may be x.
template <class T>
struct GroupNormKernels {
  std::size_t (*workspace)(const GroupNormShape&);
  /// Writes y, mean [rows], rstd [rows].
  void (*forward)(Stream, const GroupNormShape&, const NormFusion&, const T* x, const Wide<T>* gamma, const Wide<T>* beta,
                  Wide<T> eps, Wide<T>* mean, Wide<T>* rstd, T* y, void* workspace);
  void (*backward)(Stream, const GroupNormShape&, const NormFusion&, const T* x, const T* dy, const Wide<T>* gamma,
                   const Wide<T>* beta, const Wide<T>* mean, const Wide<T>* rstd, T* dx, Wide<T>* dgamma, Wide<T>* dbeta,
                   void* workspace);

  static const GroupNormKernels& cpu(Variant = Variant::fast);
  static const GroupNormKernels& cuda(Variant = Variant::fast);
};

}  // namespace heddle::kernels
