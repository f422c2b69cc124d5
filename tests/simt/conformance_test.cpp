// What every name of the surface does, against plain C++: on the emulator in every test run, on a GPU where there is one.
#include "tests/simt/conformance.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/simt/bf16.hpp"
#include "tests/support/catch.hpp"

namespace heddle::simt::conformance {
namespace {

template <class T> std::vector<T> numbers(std::size_t n, unsigned seed = 1) {
  std::vector<T> x(n);
  for (T& v : x) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<T>(static_cast<int>(seed >> 16) % 1000 - 500) / static_cast<T>(std::is_integral_v<T> ? 1 : 256);
  }
  return x;
}

template <class T> void check_shuffles() {
  const auto x = numbers<T>(32);
  for (int width : {32, 16, 8, 2})
    for (int argument : {0, 1, 3, 7, 16, 31})
      for (int kind = 0; kind < 4; ++kind) {
        const auto y = shuffle(kind, x, argument, width);
        for (int lane = 0; lane < 32; ++lane) {
          const int begin = lane / width * width, inside = lane % width;
          int source = lane;
          if (kind == 0) source = begin + argument % width;
          if (kind == 1 && inside >= argument) source = lane - argument;
          if (kind == 2 && inside + argument < width) source = lane + argument;
          if (kind == 3 && (lane ^ argument) < begin + width) source = lane ^ argument;
          INFO("kind " << kind << " width " << width << " argument " << argument << " lane " << lane);
          CHECK(y[static_cast<std::size_t>(lane)] == x[static_cast<std::size_t>(source)]);
        }
      }
}

std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c, int k_count,
                           float (*round)(float)) {
  std::vector<float> d(128);
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 8; ++n) {
      double sum = c[static_cast<std::size_t>(m * 8 + n)];
      for (int k = 0; k < k_count; ++k)
        sum += double{round(a[static_cast<std::size_t>(m * k_count + k)])} * round(b[static_cast<std::size_t>(k * 8 + n)]);
      d[static_cast<std::size_t>(m * 8 + n)] = static_cast<float>(sum);
    }
  return d;
}
float to_bf16(float x) { return static_cast<float>(bf16(x)); }
float through_tf32(float x) { return float_of(to_tf32(x)); }

void check_close(const std::vector<float>& y, const std::vector<float>& expected) {
  REQUIRE(y.size() == expected.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    INFO("element " << i);
    CHECK(y[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-5));
  }
}

}  // namespace

TEST_CASE("simt: indices of blocks and threads in three dimensions") {
  const unsigned grid[3] = {3, 2, 2}, block[3] = {5, 4, 3};
  const auto y = indices(grid, block);
  std::size_t i = 0;
  for (unsigned bz = 0; bz < 2; ++bz)
    for (unsigned by = 0; by < 2; ++by)
      for (unsigned bx = 0; bx < 3; ++bx)
        for (unsigned z = 0; z < 3; ++z)
          for (unsigned t = 0; t < 20; ++t, ++i)
            REQUIRE(y[i] == ((((bz * 100ull + by) * 100 + bx) * 100 + z) * 100 + t / 5) * 100 + t % 5);
}

TEST_CASE("simt: shuffles, shared memory and block barriers add up a block") {
  const auto f = numbers<float>(1000);
  CHECK(block_sum(f) == Approx(std::accumulate(f.begin(), f.end(), 0.0)).margin(1e-4));
  const auto d = numbers<double>(1000);
  CHECK(block_sum(d) == Approx(std::accumulate(d.begin(), d.end(), 0.0)).epsilon(1e-12));
  const auto i = numbers<int>(1000);
  CHECK(block_sum(i) == std::accumulate(i.begin(), i.end(), 0));
}

TEST_CASE("simt: shuffles of every kind, width and type") {
  check_shuffles<int>();
  check_shuffles<float>();
  check_shuffles<double>();
}

TEST_CASE("simt: votes of a warp, half a warp and a block") {
  for (int kind = 0; kind < 3; ++kind) {
    std::vector<int> p(64, kind == 2);
    if (kind == 1)
      for (int i = 0; i < 64; i += 3) p[static_cast<std::size_t>(i)] = i + 1;
    unsigned bits = 0;
    int count = 0;
    for (int i = 0; i < 64; ++i) {
      if (i < 32) bits |= static_cast<unsigned>(p[static_cast<std::size_t>(i)] != 0) << i;
      count += p[static_cast<std::size_t>(i)] != 0;
    }
    const Votes v = votes(p);
    CHECK(v.ballot == bits);
    CHECK(v.low_ballot == (bits & 0xFFFF));
    CHECK((v.any != 0) == (bits != 0));
    CHECK((v.all != 0) == (bits == ~0u));
    CHECK(v.count == count);
    CHECK(v.block_or == (count > 0));
    CHECK(v.block_and == (count == 64));
  }
}

TEST_CASE("simt: atomics on integers") {
  const auto y = atomics();
  CHECK(y[0] == 1000 * 999 / 2);
  CHECK(y[1] == 999);
  CHECK(y[2] == 0);
  CHECK(y[3] == 0x7FFFFFFF);
  CHECK(y[4] == static_cast<int>(0x80000000u));
  CHECK(y[5] == 7);
  CHECK(y[6] == y[7]);  // as many exchanges succeeded as the counter has moved
}

TEST_CASE("simt: asynchronous copies of 4, 8 and 16 bytes, zero-filled at the end") {
  const auto x = numbers<float>(1000);
  for (int bytes : {4, 8, 16})
    for (int valid : {1000, 998, 641, 0}) {
      const auto y = copy_async(bytes, x, valid);
      for (int i = 0; i < 1000; ++i) {
        INFO("bytes " << bytes << " valid " << valid << " element " << i);
        CHECK(y[static_cast<std::size_t>(i)] == (i < valid ? x[static_cast<std::size_t>(i)] : 0.0f));
      }
    }
}

TEST_CASE("simt: ldmatrix, plain and transposed") {
  for (int matrices : {1, 2, 4})
    for (bool transposed : {false, true}) {
      std::vector<std::uint16_t> rows(static_cast<std::size_t>(matrices * 64));
      std::iota(rows.begin(), rows.end(), std::uint16_t{1000});
      const auto y = load_matrix(matrices, transposed, rows);
      for (int lane = 0; lane < 32; ++lane)
        for (int m = 0; m < matrices; ++m) {
          const auto element = [&](int row, int column) {
            return std::uint32_t{rows[static_cast<std::size_t>(m * 64 + (transposed ? column * 8 + row : row * 8 + column))]};
          };
          const int row = lane / 4, column = lane % 4 * 2;
          CHECK(y[static_cast<std::size_t>(lane * matrices + m)] == (element(row, column) | element(row, column + 1) << 16));
        }
    }
}

TEST_CASE("simt: mma fragments against a product in double") {
  const auto a = numbers<float>(256, 2), b = numbers<float>(128, 3), c = numbers<float>(128, 4);
  for (Mma kind : {Mma::bf16, Mma::bf16_portable}) check_close(mma(kind, a, b, c), product(a, b, c, 16, to_bf16));
  check_close(mma_by_ldmatrix(a, b, c), product(a, b, c, 16, to_bf16));
  const std::vector<float> a8(a.begin(), a.begin() + 128), b8(b.begin(), b.begin() + 64);
  for (Mma kind : {Mma::tf32, Mma::tf32_portable}) check_close(mma(kind, a8, b8, c), product(a8, b8, c, 8, through_tf32));
}

TEST_CASE("simt: carved shared memory of several types, and named barriers") {
  const auto x = numbers<double>(256);
  const auto y = carve(x);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == x[i / 64 * 64 + 63 - i % 64]);
}

TEST_CASE("simt: fast functions are close to std's") {
  const std::vector<float> x{0.001f, 0.5f, 1.0f, 2.0f, 3.25f, 10.0f};
  const std::vector<double> xd(x.begin(), x.end());
  const auto y = fast_math(x);
  const auto yd = fast_math(xd);
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; ++i) {
    const double expected[4] = {std::exp(xd[i]), std::log(xd[i]), 1 / xd[i], 1 / std::sqrt(xd[i])};
    for (std::size_t f = 0; f < 4; ++f) {
      CHECK(y[f * n + i] == Approx(expected[f]).epsilon(1e-5).margin(1e-6));
      CHECK(yd[f * n + i] == Approx(expected[f]).epsilon(1e-14).margin(1e-15));
    }
  }
}

TEST_CASE("simt: rounding to bf16 and tf32 is the same in kernels and on the host") {
  std::vector<float> x = numbers<float>(500);
  for (std::uint32_t bits : {0u, 0x80000000u, 0x3F808000u, 0x3F818000u, 0x3F80FFFFu, 0x7F7FFFFFu, 0x7F800000u, 0xFF800000u,
                             0x7FC00000u, 0x7F800001u, 0x3F801000u, 0x3F803000u, 0x3F800FFFu, 0xBF801000u})
    x.push_back(std::bit_cast<float>(bits));
  const auto half = round_bf16(x), tf = round_tf32(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(half[i] == bf16(x[i]).bits);
    if (!std::isnan(x[i])) CHECK(tf[i] == to_tf32(x[i]));  // NaNs stay NaNs, of whatever bits
  }
  // Ties: to even in bf16, away from zero in tf32.
  CHECK(bf16(std::bit_cast<float>(0x3F808000u)).bits == 0x3F80);
  CHECK(bf16(std::bit_cast<float>(0x3F818000u)).bits == 0x3F82);
  CHECK(to_tf32(std::bit_cast<float>(0x3F801000u)) == 0x3F802000u);
  CHECK(to_tf32(std::bit_cast<float>(0xBF801000u)) == 0xBF802000u);
  CHECK(static_cast<float>(bf16(std::numeric_limits<float>::infinity())) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("simt: vector accesses calculate in float and round bf16 once, at the store") {
  const std::vector<float> x = numbers<float>(480);
  std::vector<bf16> narrow;
  for (float v : x) narrow.push_back(bf16(v));
  for (int width : {1, 2, 4, 8}) {
    const auto y = thirds(width, x);
    const auto half = thirds(width, narrow);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == x[i] / 3);
      CHECK(half[i].bits == bf16(static_cast<float>(narrow[i]) / 3).bits);
    }
  }
}

TEST_CASE("simt: one launch adds up a grid, the last block its partial sums") {
  const auto x = numbers<double>(5000);
  const double expected = grid_sum(x);
  CHECK(expected == Approx(std::accumulate(x.begin(), x.end(), 0.0)).epsilon(1e-12));
  CHECK(grid_sum(x) == expected);
}

}  // namespace heddle::simt::conformance
