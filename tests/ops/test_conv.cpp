// conv2d: its gradients over every option, its values against the definition, and its errors.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
  bool bias = true;
};

std::string describe(const Case& c) {
  const auto pair = [](Pair p) { return std::to_string(p.h) + "x" + std::to_string(p.w); };
  return c.x.str() + " * " + c.weight.str() + " stride " + pair(c.options.stride) + " padding " + pair(c.options.padding) +
         " dilation " + pair(c.options.dilation) + " groups " + std::to_string(c.options.groups) + (c.bias ? " bias" : "");
}

// The output, element by element from the definition.
std::vector<double> reference(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b) {
  const auto xs = x.to_vector<double>(), ws = w.to_vector<double>();
  const auto bs = c.bias ? b.to_vector<double>() : std::vector<double>(static_cast<std::size_t>(c.weight[0]), 0.0);
  const auto& o = c.options;
  const auto C = c.x[1], H = c.x[2], W = c.x[3], K = c.weight[0], D = c.weight[1], R = c.weight[2], S = c.weight[3];
  const auto P = (H + 2 * o.padding.h - o.dilation.h * (R - 1) - 1) / o.stride.h + 1;
  const auto Q = (W + 2 * o.padding.w - o.dilation.w * (S - 1) - 1) / o.stride.w + 1;
  std::vector<double> y;
  for (std::int64_t n = 0; n < c.x[0]; ++n)
    for (std::int64_t k = 0; k < K; ++k)
      for (std::int64_t p = 0; p < P; ++p)
        for (std::int64_t q = 0; q < Q; ++q) {
          double sum = bs[static_cast<std::size_t>(k)];
          for (std::int64_t d = 0; d < D; ++d)
            for (std::int64_t r = 0; r < R; ++r)
              for (std::int64_t s = 0; s < S; ++s) {
                const auto channel = k / (K / o.groups) * D + d;
                const auto i = p * o.stride.h - o.padding.h + r * o.dilation.h,
                           j = q * o.stride.w - o.padding.w + s * o.dilation.w;
                if (i < 0 || i >= H || j < 0 || j >= W) continue;
                sum += xs[static_cast<std::size_t>(((n * C + channel) * H + i) * W + j)] *
                       ws[static_cast<std::size_t>(((k * D + d) * R + r) * S + s)];
              }
          y.push_back(sum);
        }
  return y;
}

void check_case(const Case& c, Device device, bool gradients = true) {
  INFO(describe(c) << " on " << device.str());
  const Tensor x = leaf(c.x, device, -1, 1, 1), w = leaf(c.weight, device, -1, 1, 2), b = leaf({c.weight[0]}, device, -1, 1, 3);
  require_close(conv2d(x, w, c.bias ? b : Tensor{}, c.options), reference(c, x, w, b), 1e-11);
  if (!gradients) return;
  if (c.bias)
    require_gradients([&](const auto& in) { return conv2d(in[0], in[1], in[2], c.options); }, {x, w, b});
  else
    require_gradients([&](const auto& in) { return conv2d(in[0], in[1], {}, c.options); }, {x, w});
}

}  // namespace

TEST_CASE("conv2d: strides, paddings and dilations, odd sizes", "[conv]") {
  for (Device device : test_devices())
    for (int stride : {1, 2, 3})
      for (int padding : {0, 1, 2})
        for (int dilation : {1, 2}) check_case({{2, 3, 7, 6}, {2, 3, 3, 3}, {stride, padding, dilation}, stride != 2}, device);
}

TEST_CASE("conv2d: options that differ between height and width", "[conv]") {
  for (Device device : test_devices()) {
    check_case({{1, 2, 6, 9}, {3, 2, 3, 2}, {.stride = {2, 1}, .padding = {0, 1}, .dilation = {1, 3}}}, device);
    check_case({{2, 2, 5, 8}, {2, 2, 1, 5}, {.stride = {1, 2}, .padding = {2, 0}}}, device);
    check_case({{1, 4, 5, 5}, {4, 2, 5, 3}, {.stride = 1, .padding = {2, 1}, .groups = 2}}, device);
  }
}

TEST_CASE("conv2d: groups, of which depthwise is one extreme", "[conv]") {
  for (Device device : test_devices())
    for (int stride : {1, 2})
      for (int dilation : {1, 2}) {
        const Conv2dOptions options{.stride = stride, .padding = 1, .dilation = dilation};
        for (auto [c, k, groups] : {std::array{4, 6, 2}, {6, 6, 3}, {5, 5, 5}, {3, 6, 3}, {10, 10, 10}}) {
          Conv2dOptions grouped = options;
          grouped.groups = groups;
          check_case({{2, c, 5, 6}, {k, c / groups, 3, 3}, grouped, dilation == 1}, device);
        }
      }
}

TEST_CASE("conv2d: channel counts that fill vectors, overhang them, and less than one", "[conv]") {
  for (Device device : test_devices()) {
    for (int c : {1, 3, 10})
      for (int k : {1, 3, 10}) check_case({{1, c, 4, 5}, {k, c, 3, 3}, {.padding = 1}}, device);
    check_case({{1, 20, 3, 3}, {10, 20, 3, 3}, {.padding = 1}}, device);
    check_case({{2, 20, 3, 3}, {20, 20, 1, 1}, {}}, device);
    check_case({{1, 64, 3, 3}, {2, 64, 3, 3}, {.padding = 1}}, device);
    check_case({{1, 2, 3, 3}, {64, 2, 3, 3}, {.padding = 1}}, device);
    check_case({{1, 64, 2, 2}, {20, 64, 1, 1}, {}}, device);
    check_case({{2, 64, 8, 8}, {64, 64, 3, 3}, {.padding = 1}}, device, false);
    check_case({{2, 64, 9, 7}, {20, 64, 3, 3}, {.stride = 2, .padding = 1, .dilation = 2}}, device, false);
    check_case({{2, 64, 9, 7}, {64, 1, 3, 3}, {.padding = 1, .groups = 64}}, device, false);
  }
}

TEST_CASE("conv2d in float32 agrees with float64", "[conv]") {
  for (Device device : test_devices())
    for (int c : {1, 3, 10, 20, 64})
      for (int stride : {1, 2}) {
        const Conv2dOptions options{.stride = stride, .padding = 1};
        const Tensor x = leaf({2, c, 9, 11}, device), w = leaf({20, c, 3, 3}, device, -1, 1, 2),
                     b = leaf({20}, device, -1, 1, 3);
        const Tensor xf = x.detach().to(float32).requires_grad_(), wf = w.detach().to(float32).requires_grad_(),
                     bf = b.detach().to(float32).requires_grad_();
        const Tensor y = conv2d(x, w, b, options), yf = conv2d(xf, wf, bf, options);
        const Tensor dy = made(y.shape(), device, -1, 1, 4);
        y.backward(dy);
        yf.backward(dy.to(float32));
        INFO(c << " channels, stride " << stride);
        require_close(yf, y, 1e-4);
        require_close(xf.grad(), x.grad(), 1e-4);
        require_close(wf.grad(), w.grad(), 1e-4);
        require_close(bf.grad(), b.grad(), 1e-4);
      }
}

TEST_CASE("conv2d computes only the gradients that are asked for", "[conv]") {
  for (Device device : test_devices()) {
    const Tensor x = made({2, 3, 5, 5}, device), w = leaf({4, 3, 3, 3}, device), b = made({4}, device);
    sum(conv2d(x, w, b)).backward();
    REQUIRE_FALSE(x.grad().defined());
    REQUIRE_FALSE(b.grad().defined());
    REQUIRE(w.grad().shape() == w.shape());

    // A frozen weight: x's gradient needs it, and nothing keeps x itself.
    Tensor input = leaf({2, 3, 5, 5}, device);
    const Tensor frozen = w.detach();
    const Tensor hidden = input * 1.0;
    const Tensor y = sum(conv2d(hidden, frozen));
    hidden.detach().zero_();
    y.backward();
    REQUIRE(input.grad().defined());
    require_gradients([&](const auto& in) { return conv2d(in[0], frozen); }, {input});
  }
}

TEST_CASE("conv2d takes operands of any layout", "[conv]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 5, 6, 3}, device), w = leaf({3, 3, 3, 4}, device, -1, 1, 2);
    const auto f = [](const auto& in) {
      return conv2d(in[0].permute({0, 3, 1, 2}), in[1].permute({3, 0, 1, 2}), {}, {.padding = 1});
    };
    require_close(f(std::vector{x, w}), conv2d(x.detach().permute({0, 3, 1, 2}).clone(),
                                               w.detach().permute({3, 0, 1, 2}).clone(), {}, {.padding = 1}));
    require_gradients(f, {x, w});
  }
}

TEST_CASE("conv2d gives the same bits on any number of threads", "[conv]") {
  const Tensor x = made({4, 10, 16, 16}).to(float32), w = made({20, 10, 3, 3}).to(float32), b = made({20}).to(float32);
  same_on_any_threads([&] {
    const Tensor xl = x.detach().requires_grad_(), wl = w.detach().requires_grad_(), bl = b.detach().requires_grad_();
    const Tensor y = conv2d(xl, wl, bl, {.padding = 1});
    sum(y * y).backward();
    std::vector<float> all;
    for (const Tensor& t : {y, xl.grad(), wl.grad(), bl.grad()})
      for (float v : t.to_vector<float>()) all.push_back(v);
    return all;
  });
}

TEST_CASE("conv2d says what it expected", "[conv]") {
  const Tensor x = zeros({8, 4, 32, 32}), w = zeros({16, 3, 3, 3});
  require_error([&] { conv2d(x, w); },
                "[conv2d] expected an input of 3 channels (weight is [16, 3, 3, 3]), got [8, 4, 32, 32]");
  require_error(
      [&] {
        conv2d(x, zeros({16, 3, 3, 3}), {}, {.groups = 2});
      },
      "[conv2d] expected an input of 6 channels (weight is [16, 3, 3, 3], groups 2), got [8, 4, 32, 32]");
  require_error([&] { conv2d(zeros({4, 32, 32}), w); }, "[conv2d] expected an input [n, c, h, w], got [4, 32, 32]");
  require_error([&] { conv2d(x, zeros({16, 4, 3})); }, "[conv2d] expected a weight [k, c / groups, kh, kw], got [16, 4, 3]");
  require_error(
      [&] {
        conv2d(x, zeros({15, 2, 3, 3}), {}, {.groups = 2});
      },
      "[conv2d] expected groups that divide the 15 output channels, got 2");
  require_error(
      [&] {
        conv2d(x, zeros({16, 4, 3, 3}), zeros({15}));
      },
      "[conv2d] expected a bias of shape [16] for an input [8, 4, 32, 32], got [15]");
  require_error(
      [&] {
        conv2d(x, zeros({16, 4, 3, 3}, {.dtype = float64}));
      },
      "[conv2d] expected a weight of float32 on cpu, got float64 on cpu");
  require_error(
      [&] {
        conv2d(x, zeros({16, 4, 3, 3}), {}, {.stride = {1, 0}});
      },
      "[conv2d] expected a stride of 1 or more, got {1, 0}");
  require_error(
      [&] {
        conv2d(x, zeros({16, 4, 3, 3}), {}, {.padding = -1});
      },
      "[conv2d] expected a padding of 0 or more, got {-1, -1}");
  require_error(
      [&] {
        conv2d(zeros({1, 4, 4, 8}), zeros({16, 4, 3, 3}), {}, {.dilation = 2});
      },
      "[conv2d] expected a kernel within the padded input, got weight [16, 4, 3, 3] with dilation {2, 2} and padding {0, 0} "
      "for input [1, 4, 4, 8]");
  require_error(
      [&] {
        conv2d(zeros({2, 3, 4, 4}, {.dtype = int64}), zeros({2, 3, 1, 1}, {.dtype = int64}));
      },
      "[conv2d] expected float32 or float64, got int64");
}
