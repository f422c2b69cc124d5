// Convolution against the definition in double (tests/support/reference_conv.hpp), over every backend and variant.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "heddle/base/parallel.hpp"
#include "tests/support/conv_run.hpp"
#include "tests/support/reference_conv.hpp"
#include "tests/support/rounded.hpp"

namespace heddle::test {
namespace {

using kernels::Conv2dKernels;
using kernels::ConvPass;
using kernels::ConvShape;
using kernels::Precision;

// Errors relative to the largest sum of terms' magnitudes of the tensor (Winograd's tiles spread an error over their 16
// outputs, of which one at a border may have few terms itself); a missing or misplaced term is far above them.
template <class T>
constexpr double tolerance = sizeof(kernels::Wide<T>) == 4 ? 3e-6 : 1e-14;

template <class T>
void require_close(const char* what, const std::vector<T>& got, const ConvReference& expected) {
  INFO(what);
  REQUIRE(got.size() == expected.value.size());
  const double allowed = tolerance<T> * *std::max_element(expected.magnitude.begin(), expected.magnitude.end());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double value = static_cast<kernels::Wide<T>>(got[i]), stored = storage_error<T> * std::fabs(expected.value[i]);
    if (!(std::fabs(value - expected.value[i]) <= allowed + stored))
      FAIL("element " << i << ": expected " << expected.value[i] << ", got " << value << ", which may differ by "
                      << allowed + stored);
  }
}

template <class T>
void check_against_reference(const ConvShape& s) {
  ConvData<T> data(s);
  const auto y = reference_forward(s, data.x, data.weight, data.bias.data());
  const auto y_without = reference_forward<T>(s, data.x, data.weight, nullptr);
  const auto dx = reference_grad_input(s, data.dy, data.weight);
  const auto dweight = reference_grad_weight(s, data.x, data.dy);
  const auto dbias = reference_grad_bias(s, data.dy);
  for (const auto& backend : backends<Conv2dKernels<T>>()) {
    INFO(backend.name << ", " << sizeof(T) * 8 << " bits, " << describe(s));
    for (bool with_bias : {false, true}) {
      const auto results = run_conv(backend, data, with_bias);
      require_close("y", results.y, with_bias ? y : y_without);
      require_close("dx", results.dx, dx);
      require_close("dweight", results.dweight, dweight);
      if (with_bias) require_close("dbias", results.dbias, dbias);
    }
  }
}

// With the shape's precision; the bias and its gradient are not rounded, as they are factors of no product.
template <class T = float>
void check_rounded(const ConvShape& s) {
  ConvData<T> data(s);
  for (const auto& backend : backends<Conv2dKernels<T>>()) {
    INFO(backend.name << ", " << sizeof(T) * 8 << " bits, precision " << static_cast<int>(s.precision) << ", " << describe(s));
    const Precision precision = precision_of<T>(backend, s.precision);
    const auto x = rounded(wide(data.x), precision), weight = rounded(data.weight, precision),
               dy = rounded(wide(data.dy), precision);
    const auto results = run_conv(backend, data, true);
    require_close("y", results.y, reference_forward(s, x, weight, data.bias.data()));
    require_close("dx", results.dx, reference_grad_input(s, dy, weight));
    require_close("dweight", results.dweight, reference_grad_weight(s, x, dy));
    require_close("dbias", results.dbias, reference_grad_bias(s, wide(data.dy)));
  }
}

// Results that are exact whatever the order of sums, and then rounded: to the bit. Winograd's algorithm, on the CPU, has
// thirds.
template <class T>
void check_integers_of(const ConvShape& s) {
  ConvData<T> data(s);
  const auto whole = [](auto& values) {
    using V = typename std::decay_t<decltype(values)>::value_type;
    for (V& v : values) v = static_cast<V>(std::round(4 * static_cast<kernels::Wide<V>>(v)));
  };
  whole(data.x), whole(data.weight), whole(data.bias), whole(data.dy);
  const auto require_same = [](const char* what, const auto& got, const ConvReference& expected) {
    INFO(what);
    using V = typename std::decay_t<decltype(got)>::value_type;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto want = static_cast<kernels::Wide<V>>(static_cast<V>(static_cast<kernels::Wide<V>>(expected.value[i])));
      const auto is = static_cast<kernels::Wide<V>>(got[i]);
      if (!(is == want)) FAIL("element " << i << ": expected " << want << ", got " << is);
    }
  };
  const auto x = wide(data.x), dy = wide(data.dy);
  for (const auto& backend : backends<Conv2dKernels<T>>()) {
    if (backend.where == Where::host) continue;
    INFO(backend.name << ", " << sizeof(T) * 8 << " bits, " << describe(s));
    const auto results = run_conv(backend, data, true);
    require_same("y", results.y, reference_forward(s, x, data.weight, data.bias.data()));
    require_same("dx", results.dx, reference_grad_input(s, dy, data.weight));
    require_same("dweight", results.dweight, reference_grad_weight(s, x, dy));
    require_same("dbias", results.dbias, reference_grad_bias(s, dy));
  }
}

void check_integers(const ConvShape& s) {
  check_integers_of<float>(s);
  check_integers_of<BFloat16>(s);
}

void check_each(const ConvShape& s) {
  check_against_reference<float>(s);
  check_against_reference<double>(s);
  check_rounded<BFloat16>(s);
}

ConvShape square(int n, int c, int size, int k, int kernel, int stride, int pad, int dilation, int groups = 1) {
  return {.n = n,
          .c = c,
          .h = size,
          .w = size,
          .k = k,
          .kh = kernel,
          .kw = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad,
          .dilation_h = dilation,
          .dilation_w = dilation,
          .groups = groups};
}

}  // namespace

TEST_CASE("conv: stride x padding x dilation, odd sizes", "[conv][large]") {
  for (int kernel : {1, 2, 3, 5})
    for (int stride : {1, 2, 3})
      for (int pad : {0, 1, 2})
        for (int dilation : {1, 2, 3}) {
          ConvShape s = square(2, 3, 9, 4, kernel, stride, pad, dilation);
          s.w = 14;
          if (s.out_h() < 1 || s.h + 2 * pad < dilation * (kernel - 1) + 1) continue;
          check_each(s);
        }
}

TEST_CASE("conv: everything different in height and width", "[conv]") {
  check_each({.n = 3,
              .c = 5,
              .h = 13,
              .w = 6,
              .k = 7,
              .kh = 3,
              .kw = 2,
              .stride_h = 2,
              .stride_w = 1,
              .pad_h = 0,
              .pad_w = 2,
              .dilation_h = 1,
              .dilation_w = 3});
  check_each({.n = 1,
              .c = 4,
              .h = 6,
              .w = 23,
              .k = 6,
              .kh = 1,
              .kw = 7,
              .stride_h = 1,
              .stride_w = 4,
              .pad_h = 2,
              .pad_w = 3,
              .dilation_h = 2,
              .dilation_w = 1,
              .groups = 2});
  check_each(
      {.n = 2, .c = 2, .h = 40, .w = 3, .k = 2, .kh = 11, .kw = 3, .stride_h = 3, .stride_w = 2, .pad_h = 5, .pad_w = 1});
}

TEST_CASE("conv: channel counts", "[conv][large]") {
  for (int c : {1, 3, 10, 20, 64})
    for (int k : {1, 3, 10, 20, 64}) {
      check_each(square(1, c, 6, k, 3, 1, 1, 1));
      check_each(square(2, c, 5, k, 1, 1, 0, 1));
    }
}

TEST_CASE("conv: groups", "[conv]") {
  for (int groups : {2, 5, 10})
    for (int stride : {1, 2}) {
      check_each(square(2, 10, 7, 20, 3, stride, 1, 1, groups));
      check_each(square(2, 20, 5, 10, 1, stride, 1, 1, groups));
      check_each(square(1, 10, 9, 10, 3, stride, 2, 2, groups));
    }
}

TEST_CASE("conv: sizes around vector and tile borders", "[conv][large]") {
  for (int size : {1, 2, 3, 4, 6, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33})
    for (int pad : {0, 1, 2})
      for (int c : {3, 9}) {  // few channels and enough for Winograd
        if (size + 2 * pad < 3) continue;
        ConvShape s = square(2, c, size, c + 2, 3, 1, pad, 1);
        check_each(s);
        s.h = 5;
        check_each(s);
        std::swap(s.h, s.w);
        check_each(s);
      }
  check_each(square(40, 4, 4, 4, 3, 1, 1, 1));  // many small images in one chunk
  check_each(square(35, 2, 1, 3, 1, 1, 0, 1));
  check_each(square(1, 8, 96, 3, 3, 1, 1, 1));  // bands of rows
  check_each(square(1, 3, 97, 8, 3, 2, 1, 1));
  check_each(square(3, 64, 32, 2, 3, 1, 1, 1));
}

// On the CPU, images whose sizes are no multiples of four, and dilated ones, are put into the lanes of vectors: here they
// fill one of any length, or all but a few lanes of several.
TEST_CASE("conv: vectors of small images", "[conv]") {
  for (int n : {13, 16, 31})
    for (int size : {4, 5, 7, 9, 13})
      for (int dilation : {1, 2, 3})
        for (int pad : {0, 1, dilation}) {
          if (size + 2 * pad < 2 * dilation + 1) continue;
          ConvShape s = square(n, 5, size, 9, 3, 1, pad, dilation);
          check_against_reference<float>(s);
          s.h = 6, s.pad_h = 2, s.dilation_h = 2;
          check_against_reference<float>(s);
        }
  check_against_reference<float>(square(16, 20, 7, 36, 3, 1, 1, 1));
  check_against_reference<float>(square(29, 18, 9, 33, 3, 1, 1, 2));
}

TEST_CASE("conv: few channels to many", "[conv]") {
  for (int n : {1, 3, 35})
    for (int size : {3, 7, 16, 33})
      for (int pad : {0, 1, 2})
        for (const auto& [c, k] : {std::array{1, 8}, std::array{3, 20}, std::array{4, 49}})
          if (size + 2 * pad >= 3 && n * k < 900) check_against_reference<float>(square(n, c, size, k, 3, 1, pad, 1));
}

TEST_CASE("conv: 1 x 1 filters of many sizes", "[conv]") {
  for (int n : {1, 3, 40})
    for (int size : {1, 3, 7, 18, 33})
      for (int stride : {1, 2, 3})
        for (int pad : {0, 1}) check_against_reference<float>(square(n, 5, size, 18, 1, stride, pad, 1));
  check_against_reference<float>(square(3, 40, 34, 17, 1, 1, 0, 1));
  check_against_reference<float>(square(2, 9, 300, 3, 1, 1, 0, 1));  // rows longer than a slice of pixels
}

// The layers of the example networks (examples/cifar10), in a batch of one or two.
std::vector<ConvShape> layers(int n) {
  return {square(n, 3, 32, 32, 3, 1, 1, 1),  square(n, 32, 16, 10, 1, 1, 0, 1), square(n, 10, 16, 16, 3, 1, 1, 1),
          square(n, 16, 16, 32, 3, 1, 1, 1), square(n, 32, 8, 32, 3, 1, 1, 1),  square(n, 20, 16, 20, 3, 1, 1, 1),
          square(n, 32, 8, 24, 1, 1, 0, 1),  square(n, 24, 8, 24, 3, 1, 1, 1),  square(n, 10, 16, 10, 3, 1, 1, 1),
          square(n, 64, 8, 128, 3, 1, 1, 1), square(n, 128, 8, 64, 1, 2, 0, 1), square(n, 64, 9, 64, 3, 1, 1, 2),
          square(n, 64, 16, 64, 1, 1, 1, 1), square(n, 32, 1, 10, 1, 1, 0, 1)};
}

TEST_CASE("conv: layers of the networks", "[conv]") {
  for (const ConvShape& s : layers(2)) check_against_reference<float>(s);
}

TEST_CASE("conv: layers of the networks in tf32 and bf16", "[conv]") {
  for (Precision precision : {Precision::tf32, Precision::bf16}) {
    for (ConvShape s : layers(1)) {
      s.precision = precision;
      check_rounded(s);
      if (precision == Precision::bf16) check_rounded<BFloat16>(s), check_integers(s);
    }
    for (ConvShape s : {square(2, 3, 9, 4, 3, 2, 1, 1), square(3, 10, 7, 20, 5, 1, 2, 1), square(2, 12, 11, 6, 3, 1, 2, 2, 3),
                        square(2, 17, 5, 33, 2, 3, 0, 1), square(1, 2, 40, 70, 3, 1, 1, 1)}) {
      s.w += 3;
      s.precision = precision;
      check_rounded(s);
      if (precision == Precision::bf16) check_rounded<BFloat16>(s), check_integers(s);
    }
  }
}

// Few channels and many pixels, as much as makes a GPU take the largest tiles.
TEST_CASE("conv: large batches", "[conv][large]") {
  for (Precision precision : {Precision::float32, Precision::tf32, Precision::bf16})
    for (const auto& [n, c, k] : {std::array{64, 1, 32}, std::array{70, 2, 16}, std::array{150, 1, 10}, std::array{70, 1, 20},
                                  std::array{70, 1, 24}, std::array{33, 1, 64}, std::array{150, 4, 3}}) {
      ConvShape s = square(n, c, 32, k, 1, 1, 0, 1);
      s.precision = precision;
      check_rounded(s);
      if (precision == Precision::bf16) check_rounded<BFloat16>(s);
    }
  for (const auto& [n, k] :
       {std::array{64, 32}, std::array{64, 16}, std::array{64, 20}, std::array{64, 24}, std::array{128, 10}})
    check_rounded(square(n, 1, 32, k, 3, 1, 1, 1));
}

// Kernels for bf16 read and write two pixels at a time where they can.
TEST_CASE("conv: bf16 that is not aligned to pairs", "[conv]") {
  for (const ConvShape& s : {square(3, 5, 8, 12, 3, 1, 1, 1), square(2, 20, 10, 9, 1, 1, 0, 1)}) {
    ConvData<BFloat16> data(s);
    for (const auto& backend : backends<Conv2dKernels<BFloat16>>()) {
      INFO(backend.name << ", " << describe(s));
      const auto aligned = run_conv(backend, data, false);
      const auto behind_one = [&](std::vector<BFloat16> values) {
        values.insert(values.begin(), BFloat16(0));
        return backend.buffer(std::move(values));
      };
      auto x = behind_one(data.x), dy = behind_one(data.dy);
      const BFloat16 nan(std::nanf(""));
      auto y = behind_one(std::vector(aligned.y.size(), nan)), dx = behind_one(std::vector(aligned.dx.size(), nan));
      auto weight = backend.buffer(data.weight);
      Output<float> dweight(backend.where, s.w_size());
      Workspace workspace(backend.where, backend.table->workspace(s, ConvPass::grad_weight));
      backend.table->forward({}, s, x + 1, weight, nullptr, y + 1, nullptr);
      backend.table->grad_input({}, s, dy + 1, weight, dx + 1, nullptr);
      backend.table->grad_weight({}, s, x + 1, dy + 1, dweight.get(), nullptr, workspace.get());
      const auto same = [](const std::vector<BFloat16>& got, const std::vector<BFloat16>& want) {
        return std::memcmp(&got[1], want.data(), want.size() * sizeof(BFloat16)) == 0;
      };
      CHECK(same(y.host(), aligned.y));
      CHECK(same(dx.host(), aligned.dx));
      CHECK(dweight.values() == aligned.dweight);
    }
  }
}

TEST_CASE("conv: filters that do not fit into shared memory", "[conv][large]") {
  check_each(square(1, 1, 150, 2, 3, 1, 70, 70));
}

TEST_CASE("conv: same bits on any number of threads, and again", "[conv]") {
  const auto same = [](const auto& a, const auto& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
  };
  const int before = get_num_threads();
  const ConvShape shapes[] = {
      square(19, 10, 16, 20, 3, 1, 1, 1), square(33, 16, 8, 16, 3, 1, 1, 1),  square(5, 3, 32, 32, 3, 1, 1, 1),
      square(7, 8, 9, 12, 3, 1, 1, 2),    square(6, 20, 32, 10, 1, 1, 0, 1),  square(6, 12, 18, 16, 1, 2, 0, 1),
      square(1, 6, 64, 6, 3, 1, 1, 1),    square(18, 8, 7, 8, 3, 2, 1, 1, 4), square(61, 8, 7, 12, 3, 1, 1, 1),
      square(45, 8, 9, 12, 3, 1, 1, 2),   square(50, 12, 7, 16, 1, 2, 0, 1)};
  for (const ConvShape& s : shapes) {
    ConvData<float> data(s);
    for (const auto& backend : backends<Conv2dKernels<float>>()) {
      INFO(backend.name << ", " << describe(s));
      set_num_threads(1);
      const auto one = run_conv(backend, data, true);
      for (int threads : {1, 2, 4}) {
        set_num_threads(threads);
        const auto more = run_conv(backend, data, true);
        REQUIRE(same(one.y, more.y));
        REQUIRE(same(one.dx, more.dx));
        REQUIRE(same(one.dweight, more.dweight));
        REQUIRE(same(one.dbias, more.dbias));
      }
    }
  }
  set_num_threads(before);
}

// Networks run in blocks of a batch, whose values are those of the whole batch to the bit (lib/heddle/nn/blocks.hpp).
TEST_CASE("conv: an image's results do not depend on how many others there are", "[conv]") {
  for (ConvShape s : {square(37, 8, 7, 12, 3, 1, 1, 1), square(37, 9, 7, 12, 3, 1, 0, 1), square(37, 8, 9, 12, 3, 1, 1, 2),
                      square(37, 6, 13, 7, 3, 1, 2, 3), square(37, 3, 16, 16, 3, 1, 1, 1), square(37, 8, 8, 16, 3, 1, 1, 1),
                      square(37, 12, 7, 9, 1, 2, 0, 1), square(37, 12, 4, 9, 1, 1, 1, 1), square(37, 12, 1, 9, 1, 1, 0, 1),
                      square(37, 12, 18, 9, 1, 2, 0, 1), square(37, 4, 9, 6, 3, 2, 1, 1)}) {
    const ConvData<float> data(s);
    for (const auto& backend : backends<Conv2dKernels<float>>()) {
      if (backend.where == Where::device) continue;
      INFO(backend.name << ", " << describe(s));
      ConvData<float> some = data;
      const auto whole = run_conv(backend, some, true);
      for (int n : {1, 8, 16}) {
        ConvShape part = s;
        part.n = n;
        const std::int64_t last = s.n - n;
        ConvData<float> block(part);
        block.weight = data.weight, block.bias = data.bias;
        std::copy_n(data.x.end() - part.x_size(), part.x_size(), block.x.begin());
        std::copy_n(data.dy.end() - part.y_size(), part.y_size(), block.dy.begin());
        const auto got = run_conv(backend, block, true);
        REQUIRE(std::memcmp(got.y.data(), &whole.y[last * s.y_size() / s.n], got.y.size() * sizeof(float)) == 0);
        REQUIRE(std::memcmp(got.dx.data(), &whole.dx[last * s.x_size() / s.n], got.dx.size() * sizeof(float)) == 0);
      }
    }
  }
}

}  // namespace heddle::test
