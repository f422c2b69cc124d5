// Pooling against the float64 reference: windows that overlap, leave gaps, hang over the border or are rounded up.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/pool/pool.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_pool.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

int out_size(int size, int k, int stride, int pad, int dilation, bool up) {
  const int span = size + 2 * pad - dilation * (k - 1) - 1;
  int out = (up ? span + stride - 1 : span) / stride + 1;
  if (up && (out - 1) * stride >= size + pad) --out;  // a window must begin within x or its left padding
  return out;
}

std::vector<PoolShape> shapes() {
  std::vector<PoolShape> all;
  // The fast path and its neighbours: planes that halve, and ones that do not quite.
  for (auto [h, w] : {std::pair{32, 32}, {16, 16}, {8, 8}, {4, 4}, {2, 2}, {6, 32}, {10, 64}, {5, 32}, {32, 5}, {7, 7}, {2, 300}, {600, 2}})
    for (bool up : {false, true})
      all.push_back({.planes = 5, .h = h, .w = w, .out_h = out_size(h, 2, 2, 0, 1, up), .out_w = out_size(w, 2, 2, 0, 1, up)});
  // Everything else: kernel, stride, padding, dilation, different along the two axes.
  for (int k : {1, 2, 3, 5})
    for (int stride : {1, 2, 3})
      for (int pad = 0; pad <= k / 2; ++pad)
        for (int dilation : {1, 2})
          for (bool up : {false, true})
            for (bool include : {false, true}) {
              PoolShape s{.planes = 3, .h = 13, .w = 21, .kh = k, .kw = k == 3 ? 2 : k, .stride_h = stride, .stride_w = stride == 3 ? 2 : stride};
              s.pad_h = pad, s.pad_w = std::min(pad, s.kw / 2);
              s.dilation_h = dilation, s.dilation_w = dilation == 2 && k == 2 ? 3 : dilation;
              s.out_h = out_size(s.h, s.kh, s.stride_h, s.pad_h, s.dilation_h, up);
              s.out_w = out_size(s.w, s.kw, s.stride_w, s.pad_w, s.dilation_w, up);
              s.count_include_pad = include;
              all.push_back(s);
            }
  all.push_back({.planes = 4, .h = 8, .w = 8, .out_h = 1, .out_w = 1, .kh = 8, .kw = 8, .stride_h = 8, .stride_w = 8});
  all.push_back({.planes = 1, .h = 3, .w = 600, .out_h = 1, .out_w = 598, .kh = 3, .kw = 3, .stride_h = 1, .stride_w = 1});
  all.push_back({.planes = 1, .h = 16, .w = 16, .out_h = 1, .out_w = 1, .kh = 16, .kw = 16, .stride_h = 16, .stride_w = 16});
  return all;
}

template <class T>
bool close(const std::vector<T>& stored, const std::vector<double>& want) {
  const auto got = wide(stored);
  constexpr double arithmetic = 8 * std::numeric_limits<Wide<T>>::epsilon();
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(static_cast<double>(got[i]) - want[i]) <= arithmetic + (arithmetic + storage_error<T>)*std::abs(want[i])))
      return false;
  return true;
}

// The same numbers, and NaN wherever there should be one.
template <class T>
bool same(const std::vector<T>& got, const std::vector<T>& want) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto a = static_cast<Wide<T>>(got[i]), b = static_cast<Wide<T>>(want[i]);
    if (!(a == b || (std::isnan(a) && std::isnan(b)))) return false;
  }
  return true;
}

std::string str(const PoolShape& s) {
  std::ostringstream out;
  out << s.h << " x " << s.w << " to " << s.out_h << " x " << s.out_w << ", window " << s.kh << " x " << s.kw << ", stride " << s.stride_h
      << " " << s.stride_w << ", padding " << s.pad_h << " " << s.pad_w << ", dilation " << s.dilation_h << " " << s.dilation_w
      << ", padding counts: " << s.count_include_pad;
  return out.str();
}

}  // namespace

TEMPLATE_TEST_CASE("max and average pooling of every shape agree with the reference", "[pool]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& b : backends<PoolKernels<T>>())
    for (const auto& s : shapes()) {
      INFO(b.name << ": " << str(s));
      const PoolReference reference{s};
      auto values = made_up<T>(reference.in_size());
      for (T& v : values) v = T(std::round(static_cast<Wide<T>>(v) * 8) / 8);  // many equals
      if (values.size() > 40) values[7] = values[8] = values[33] = T(std::nanf(""));
      const auto gradient = made_up<T>(reference.out_size(), -1, 1, 2);
      auto x = b.buffer(values), dy = b.buffer(gradient);
      auto y = b.buffer(std::vector<T>(reference.out_size(), T(77.0f))),
           dx = b.buffer(std::vector<T>(reference.in_size(), T(77.0f)));
      auto arg = b.buffer(std::vector<std::uint8_t>(reference.out_size(), 77));
      std::vector<Wide<T>> largest;
      std::vector<int> want_arg;
      reference.max(wide(values), largest, want_arg);
      std::vector<T> want;
      for (auto v : largest) want.push_back(T(v));

      b.table->max({}, s, x, y, arg);
      CHECK(same(y.host(), want));
      CHECK(std::vector<int>(arg.host().begin(), arg.host().end()) == want_arg);
      b.table->max_backward({}, s, dy, arg, dx);
      CHECK(close(dx.host(), reference.max_backward(wide(gradient), want_arg)));
      auto alone = b.buffer(std::vector<T>(reference.out_size(), T(77.0f)));
      b.table->max({}, s, x, alone, nullptr);
      CHECK(same(alone.host(), want));

      for (std::size_t i : {7, 8, 33})
        if (values.size() > 40) values[i] = T(0.5f);
      auto numbers = b.buffer(values);
      b.table->average({}, s, numbers, y);
      CHECK(close(y.host(), reference.average(wide(values))));
      auto dx2 = b.buffer(std::vector<T>(reference.in_size(), T(77.0f)));
      b.table->average_backward({}, s, dy, dx2);
      CHECK(close(dx2.host(), reference.average_backward(wide(gradient))));
    }
}

TEMPLATE_TEST_CASE("max pooling takes the first of equals and the first NaN, below minus infinity too", "[pool]", float, double,
                   BFloat16) {
  using T = TestType;
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const std::vector<std::vector<float>> windows{
      {1, 1, 1, 1}, {0, 2, 2, 1}, {-1, nan, 5, nan}, {nan, 1, 2, 3}, {-inf, -inf, -inf, -inf}, {-inf, -inf, -inf, -5}};
  const std::vector<int> winners{0, 1, 1, 0, 0, 3};
  for (const auto& b : backends<PoolKernels<T>>())
    for (int repeats : {1, 8}) {  // a plane of 2 x 2, and 2 x 16 of the same window
      const PoolShape s{.planes = 6, .h = 2, .w = 2 * repeats, .out_h = 1, .out_w = repeats};
      std::vector<T> values;
      for (const auto& w : windows)
        for (int row : {0, 1})
          for (int i = 0; i < repeats; ++i) values.push_back(T(w[2 * row])), values.push_back(T(w[2 * row + 1]));
      auto x = b.buffer(values), y = b.buffer(std::vector<T>(6 * repeats));
      auto arg = b.buffer(std::vector<std::uint8_t>(6 * repeats, 99));
      b.table->max({}, s, x, y, arg);
      for (int i = 0; i < 6 * repeats; ++i) CHECK(arg.host()[i] == winners[i / repeats]);
    }
}

TEMPLATE_TEST_CASE("global average pooling is a mean, and its gradient spreads", "[pool]", float, double, BFloat16) {
  using T = TestType;
  for (const auto& b : backends<PoolKernels<T>>())
    for (std::int64_t inner : {1, 3, 16, 36, 64, 100, 1000, 9001}) {
      INFO(b.name << ", inner " << inner);
      const std::int64_t planes = 11;
      const auto values = made_up<T>(planes * inner, 0, 2), gradient = made_up<T>(planes);
      auto x = b.buffer(values), dy = b.buffer(gradient), y = b.buffer(std::vector<T>(planes)), dx = b.buffer(std::vector<T>(planes * inner));
      std::vector<long double> sum(planes);
      std::vector<double> mean, spread(planes * inner);
      for (std::int64_t i = 0; i < planes * inner; ++i) {
        sum[i / inner] += static_cast<Wide<T>>(values[i]);
        spread[i] = static_cast<double>(static_cast<Wide<T>>(gradient[i / inner])) / static_cast<double>(inner);
      }
      for (long double total : sum) mean.push_back(static_cast<double>(total / inner));
      b.table->global_average({}, planes, inner, x, y);
      b.table->global_average_backward({}, planes, inner, dy, dx);
      CHECK(close(y.host(), mean));
      CHECK(close(dx.host(), spread));
    }
}

TEST_CASE("pooling gives the same bits on any number of threads", "[pool]") {
  for (const auto& b : backends<PoolKernels<float>>())
    for (const auto& s : {PoolShape{.planes = 200, .h = 32, .w = 32, .out_h = 16, .out_w = 16},
                          PoolShape{.planes = 200, .h = 17, .w = 17, .out_h = 17, .out_w = 17, .kh = 3, .kw = 3, .stride_h = 1, .stride_w = 1, .pad_h = 1, .pad_w = 1}}) {
      PoolShape some = s;
      if (b.emulated()) some.planes = 20;
      const PoolReference reference{some};
      auto x = b.buffer(made_up<float>(reference.in_size())), dy = b.buffer(made_up<float>(reference.out_size(), -1, 1, 2));
      same_on_any_threads([&] {
        auto y = b.buffer(std::vector<float>(reference.out_size())), dx = b.buffer(std::vector<float>(reference.in_size()));
        auto dx2 = b.buffer(std::vector<float>(reference.in_size()));
        auto arg = b.buffer(std::vector<std::uint8_t>(reference.out_size()));
        b.table->max({}, some, x, y, arg);
        b.table->max_backward({}, some, dy, arg, dx);
        b.table->average_backward({}, some, dy, dx2);
        auto all = dx.host();
        all.insert(all.end(), dx2.host().begin(), dx2.host().end());
        return all;
      });
    }
}
