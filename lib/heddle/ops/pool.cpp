#include "heddle/ops/pool.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "heddle/autograd/trace.hpp"
#include "heddle/base/checked.hpp"
#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/pool/pool.hpp"

namespace heddle {

using namespace detail;
using kernels::PoolKernels;
using kernels::PoolShape;

namespace {

void check_image(std::string_view where, const Tensor& x) {
  // A batch may be empty, images may not.
  check((x.dim() == 4 || x.dim() == 3) && product(x.shape(), x.dim() - 3, x.dim()) > 0, where,
        "expected an input [n, c, h, w] or [c, h, w] of images with elements, got {}", x.shape());
}

autograd::Attributes attributes_of(const PoolShape& s) {
  return {{"kernel", Shape{s.kh, s.kw}},
          {"stride", Shape{s.stride_h, s.stride_w}},
          {"padding", Shape{s.pad_h, s.pad_w}},
          {"dilation", Shape{s.dilation_h, s.dilation_w}},
          {"count_include_pad", s.count_include_pad}};
}

// x's shape with its last two sizes replaced.
Shape with_size(Shape shape, std::int64_t h, std::int64_t w) {
  shape[shape.rank() - 2] = h;
  shape[shape.rank() - 1] = w;
  return shape;
}

// Windows along one dimension. With ceil_mode the last one may hang over the border, but begins before the right padding.
std::int64_t windows(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding, std::int64_t dilation,
                     bool ceil_mode) {
  const std::int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  if (room < 0 && !(ceil_mode && room > -stride)) return 0;
  std::int64_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (count - 1) * stride >= size + padding) --count;
  return count;
}

// What lies beyond the padding counts for nothing, so that kernels need not walk through it: the taps of a window that begins at
// the left padding.
int taps_of(std::int64_t size, int kernel, int padding, int dilation) {
  return static_cast<int>(std::min<std::int64_t>(kernel, ceil_div(size + 2 * std::int64_t{padding}, dilation)));
}

PoolShape pool_shape(std::string_view where, const Tensor& x, Pair kernel, Pair stride, Pair padding, Pair dilation,
                     bool ceil_mode) {
  check_image(where, x);
  if (stride == Pair(0)) stride = kernel;
  check(kernel.h > 0 && kernel.w > 0, where, "expected a kernel of 1 or more, got {{{}, {}}}", kernel.h, kernel.w);
  check(stride.h > 0 && stride.w > 0, where, "expected a stride of 1 or more, got {{{}, {}}}", stride.h, stride.w);
  check(dilation.h > 0 && dilation.w > 0, where, "expected a dilation of 1 or more, got {{{}, {}}}", dilation.h, dilation.w);
  check(padding.h >= 0 && padding.w >= 0 && padding.h <= kernel.h / 2 && padding.w <= kernel.w / 2, where,
        "expected a padding of at most half the kernel {{{}, {}}}, got {{{}, {}}}", kernel.h, kernel.w, padding.h, padding.w);
  PoolShape s{.planes = product(x.shape(), 0, x.dim() - 2),
              .h = to_int(x.size(-2), where),
              .w = to_int(x.size(-1), where),
              .kh = kernel.h,
              .kw = kernel.w,
              .stride_h = stride.h,
              .stride_w = stride.w,
              .pad_h = padding.h,
              .pad_w = padding.w,
              .dilation_h = dilation.h,
              .dilation_w = dilation.w};
  for (const auto& [size, pad] : {std::pair{s.h, s.pad_h}, {s.w, s.pad_w}})
    checked_int(size + 2 * std::int64_t{pad}, where, "a padded height and width");
  s.out_h = to_int(windows(s.h, s.kh, s.stride_h, s.pad_h, s.dilation_h, ceil_mode), where);
  s.out_w = to_int(windows(s.w, s.kw, s.stride_w, s.pad_w, s.dilation_w, ceil_mode), where);
  check(s.out_h > 0 && s.out_w > 0, where, "expected a kernel {{{}, {}}} within the padded input, got input {}", kernel.h,
        kernel.w, x.shape());
  s.kh = taps_of(s.h, s.kh, s.pad_h, s.dilation_h);
  s.kw = taps_of(s.w, s.kw, s.pad_w, s.dilation_w);
  // Steps that lead out of the image are never taken; kernels would add them up.
  for (const auto& [size, step] : {std::pair{s.h + 2 * s.pad_h, &s.stride_h}, {s.w + 2 * s.pad_w, &s.stride_w},
                                   {s.h + 2 * s.pad_h, &s.dilation_h}, {s.w + 2 * s.pad_w, &s.dilation_w}})
    if (*step > size) *step = size;
  return s;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Pair kernel, const MaxPool2dOptions& options) {
  constexpr auto where = "max_pool2d";
  const PoolShape s = pool_shape(where, x, kernel, options.stride, options.padding, options.dilation, options.ceil_mode);
  check(std::int64_t{kernel.h} * kernel.w <= 256, where, "expected a kernel of at most 256 elements, got {} x {}", kernel.h,
        kernel.w);
  if (lacks_kernels(x)) return max_pool2d(x.to(float32), kernel, options).to(bfloat16);
  const bool recorded = needs_grad({x});
  const Tensor x_dense = dense(x);
  Tensor y = empty(with_size(x.shape(), s.out_h, s.out_w), x.options()), arg;
  if (recorded) arg = empty(y.shape(), {uint8, x.device()});
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<PoolKernels<T>>(x.device())
        .max(stream_of(x), s, x_dense.data<T>(), y.data<T>(), data_or_null<std::uint8_t>(arg));
  });
  if (!recorded) return y;
  const auto backward = [s, arg, x_shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = empty(x_shape, dy.options());
    visit_activation(dy, where, [&]<class T>(TypeTag<T>) {
      if (dy.numel() == 0) return;
      kernels_for<PoolKernels<T>>(dy.device())
          .max_backward(stream_of(dy), s, dy.data<T>(), arg.data<std::uint8_t>(), dx.data<T>());
    });
    return {dx};
  };
  return record(where, {x}, y, backward, [&] { return attributes_of(s); });
}

namespace {

Tensor average(std::string_view where, const Tensor& x, const PoolShape& s) {
  if (lacks_kernels(x)) return average(where, x.to(float32), s).to(bfloat16);
  const Tensor x_dense = dense(x);
  Tensor y = empty(with_size(x.shape(), s.out_h, s.out_w), x.options());
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<PoolKernels<T>>(x.device()).average(stream_of(x), s, x_dense.data<T>(), y.data<T>());
  });
  const auto backward = [s, x_shape = x.shape(), name = std::string(where)](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = empty(x_shape, dy.options());
    visit_activation(dy, name, [&]<class T>(TypeTag<T>) {
      if (dy.numel() == 0) return;
      kernels_for<PoolKernels<T>>(dy.device()).average_backward(stream_of(dy), s, dy.data<T>(), dx.data<T>());
    });
    return {dx};
  };
  return record(where, {x}, y, backward, [&] { return attributes_of(s); });
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, Pair kernel, const AvgPool2dOptions& options) {
  PoolShape s = pool_shape("avg_pool2d", x, kernel, options.stride, options.padding, 1, options.ceil_mode);
  s.count_include_pad = options.count_include_pad;
  return average("avg_pool2d", x, s);
}

Tensor global_avg_pool2d(const Tensor& x) {
  constexpr auto where = "global_avg_pool2d";
  check_image(where, x);
  if (lacks_kernels(x)) return global_avg_pool2d(x.to(float32)).to(bfloat16);
  const std::int64_t planes = product(x.shape(), 0, x.dim() - 2), inner = x.size(-2) * x.size(-1);
  const Tensor x_dense = dense(x);
  Tensor y = empty(with_size(x.shape(), 1, 1), x.options());
  visit_activation(x, where, [&]<class T>(TypeTag<T>) {
    if (x.numel() == 0) return;
    kernels_for<PoolKernels<T>>(x.device()).global_average(stream_of(x), planes, inner, x_dense.data<T>(), y.data<T>());
  });
  return record(where, {x}, y, [planes, inner, x_shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = empty(x_shape, dy.options());
    visit_activation(dy, where, [&]<class T>(TypeTag<T>) {
      if (dy.numel() == 0) return;
      kernels_for<PoolKernels<T>>(dy.device())
          .global_average_backward(stream_of(dy), planes, inner, dy.data<T>(), dx.data<T>());
    });
    return {dx};
  });
}

namespace {

// Window i of `out` along a dimension of `size`: floor(i * size / out) to ceil((i + 1) * size / out).
struct Window {
  std::int64_t begin, end;
};
Window window(std::int64_t i, std::int64_t size, std::int64_t out) {
  return {i * size / out, ceil_div((i + 1) * size, out)};
}

// Row i averages window i: [out, size].
Tensor averaging_matrix(std::int64_t size, std::int64_t out, const TensorOptions& options) {
  std::vector<double> values(static_cast<std::size_t>(size * out));
  for (std::int64_t i = 0; i < out; ++i) {
    const auto [begin, end] = window(i, size, out);
    for (std::int64_t j = begin; j < end; ++j)
      values[static_cast<std::size_t>(i * size + j)] = 1.0 / static_cast<double>(end - begin);
  }
  return tensor(values, Shape{out, size}).to(options.dtype).to(options.device);
}

// The means of `out` windows along a dimension. One after the other, so that each sums what it sees and nothing else: in a
// product with a matrix of averages, an infinite element would make NaN of windows that do not see it.
Tensor window_means(std::string_view where, const Tensor& x, int dim, std::int64_t out) {
  const std::int64_t size = x.size(dim);
  const auto part = [dim](const Tensor& t, std::int64_t begin, std::int64_t end) {
    Shape shape = t.shape();
    shape[dim] = end - begin;
    return t.view_of_memory(shape, t.strides(), begin * t.strides()[dim]);
  };
  Shape shape = x.shape();
  shape[dim] = out;
  const Tensor y = empty(shape, x.options());
  {
    NoGradGuard guard;
    for (std::int64_t i = 0; i < out; ++i) {
      const auto [begin, end] = window(i, size, out);
      copy_values(mean(part(x, begin, end), {dim}, true), part(y, i, i + 1));
    }
  }
  return record(where, {x}, y, [=, x_shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = zeros(x_shape, dy.options());
    for (std::int64_t i = 0; i < out; ++i) {
      const auto [begin, end] = window(i, size, out);
      const Tensor seen = part(dx, begin, end);
      copy_values(seen + part(dy, i, i + 1) / static_cast<double>(end - begin), seen);
    }
    return {dx};
  });
}

}  // namespace

Tensor adaptive_avg_pool2d(const Tensor& x, Pair output_size) {
  constexpr auto where = "adaptive_avg_pool2d";
  check_image(where, x);
  check(output_size.h > 0 && output_size.w > 0, where, "expected an output size of 1 or more, got {{{}, {}}}", output_size.h,
        output_size.w);
  to_int(x.size(-2), where), to_int(x.size(-1), where);
  // An absurd size is refused here, before the windows are worked off.
  (void)empty(with_size(x.shape(), output_size.h, output_size.w), x.options());
  if (output_size == Pair(1)) return global_avg_pool2d(x);
  const std::int64_t h = x.size(-2), w = x.size(-1);
  if (h % output_size.h == 0 && w % output_size.w == 0) {
    const Pair kernel{to_int(h / output_size.h, where), to_int(w / output_size.w, where)};
    return average(where, x, pool_shape(where, x, kernel, kernel, 0, 1, false));
  }
  if (x.dtype() == bfloat16) return adaptive_avg_pool2d(x.to(float32), output_size).to(bfloat16);
  if (!autograd::tracing()) return window_means(where, window_means(where, x, x.dim() - 2, output_size.h), x.dim() - 1, output_size.w);
  // Where the ops are written down in other terms: a product with a matrix of averages from either side.
  const Tensor rows = averaging_matrix(h, output_size.h, x.options()),
               columns = averaging_matrix(w, output_size.w, x.options());
  return matmul(rows, matmul(x, columns.transpose(0, 1)));
}

}  // namespace heddle
