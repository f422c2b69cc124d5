// Pooling: values against the definition, with the output sizes and divisors that PyTorch has, and gradients.
#include <limits>

#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/pool.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

struct Window {
  Pair kernel, stride, padding = 0, dilation = 1;
  bool ceil_mode = false, count_include_pad = true;
};

std::string describe(const Window& w) {
  const auto pair = [](Pair p) { return std::to_string(p.h) + "x" + std::to_string(p.w); };
  return "kernel " + pair(w.kernel) + " stride " + pair(w.stride) + " padding " + pair(w.padding) + " dilation " +
         pair(w.dilation) + (w.ceil_mode ? " ceil" : "") + (w.count_include_pad ? "" : " without padding");
}

std::int64_t out_size(std::int64_t size, int kernel, int stride, int padding, int dilation, bool ceil_mode) {
  const double room = static_cast<double>(size + 2 * padding - dilation * (kernel - 1) - 1) / stride;
  auto count = static_cast<std::int64_t>(ceil_mode ? std::ceil(room) : std::floor(room)) + 1;
  if (ceil_mode && (count - 1) * stride >= size + padding) --count;
  return count;
}

// Every output of max (or average) pooling of x [planes, h, w].
std::vector<double> reference(const Tensor& x, const Window& w, bool average) {
  const auto values = x.to_vector<double>();
  const auto H = x.size(-2), W = x.size(-1), planes = x.numel() / (H * W);
  const auto P = out_size(H, w.kernel.h, w.stride.h, w.padding.h, w.dilation.h, w.ceil_mode);
  const auto Q = out_size(W, w.kernel.w, w.stride.w, w.padding.w, w.dilation.w, w.ceil_mode);
  std::vector<double> y;
  for (std::int64_t plane = 0; plane < planes; ++plane)
    for (std::int64_t p = 0; p < P; ++p)
      for (std::int64_t q = 0; q < Q; ++q) {
        double most = -std::numeric_limits<double>::infinity(), sum = 0;
        int inside = 0, padded = 0;
        for (int r = 0; r < w.kernel.h; ++r)
          for (int s = 0; s < w.kernel.w; ++s) {
            const auto i = p * w.stride.h - w.padding.h + r * w.dilation.h, j = q * w.stride.w - w.padding.w + s * w.dilation.w;
            // A window that hangs over the padding, as with ceil_mode, counts what lies on it and no more.
            padded += i < H + w.padding.h && j < W + w.padding.w;
            if (i < 0 || i >= H || j < 0 || j >= W) continue;
            const double v = values[static_cast<std::size_t>((plane * H + i) * W + j)];
            most = std::max(most, v);
            sum += v;
            ++inside;
          }
        y.push_back(average ? sum / (w.count_include_pad ? padded : inside) : most);
      }
  return y;
}

Tensor max_pool(const Tensor& x, const Window& w) {
  return max_pool2d(x, w.kernel, {.stride = w.stride, .padding = w.padding, .dilation = w.dilation, .ceil_mode = w.ceil_mode});
}
Tensor average_pool(const Tensor& x, const Window& w) {
  return avg_pool2d(
      x, w.kernel,
      {.stride = w.stride, .padding = w.padding, .ceil_mode = w.ceil_mode, .count_include_pad = w.count_include_pad});
}

std::vector<Window> windows() {
  std::vector<Window> all;
  for (Pair kernel : {Pair(2), Pair(3), Pair(2, 3), Pair(1, 2), Pair(5, 4)})
    for (Pair stride : {Pair(1), Pair(2), Pair(3, 2)})
      for (bool padded : {false, true})
        for (bool ceil_mode : {false, true})
          all.push_back({kernel, stride, padded ? Pair(kernel.h / 2, kernel.w / 2) : Pair(0), 1, ceil_mode});
  return all;
}

}  // namespace

TEST_CASE("max_pool2d", "[pool]") {
  for (Device device : test_devices()) {
    std::vector<Window> all = windows();
    all.push_back({.kernel = 3, .stride = 1, .dilation = 2});
    all.push_back({.kernel = {2, 3}, .stride = 2, .padding = 1, .dilation = {3, 1}});
    all.push_back({.kernel = 2, .stride = 2, .padding = 1, .dilation = 2, .ceil_mode = true});
    for (const Window& w : all)
      for (const Shape& shape : {Shape{2, 2, 6, 8}, Shape{1, 3, 7, 5}}) {
        INFO(describe(w) << " of " << shape.str());
        const Tensor x = leaf(shape, device);
        require_close(max_pool(x, w), reference(x, w, false));
        require_gradients([&](const auto& in) { return max_pool(in[0], w); }, {x});
      }
  }
}

TEST_CASE("max_pool2d gives the gradient to the first of equal elements", "[pool]") {
  for (Device device : test_devices()) {
    const Tensor x = zeros({1, 1, 4, 4}, {.device = device}).requires_grad_();
    max_pool2d(x, 2).backward(ones({1, 1, 2, 2}, {.device = device}));
    REQUIRE(x.grad().to_vector<float>() == std::vector<float>{1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0});
  }
}

TEST_CASE("max_pool2d passes a NaN on", "[pool]") {
  for (Device device : test_devices()) {
    const Tensor x = tensor(std::vector<float>{1, NAN, 3, 4}, Shape{1, 1, 2, 2}, device);
    REQUIRE(std::isnan(max_pool2d(x, 2).item()));
  }
}

TEST_CASE("avg_pool2d", "[pool]") {
  for (Device device : test_devices())
    for (Window w : windows())
      for (bool count_include_pad : {true, false})
        for (const Shape& shape : {Shape{2, 2, 6, 8}, Shape{1, 3, 7, 5}}) {
          w.count_include_pad = count_include_pad;
          INFO(describe(w) << " of " << shape.str());
          const Tensor x = leaf(shape, device);
          require_close(average_pool(x, w), reference(x, w, true));
          require_gradients([&](const auto& in) { return average_pool(in[0], w); }, {x});
        }
}

TEST_CASE("adaptive_avg_pool2d to any size", "[pool]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({2, 3, 6, 8}, device);
    const auto values = x.to_vector<double>();
    for (Pair size : {Pair(1), Pair(2), Pair(3, 4), Pair(6, 8), Pair(1, 8), Pair(4, 3), Pair(5), Pair(7, 9), Pair(1, 3)}) {
      std::vector<double> want;
      for (std::int64_t plane = 0; plane < 6; ++plane)
        for (int p = 0; p < size.h; ++p)
          for (int q = 0; q < size.w; ++q) {
            double total = 0;
            int count = 0;
            for (int i = p * 6 / size.h; i < ((p + 1) * 6 + size.h - 1) / size.h; ++i)
              for (int j = q * 8 / size.w; j < ((q + 1) * 8 + size.w - 1) / size.w; ++j) {
                total += values[static_cast<std::size_t>((plane * 6 + i) * 8 + j)];
                ++count;
              }
            want.push_back(total / count);
          }
      INFO(size.h << " x " << size.w);
      REQUIRE(adaptive_avg_pool2d(x, size).shape() == Shape{2, 3, size.h, size.w});
      require_close(adaptive_avg_pool2d(x, size), want);
      require_gradients([&](const auto& in) { return adaptive_avg_pool2d(in[0], size); }, {x});
    }
    require_same_bits(global_avg_pool2d(x), adaptive_avg_pool2d(x, 1));
    require_close(global_avg_pool2d(x), mean(x, {2, 3}, true));
  }
}

TEST_CASE("pooling takes one image, and any layout", "[pool]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 6, 8}, device);
    require_same_bits(max_pool2d(x, 2), max_pool2d(x.unsqueeze(0), 2).squeeze(0));
    require_same_bits(avg_pool2d(x, 2), avg_pool2d(x.unsqueeze(0), 2).squeeze(0));
    REQUIRE(global_avg_pool2d(x).shape() == Shape{3, 1, 1});
    REQUIRE(adaptive_avg_pool2d(x, {4, 3}).shape() == Shape{3, 4, 3});
    const Tensor swapped = x.transpose(1, 2);
    require_same_bits(max_pool2d(swapped, {2, 3}), max_pool2d(swapped.clone(), {2, 3}));
    for (const auto& pool : {std::function([](const Tensor& t) { return max_pool2d(t, 2); }),
                             std::function([](const Tensor& t) { return avg_pool2d(t, 2); }), std::function(global_avg_pool2d)})
      require_gradients([&](const auto& in) { return pool(in[0].transpose(1, 2)); }, {x});
  }
}

TEST_CASE("pooling gives the same bits on any number of threads", "[pool]") {
  const Tensor x = made({5, 7, 12, 9}).to(float32);
  same_on_any_threads([&] {
    const Tensor xl = x.detach().requires_grad_();
    const Tensor a = max_pool2d(xl, 3, {.stride = 2, .padding = 1}), b = avg_pool2d(xl, 3, {.stride = 1}),
                 c = global_avg_pool2d(xl);
    (sum(a * a) + sum(b * b) + sum(c * c)).backward();
    std::vector<float> all;
    for (const Tensor& t : {a, b, c, xl.grad()})
      for (float v : t.to_vector<float>()) all.push_back(v);
    return all;
  });
}

TEST_CASE("pooling says what it expected", "[pool]") {
  const Tensor x = zeros({2, 3, 8, 8});
  require_error(
      [&] {
        max_pool2d(zeros({8, 8}), 2);
      },
      "[max_pool2d] expected an input [n, c, h, w] or [c, h, w] of images with elements, got [8, 8]");
  require_error([&] { max_pool2d(x, 3, {.padding = 2}); },
                "[max_pool2d] expected a padding of at most half the kernel {3, 3}, got {2, 2}");
  require_error([&] { max_pool2d(x, {0, 2}); }, "[max_pool2d] expected a kernel of 1 or more, got {0, 2}");
  require_error(
      [&] {
        max_pool2d(zeros({1, 1, 40, 40}), 17);
      },
      "[max_pool2d] expected a kernel of at most 256 elements, got 17 x 17");
  require_error([&] { avg_pool2d(x, 9); },
                "[avg_pool2d] expected a kernel {9, 9} within the padded input, got input [2, 3, 8, 8]");
  require_error([&] { avg_pool2d(x, 2, {.stride = {2, -1}}); }, "[avg_pool2d] expected a stride of 1 or more, got {2, -1}");
  require_error(
      [&] {
        adaptive_avg_pool2d(x, {2, 0});
      },
      "[adaptive_avg_pool2d] expected an output size of 1 or more, got {2, 0}");
}
