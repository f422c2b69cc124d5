// Convolution on the GPU: its tables.
//
// The kernels are in correlate_cuda.cuh (forward and gradient by the input), grad_weight_cuda.cuh and conv_naive_cuda.cuh;
// conv_choice_cuda.cuh says which of their tiles serves which shape.
#include "kernels/conv/conv_choice_cuda.cuh"
#include "kernels/conv/conv_naive_cuda.cuh"

namespace heddle::kernels {
namespace {

template <class T, class Tiles>
bool correlate(Tiles tiles, Stream stream, const ConvShape& shape, ConvPass pass, const Tail<Wide<T>>& tail,
               const SplitSums<Wide<T>>& sums, const T* in, const Wide<T>* weight, const Wide<T>* bias, T* out) {
  return with_correlation_tile<T>(tiles, shape, pass, [&]<class Tile>(const Correlation& s) {
    launch_correlation<Tile, T>(stream, s, tail, sums, in, weight, bias, out);
  });
}

template <class T>
struct FastConvCuda {
  using W = Wide<T>;

  static std::size_t workspace(const ConvShape& shape, ConvPass pass) {
    std::size_t bytes = 0;
    if (pass == ConvPass::grad_weight)
      with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
        with_weight_tile<T>(typename Tiles::Weight(), shape, [&]<class Tile>(const WeightGradient& s, std::size_t) {
          bytes = static_cast<std::size_t>(s.splits * s.partial_size()) * sizeof(W);
        });
      });
    return bytes;
  }
  static void forward(Stream stream, const ConvShape& s, const T* x, const W* weight, const W* bias, T* y, void*) {
    const bool done = with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      return correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::forward, {}, {}, x, weight, bias, y);
    });
    if (!done) NaiveConvCuda<T>::forward(stream, s, x, weight, bias, y, nullptr);
  }
  static int moment_parts(const ConvShape& shape, bool = false) {
    int parts = 0;
    with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
      with_correlation_tile<T>(typename Tiles::Correlate(), shape, ConvPass::forward,
                               [&]<class Tile>(const Correlation& s) { parts = s.tiles(); });
    });
    return parts;
  }
  static void forward_to_norm(Stream stream, const ConvShape& s, const NormFusion& fusion, const T* x, const W* weight,
                              const W* bias, T* y, PartialMoments<W>* moments, void*) {
    const Tail<W> tail{fusion.relu_before, fusion.before, moments, moment_parts(s)};
    with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::forward, tail, {}, x, weight, bias, y);
    });
  }
  static void grad_input(Stream stream, const ConvShape& s, const T* dy, const W* weight, T* dx, void*) {
    grad_input_and_sums(stream, s, {}, dy, weight, dx);
  }
  static void grad_weight(Stream stream, const ConvShape& s, const T* x, const T* dy, W* dweight, W* dbias, void* workspace) {
    const SplitSums<W> sums = grad_weight_splits(stream, s, x, dy, dweight, dbias, workspace);
    if (sums.splits > 0) sum_partials(stream, sums);
  }
  static void gradients(Stream stream, const ConvShape& s, const T* x, const T* dy, const W* weight, T* dx, W* dweight,
                        W* dbias, void* workspace) {
    grad_input_and_sums(stream, s, grad_weight_splits(stream, s, x, dy, dweight, dbias, workspace), dy, weight, dx);
  }

 private:
  // No splits: dweight and dbias are there.
  static SplitSums<W> grad_weight_splits(Stream stream, const ConvShape& shape, const T* x, const T* dy, W* dweight, W* dbias,
                                         void* workspace) {
    SplitSums<W> sums;
    const bool done = with_tiles<T>(shape, [&]<class Tiles>(Tiles) {
      return with_weight_tile<T>(typename Tiles::Weight(), shape, [&]<class Tile>(const WeightGradient& s, std::size_t shared) {
        sums = launch_weight_gradient<Tile, T>(stream, s, shared, x, dy, dweight, dbias, workspace);
      });
    });
    if (!done) NaiveConvCuda<T>::grad_weight(stream, shape, x, dy, dweight, dbias, nullptr);
    return sums;
  }
  static void grad_input_and_sums(Stream stream, const ConvShape& s, const SplitSums<W>& sums, const T* dy, const W* weight,
                                  T* dx) {
    const bool done = with_tiles<T>(s, [&]<class Tiles>(Tiles) {
      return correlate<T>(typename Tiles::Correlate(), stream, s, ConvPass::grad_input, {}, sums, dy, weight, nullptr, dx);
    });
    if (done) return;
    NaiveConvCuda<T>::grad_input(stream, s, dy, weight, dx, nullptr);
    if (sums.splits > 0) sum_partials(stream, sums);
  }
};

template <class T>
constexpr Conv2dKernels<T> fast{FastConvCuda<T>::workspace,   FastConvCuda<T>::forward,      FastConvCuda<T>::grad_input,
                                FastConvCuda<T>::grad_weight, FastConvCuda<T>::moment_parts, FastConvCuda<T>::forward_to_norm,
                                FastConvCuda<T>::gradients};
template <class T>
constexpr Conv2dKernels<T> naive{NaiveConvCuda<T>::workspace, NaiveConvCuda<T>::forward, NaiveConvCuda<T>::grad_input,
                                 NaiveConvCuda<T>::grad_weight};

}  // namespace

template <>
const Conv2dKernels<float>& Conv2dKernels<float>::cuda(Variant v) {
  return v == Variant::naive ? naive<float> : fast<float>;
}
template <>
const Conv2dKernels<double>& Conv2dKernels<double>::cuda(Variant v) {
  return v == Variant::naive ? naive<double> : fast<double>;
}
template <>
const Conv2dKernels<BFloat16>& Conv2dKernels<BFloat16>::cuda(Variant) {
  return fast<BFloat16>;
}

}  // namespace heddle::kernels
