// Sizes that no memory holds. zeros({2^62}) once asked for 0 bytes and wrote to none, zeros({2^31, 2^31, 4}) had no elements,
// arange() of an absurd length was undefined. Each is an Error that shows what was asked for.
#include <cmath>
#include <limits>

#include "heddle/base/checked.hpp"
#include "heddle/core/random.hpp"
#include "heddle/ops/cat.hpp"
#include "heddle/ops/conv.hpp"
#include "heddle/ops/pool.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();

void refused(const std::function<void()>& f, const std::string& where, const std::string& what = "") {
  std::string message = "no error";
  try {
    f();
  } catch (const Error& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(message.find(strings::format("[{}]", where)) != std::string::npos);
  CHECK(message.find(what) != std::string::npos);
  CHECK(message.size() < 400);
}

}  // namespace

TEST_CASE("tensors of absurd sizes are refused with their shape", "[sizes]") {
  for (int bits = 55; bits < 63; ++bits)
    for (DType type : {float32, float64, int64, uint8, bfloat16}) {
      const Shape shape{std::int64_t{1} << bits};
      const bool no_bytes = (std::int64_t{1} << bits) > most / static_cast<std::int64_t>(size_of(type));
      refused([&] { empty(shape, {.dtype = type}); }, no_bytes ? "empty" : "allocator", shape.str());
    }
  refused([] { zeros({std::int64_t{1} << 62}); }, "empty", "float32 [4611686018427387904]");
  refused([] { zeros({std::int64_t{1} << 31, std::int64_t{1} << 31, 4}); }, "shape", "[2147483648, 2147483648, 4]");
  refused([] { zeros({most, most}); }, "shape", "below 2^63");
  refused([] { zeros({0, most, most}); }, "shape", "below 2^63");
  refused([] { zeros({-1}); }, "empty", "[-1]");
  refused([] { eye(-1); }, "eye", "-1");
  refused([] { eye(std::int64_t{1} << 40); }, "shape");
  refused([] { randperm(-5, 1, 1); }, "randperm", "-5");
  refused([] { randperm(most, 1, 1); }, "randperm");
  refused([] { tensor(std::vector<float>{1}, Shape{most, 2}); }, "shape");
  CHECK(zeros({0, 1 << 20}).numel() == 0);
  CHECK(zeros({1 << 20, 0}).strides() == Shape{1, 1});
}

TEST_CASE("arange of no finite length is refused", "[sizes]") {
  const double inf = std::numeric_limits<double>::infinity();
  refused([&] { arange(0, inf); }, "arange", "inf");
  refused([&] { arange(std::nan(""), 1); }, "arange", "nan");
  refused([&] { arange(0, 1e300); }, "arange", "1e+300");
  refused([&] { arange(-1e308, 1e308); }, "arange");
  refused([&] { arange(0, 1, 1e-300); }, "arange", "1e+300");
  refused([&] { arange(0, 1, 0); }, "arange");
  CHECK(arange(0, -1e300).numel() == 0);
}

TEST_CASE("views of absurd sizes are refused", "[sizes]") {
  const Tensor x = zeros({2, 3}), one = zeros({1});
  refused([&] { one.expand({most, most, 1}); }, "shape", "below 2^63");
  refused([&] { one.expand({-2}); }, "expand", "[-2]");
  refused([&] { one.expand({-1, 1}); }, "expand", "[-1, 1]");
  refused([&] { x.reshape({most, most, -1}); }, "reshape", std::to_string(most));
  refused([&] { x.reshape({-1, 0}); }, "reshape", "one choice for -1, got [-1, 0]");
  refused([&] { zeros({0, 3}).reshape({-1, 0}); }, "reshape", "[-1, 0]");
  refused([&] { x.reshape({4, -1}); }, "reshape", "[4, -1]");
  refused([&] { x.permute({std::int64_t{1} << 32, 1}); }, "permute", "4294967296");
  refused([&] { x.slice(0, 0, 2, 0); }, "slice", "got 0");
  refused([&] { x.slice(0, 0, 2, least); }, "slice");
  refused([&] { x.select(1, least); }, "select", std::to_string(least));
  refused([&] { x.size(1 << 30); }, "size");
  const Tensor huge = one.expand({std::int64_t{1} << 62});
  refused([&] { cat({huge, huge}); }, "cat", "below 2^63");
  refused([&] { huge.clone(); }, "empty", huge.shape().str());
  refused([&] { huge.to_vector<float>(); }, "to_vector", huge.shape().str());

  const Tensor far = arange(0, 6).slice(0, 1, most, most);
  CHECK(far.to_vector<float>() == std::vector<float>{1});
  CHECK(arange(0, 6).slice(0, least, most, most - 1).to_vector<float>() == std::vector<float>{0});
  CHECK(arange(0, 6).slice(0, most, least).numel() == 0);
  CHECK(zeros({0, 3}).reshape({-1, 3}).shape() == Shape{0, 3});
  CHECK(x.expand({4, -1, 3}).shape() == Shape{4, 2, 3});
  CHECK(x.expand({-1, -1}).shape() == Shape{2, 3});
}

TEST_CASE("outputs of absurd sizes are refused", "[sizes]") {
  constexpr int big = std::numeric_limits<int>::max();
  const Tensor x = ones({1, 1, 4, 4}), w = ones({1, 1, 3, 3});
  refused([&] { conv2d(x, w, {}, {.padding = big}); }, "conv2d", "2^31");
  refused([&] { conv2d(x, w, {}, {.padding = 1 << 20}); }, "conv2d", "2^31");
  refused([&] { conv2d(x, w, {}, {.dilation = big}); }, "conv2d", "dilation {2147483647, 2147483647}");
  refused([&] { conv2d(x, w, {}, {.stride = -1}); }, "conv2d", "-1");
  CHECK(conv2d(x, w, {}, {.stride = big}).item() == 9);
  CHECK(conv2d(x, ones({1, 1, 1, 1}), {}, {.stride = big, .padding = 1, .dilation = big}).item() == 0);
  refused([&] { max_pool2d(x, 65536); }, "max_pool2d");
  refused([&] { max_pool2d(x, 2, {.dilation = big}); }, "max_pool2d");
  refused([&] { avg_pool2d(x, big, {.padding = big}); }, "avg_pool2d");
  refused([&] { adaptive_avg_pool2d(x, big); }, "empty", "[1, 1, 2147483647, 2147483647]");
  CHECK(max_pool2d(x, 2, {.stride = big}).item() == 1);
  CHECK(avg_pool2d(x, big, {.ceil_mode = true}).item() == 1);
}

TEST_CASE("item of a number that the integer asked for does not hold is refused", "[sizes]") {
  const auto number = [](double v) { return full({}, v, {.dtype = float64}); };
  CHECK(number(-1.9).item<int>() == -1);
  CHECK(number(3e9).item<std::int64_t>() == 3000000000);
  CHECK(number(255.5).item<std::uint8_t>() == 255);
  CHECK(number(0.5).item<bool>());
  refused([&] { number(std::nan("")).item<int>(); }, "item", "nan");
  refused([&] { number(3e9).item<int>(); }, "item", "3e+09");
  refused([&] { number(1e300).item<std::int64_t>(); }, "item", "1e+300");
  refused([&] { number(0x1p63).item<std::int64_t>(); }, "item");
  refused([&] { number(-1).item<std::size_t>(); }, "item", "-1");
  refused([&] { tensor(std::vector<std::int64_t>{300}).item<std::uint8_t>(); }, "item", "from 0 to 255");
  CHECK(number(std::nan("")).to(int64).item<int>() == 0);
  CHECK(number(1e300).to(int64).item<std::int64_t>() == most);
}

TEST_CASE("checked arithmetic", "[sizes]") {
  CHECK(checked_mul(1 << 30, 1 << 30, "here") == std::int64_t{1} << 60);
  refused([] { checked_mul(most, 2, "here"); }, "here", "9223372036854775807 x 2");
  refused([] { checked_add(most, 1, "here"); }, "here", "9223372036854775807 + 1");
  CHECK(ceil_div(most, 2) == (std::int64_t{1} << 62));
  CHECK(ceil_div(0, most) == 0);
  refused([] { checked_int(most, "here", "a size"); }, "here", "a size from 0 to 2^31 - 1");
}
