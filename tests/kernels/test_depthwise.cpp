// Depthwise convolution and its gradients against the float64 reference, over every option.
#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include "kernels/depthwise/depthwise.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_depthwise.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

std::string str(const ConvShape& s) {
  std::ostringstream out;
  out << s.n << " x " << s.c << " x " << s.h << " x " << s.w << " to " << s.k << " channels, window " << s.kh << " x " << s.kw << ", stride "
      << s.stride_h << " " << s.stride_w << ", padding " << s.pad_h << " " << s.pad_w << ", dilation " << s.dilation_h << " " << s.dilation_w;
  return out.str();
}

std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all;
  const auto add = [&](ConvShape s) {
    s.groups = s.c;
    if (s.out_h() > 0 && s.out_w() > 0) all.push_back(s);
  };
  // Widths around every vector length, as the systems have them and not.
  for (int size : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 40})
    add({.n = 3, .c = 3, .h = size == 40 ? 5 : size, .w = size, .k = 3, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1});
  for (int multiplier : {1, 2, 3})
    for (int k : {1, 2, 3, 5})
      for (int stride : {1, 2, 3})
        for (int pad : {0, 1, 2, 4})
          for (int dilation : {1, 2})
            add({.n = 2, .c = 2, .h = 11, .w = 19, .k = 2 * multiplier, .kh = k, .kw = k == 5 ? 3 : k, .stride_h = stride,
                 .stride_w = stride == 3 ? 1 : stride, .pad_h = pad, .pad_w = pad == 2 ? 1 : pad, .dilation_h = dilation,
                 .dilation_w = dilation == 2 && k == 2 ? 3 : dilation});
  // Planes narrower than a vector go by vectors of images on the CPU: full ones and a rest.
  add({.n = 35, .c = 17, .h = 4, .w = 4, .k = 17, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1});
  add({.n = 21, .c = 3, .h = 9, .w = 7, .k = 3, .kh = 3, .kw = 3, .pad_h = 0, .pad_w = 2});
  add({.n = 16, .c = 2, .h = 7, .w = 5, .k = 2, .kh = 3, .kw = 3, .pad_h = 2, .pad_w = 0});
  add({.n = 9, .c = 20, .h = 16, .w = 16, .k = 20, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1});
  return all;
}

// Relative to the largest value, beside what storage as T may change of each.
template <class T> double error(const std::vector<T>& got, const std::vector<double>& want) {
  double worst = 0, scale = 1;
  for (double w : want) scale = std::max(scale, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double value = static_cast<Wide<T>>(got[i]);
    const double difference = (std::abs(value - want[i]) - storage_error<T> * std::abs(want[i])) / scale;
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

template <class T> std::vector<T> nans(std::int64_t count) {
  return std::vector<T>(count, static_cast<T>(std::numeric_limits<Wide<T>>::quiet_NaN()));
}

template <class T> struct Results {
  std::vector<T> y, dx;
  std::vector<Wide<T>> dweight, dbias;
};
template <class T>
Results<T> run(const Backend<DepthwiseKernels<T>>& b, const ConvShape& s, const std::vector<T>& x,
               const std::vector<Wide<T>>& weight, const std::vector<Wide<T>>& bias, const std::vector<T>& dy, bool with_bias) {
  const auto space = [&](ConvPass pass) {
    return b.buffer(std::vector<double>(b.table->workspace(s, pass) / sizeof(double) + 1, std::nan("")));
  };
  auto in = b.buffer(x), g = b.buffer(dy);
  auto w = b.buffer(weight), start = b.buffer(bias);
  auto y = b.buffer(nans<T>(s.y_size())), dx = b.buffer(nans<T>(s.x_size()));
  auto dweight = b.buffer(nans<Wide<T>>(s.w_size())), dbias = b.buffer(nans<Wide<T>>(s.k));
  auto space0 = space(ConvPass::forward), space1 = space(ConvPass::grad_input), space2 = space(ConvPass::grad_weight);
  b.table->forward({}, s, in, w, with_bias ? start.get() : nullptr, y, space0.get());
  b.table->grad_input({}, s, g, w, dx, space1.get());
  b.table->grad_weight({}, s, in, g, dweight, with_bias ? dbias.get() : nullptr, space2.get());
  return {y.host(), dx.host(), dweight.host(), dbias.host()};
}

}  // namespace

TEMPLATE_TEST_CASE("depthwise convolution of every shape agrees with the reference", "[depthwise]", float, double, BFloat16) {
  using T = TestType;
  const double tolerance = 32 * std::numeric_limits<Wide<T>>::epsilon();
  for (const auto& b : backends<DepthwiseKernels<T>>())
    for (const auto& s : shapes()) {
      INFO(b.name << ": " << str(s));
      REQUIRE((s.depthwise() || s.c == 1));
      const auto x = made_up<T>(s.x_size(), -1, 1, 1), dy = made_up<T>(s.y_size(), -1, 1, 4);
      const auto weight = made_up<Wide<T>>(s.w_size(), -1, 1, 2), bias = made_up<Wide<T>>(s.k, -1, 1, 3);
      for (bool with_bias : {true, false}) {
        const auto got = run(b, s, x, weight, bias, dy, with_bias);
        const auto want = DepthwiseReference{s}.run(wide(x), weight, with_bias ? bias : decltype(bias){}, wide(dy));
        CHECK(error(got.y, want.y) < tolerance);
        CHECK(error(got.dx, want.dx) < tolerance);
        CHECK(error(got.dweight, want.dweight) < tolerance);
        if (with_bias) CHECK(error(got.dbias, want.dbias) < tolerance);
      }
    }
}

TEST_CASE("depthwise convolution gives the same bits on any number of threads", "[depthwise]") {
  for (const auto& b : backends<DepthwiseKernels<float>>())
    for (ConvShape s : {ConvShape{.n = 40, .c = 3, .h = 17, .w = 17, .k = 6, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 3},
                        ConvShape{.n = 20, .c = 32, .h = 16, .w = 16, .k = 32, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 32}}) {
      const auto x = made_up<float>(s.x_size(), -1, 1, 1), weight = made_up<float>(s.w_size(), -1, 1, 2), bias = made_up<float>(s.k, -1, 1, 3);
      const auto dy = made_up<float>(s.y_size(), -1, 1, 4);
      same_on_any_threads([&] {
        auto got = run(b, s, x, weight, bias, dy, true);
        for (auto* more : {&got.dx, &got.dweight, &got.dbias}) got.y.insert(got.y.end(), more->begin(), more->end());
        return got.y;
      });
    }
}
