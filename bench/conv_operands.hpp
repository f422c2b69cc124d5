// A convolution's operands for benchmarks, what its passes do with them, and what has to come out.
//
// Results are held against the naive CPU kernels': forward and the gradient of x on the first, middle and last image, the
// gradient of the weights with a dy that is zero on all others.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/support.hpp"
#include "kernels/conv/conv.hpp"
#include "tests/support/rounded.hpp"
#include "tests/support/values.hpp"

namespace heddle::bench {

using kernels::ConvPass;
using kernels::ConvShape;
using kernels::Wide;

inline constexpr ConvPass conv_passes[] = {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight};
inline constexpr Precision conv_precisions[] = {Precision::float32, Precision::tf32, Precision::bf16};
inline const char* name_of(ConvPass pass) {
  constexpr const char* names[] = {"forward", "grad_input", "grad_weight"};
  return names[static_cast<int>(pass)];
}
inline const char* name_of(Precision precision) {
  constexpr const char* names[] = {"float32", "tf32", "bf16"};
  return names[static_cast<int>(precision)];
}

/// One call of a pass: each operand moves once, activations in T.
template <class T>
Work work_of(const ConvShape& s) {
  return {.bytes = static_cast<double>(sizeof(T)) * static_cast<double>(s.x_size() + s.y_size()) +
                   static_cast<double>(sizeof(Wide<T>)) * static_cast<double>(s.w_size()),
          .flops = 2.0 * s.c / s.groups * s.kh * s.kw * static_cast<double>(s.y_size()),
          .precision = s.precision};
}

/// A layer's operands in one memory, activations in T.
template <class T>
struct ConvOperands {
  using W = Wide<T>;
  using Kernels = kernels::Conv2dKernels<T>;
  /// What a pass must come to: the results of some images, or the gradients by weights and bias under some images' dy.
  struct Expected {
    std::vector<std::int64_t> images;
    std::vector<float> some_dy, values, dbias;
  };

  Where where;
  ConvShape shape;
  std::vector<float> values, gradient, weights, biases;
  Rotating<T> x, dy, y, dx;
  Fixed<float> weight, bias, dweight, dbias;

  ConvOperands(Where w, const ConvShape& s)
      : where(w),
        shape(s),
        values(made_up<float>(s.x_size())),
        gradient(made_up<float>(s.y_size(), -1, 1, 2)),
        weights(made_up<float>(s.w_size(), -1, 1, 3)),
        biases(made_up<float>(s.k)),
        x(w, stored(values)),
        dy(w, stored(gradient)),
        y(w, s.y_size()),
        dx(w, s.x_size()),
        weight(w, weights),
        bias(w, biases),
        dweight(w, s.w_size()),
        dbias(w, s.k) {}

  void run(const Kernels& k, Stream stream, const ConvShape& s, ConvPass pass, void* workspace) const {
    if (pass == ConvPass::forward) k.forward(stream, s, x.next(), weight, bias, y.next(), workspace);
    if (pass == ConvPass::grad_input) k.grad_input(stream, s, dy.next(), weight, dx.next(), workspace);
    if (pass == ConvPass::grad_weight) k.grad_weight(stream, s, x.next(), dy.next(), dweight, dbias, workspace);
  }

  /// By the naive kernels, which are given what the precision makes of the factors; a bias's gradient has none.
  Expected expected(const ConvShape& s, ConvPass pass) const {
    const auto& naive = reference<kernels::Conv2dKernels<float>>();
    ConvShape one = s;
    one.n = 1;
    const Precision precision = sizeof(T) == 2 ? Precision::bf16 : s.precision;
    const auto factors = [&](const std::vector<float>& all) { return test::rounded(all, precision); };
    const auto own_x = factors(values), own_dy = factors(gradient), own_weight = factors(weights);
    const std::int64_t x_image = one.x_size(), y_image = one.y_size(), plane = y_image / s.k;
    Expected e{{0, s.n / 2, s.n - 1}, std::vector<float>(s.y_size()), {}, std::vector<float>(s.k)};
    e.images.erase(std::unique(e.images.begin(), e.images.end()), e.images.end());
    if (pass == ConvPass::grad_weight) e.values.resize(s.w_size());
    std::vector<float> part(std::max({x_image, y_image, s.w_size()}));
    for (std::int64_t n : e.images) {
      std::copy_n(&gradient[n * y_image], y_image, &e.some_dy[n * y_image]);
      const float *x_of_n = &own_x[n * x_image], *dy_of_n = &own_dy[n * y_image];
      if (pass == ConvPass::forward) {
        naive.forward({}, one, x_of_n, own_weight.data(), biases.data(), part.data(), nullptr);
        e.values.insert(e.values.end(), part.begin(), part.begin() + y_image);
      } else if (pass == ConvPass::grad_input) {
        naive.grad_input({}, one, dy_of_n, own_weight.data(), part.data(), nullptr);
        e.values.insert(e.values.end(), part.begin(), part.begin() + x_image);
      } else {
        naive.grad_weight({}, one, x_of_n, dy_of_n, part.data(), nullptr, nullptr);
        for (std::size_t j = 0; j < e.values.size(); ++j) e.values[j] += part[j];
        for (std::int64_t j = 0; j < y_image; ++j) e.dbias[j / plane] += static_cast<float>(T(gradient[n * y_image + j]));
      }
    }
    return e;
  }

  /// Ends the program unless the pass comes to what is expected. Its output is of NaN before: others' may be right already.
  void check(const std::string& what, const Kernels& k, const ConvShape& s, ConvPass pass, void* workspace,
             const Expected& e) const {
    const Fixed<T> out(where, pass == ConvPass::forward ? s.y_size() : s.x_size()), some_dy(where, stored(e.some_dy));
    const Fixed<W> weights_out(where, s.w_size());
    if (pass == ConvPass::forward) k.forward({}, s, x.next(), weight, bias, out, workspace);
    if (pass == ConvPass::grad_input) k.grad_input({}, s, some_dy, weight, out, workspace);
    if (pass == ConvPass::grad_weight) k.grad_weight({}, s, x.next(), some_dy, weights_out, dbias, workspace);
    compare(what, s, pass, pass == ConvPass::grad_weight ? weights_out.host() : test::wide(out.host()), e);
  }
  /// The same of y, dx or dweight (and dbias) as they came out.
  void compare(const std::string& what, const ConvShape& s, ConvPass pass, const std::vector<float>& got,
               const Expected& e) const {
    if (pass == ConvPass::grad_weight) {
      const double tolerance = 1e-4 * std::sqrt(static_cast<double>(s.y_size() / s.n / s.k)) + 1e-5;
      require_near(what, got, e.values, tolerance);
      require_near(what + " dbias", dbias.host(), e.dbias, tolerance);
      return;
    }
    const std::int64_t image = std::ssize(e.values) / std::ssize(e.images);
    const double tolerance = 1e-5 * (pass == ConvPass::forward ? s.c : s.k) * s.kh;
    for (std::int64_t i = 0; i < std::ssize(e.values); ++i)
      require_near(what, got[e.images[i / image] * image + i % image], e.values[i],
                   tolerance + test::storage_error<T> * std::abs(e.values[i]));
  }

  static std::vector<T> stored(const std::vector<float>& all) {
    std::vector<T> values_of_t;
    for (float v : all) values_of_t.push_back(T(v));
    return values_of_t;
  }
};

/// Those of the latest layer, which its passes and kernels share.
template <class T>
std::shared_ptr<ConvOperands<T>> conv_operands(Where where, ConvShape s) {
  static std::weak_ptr<ConvOperands<T>> latest;
  s.precision = Precision::float32;
  auto own = latest.lock();
  if (!own || own->where != where || own->shape != s) latest = own = std::make_shared<ConvOperands<T>>(where, s);
  return own;
}

}  // namespace heddle::bench
