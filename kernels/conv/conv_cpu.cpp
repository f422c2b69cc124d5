// Which algorithm computes a convolution on the CPU.
#include <cstdlib>
#include <string>

#include "heddle/base/error.hpp"
#include "heddle/base/isa.hpp"
#include "kernels/conv/conv.hpp"
#include "kernels/conv/conv_algorithms.hpp"
#include "kernels/conv/conv_asked.hpp"
#include "kernels/conv/conv_choice.hpp"

namespace heddle::kernels {
namespace {

template <class T, class Name>
const Conv2dKernels<T>& kernels_of() {
  return CpuTable<this_isa, ConvAlgorithm<T, Name>>::get(Variant::fast).kernels;
}

template <class T, class Name>
bool serves(const ConvShape& shape, ConvPass pass) {
  return CpuTable<this_isa, ConvAlgorithm<T, Name>>::get(Variant::fast).serves(shape, pass);
}

template <class T>
const Conv2dKernels<T>& choose(const ConvShape& shape, ConvPass pass) {
  const bool weight = pass == ConvPass::grad_weight;
  if constexpr (sizeof(T) == 4) {
    if (conv_choice() != ConvChoice::winograd && shape.k >= 8 && serves<T, FewChannelsWeightConv>(shape, pass))
      return kernels_of<T, FewChannelsWeightConv>();
    if (winograd_pays(shape)) {
      if (by_images(shape)) {
        if (serves<T, WinogradImagesConv>(shape, pass)) return kernels_of<T, WinogradImagesConv>();
        if (serves<T, WinogradImagesWeightConv>(shape, pass)) return kernels_of<T, WinogradImagesWeightConv>();
      }
      if (serves<T, WinogradConv>(shape, pass)) return kernels_of<T, WinogradConv>();
      if (serves<T, WinogradWeightConv>(shape, pass)) return kernels_of<T, WinogradWeightConv>();
    }
  }
  if (serves<T, PointwiseConv>(shape, pass)) return kernels_of<T, PointwiseConv>();
  if constexpr (sizeof(T) == 4) {
    if (serves<T, PointwiseWeightConv>(shape, pass)) return kernels_of<T, PointwiseWeightConv>();
  }
  return weight ? kernels_of<T, DirectWeightConv>() : kernels_of<T, DirectConv>();
}

template <class T>
std::size_t workspace(const ConvShape& shape, ConvPass pass) {
  return choose<T>(shape, pass).workspace(shape, pass);
}
template <class T>
void forward(Stream stream, const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y, void* workspace) {
  choose<T>(shape, ConvPass::forward).forward(stream, shape, x, weight, bias, y, workspace);
}
template <class T>
void grad_input(Stream stream, const ConvShape& shape, const T* dy, const T* weight, T* dx, void* workspace) {
  choose<T>(shape, ConvPass::grad_input).grad_input(stream, shape, dy, weight, dx, workspace);
}
template <class T>
void grad_weight(Stream stream, const ConvShape& shape, const T* x, const T* dy, T* dweight, T* dbias, void* workspace) {
  choose<T>(shape, ConvPass::grad_weight).grad_weight(stream, shape, x, dy, dweight, dbias, workspace);
}

template <class T>
int moment_parts(const ConvShape& shape, bool drops) {
  const auto& kernels = choose<T>(shape, ConvPass::forward);
  return kernels.moment_parts ? kernels.moment_parts(shape, drops) : 0;
}
template <class T>
void forward_to_norm(Stream stream, const ConvShape& shape, const NormFusion& fusion, const T* x, const T* weight, const T* bias,
                     T* y, PartialMoments<T>* moments, void* workspace) {
  choose<T>(shape, ConvPass::forward).forward_to_norm(stream, shape, fusion, x, weight, bias, y, moments, workspace);
}

template <class T>
constexpr Conv2dKernels<T> fast{workspace<T>,   forward<T>,      grad_input<T>, grad_weight<T>,
                                moment_parts<T>, forward_to_norm<T>};

template <class T>
const Conv2dKernels<T>& table(Variant variant) {
  return variant == Variant::naive ? kernels_of<T, NaiveConv>() : fast<T>;
}

}  // namespace

template <>
const Conv2dKernels<float>& CpuTable<this_isa, Conv2dKernels<float>>::get(Variant v) {
  return table<float>(v);
}
template <>
const Conv2dKernels<double>& CpuTable<this_isa, Conv2dKernels<double>>::get(Variant v) {
  return table<double>(v);
}

#if HEDDLE_ISA_IS_BASE
namespace {
thread_local const ConvChoice* innermost = nullptr;
}
ConvChoiceScope::ConvChoiceScope(ConvChoice choice) : outer_(innermost), choice_(choice) { innermost = &choice_; }
ConvChoiceScope::~ConvChoiceScope() { innermost = outer_; }

ConvChoice conv_choice() {
  if (innermost) return *innermost;
  static const ConvChoice choice = [] {
    const char* wish = std::getenv("HEDDLE_CONV");
    const std::string name = wish ? wish : "";
    if (name.empty() || name == "auto") return ConvChoice::automatic;
    if (name == "direct") return ConvChoice::direct;
    if (name == "winograd") return ConvChoice::winograd;
    fail("HEDDLE_CONV", "expected direct, winograd or auto, got '" + name + "'");
  }();
  return choice;
}

template <>
const Conv2dKernels<float>& Conv2dKernels<float>::cpu(Variant v) {
  return cpu_table<Conv2dKernels<float>>(v);
}
template <>
const Conv2dKernels<double>& Conv2dKernels<double>::cpu(Variant v) {
  return cpu_table<Conv2dKernels<double>>(v);
}
#endif

}  // namespace heddle::kernels
