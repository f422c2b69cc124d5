// What a convolution does for a batch norm behind it: z and its moments in the convolution's own pass (what the norm makes of
// them is in test_norm.cpp); on a GPU, gradients by input and weights with one launch less.
#include <cmath>
#include <vector>

#include "kernels/random/philox.hpp"
#include "tests/support/conv_run.hpp"

namespace heddle::test {
namespace {

using namespace kernels;

// Tiles of rows, of pixels and of matrices; ragged images, rows and channels; several images in a tile, and several tiles.
std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all = {
      {.n = 2, .c = 3, .h = 32, .w = 32, .k = 20, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 5, .c = 4, .h = 8, .w = 8, .k = 10, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 3, .c = 5, .h = 7, .w = 7, .k = 33, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
      {.n = 2, .c = 20, .h = 16, .w = 20, .k = 32, .kh = 1, .kw = 1},
      {.n = 1, .c = 6, .h = 9, .w = 70, .k = 4, .kh = 1, .kw = 1, .stride_h = 2, .stride_w = 2},
      {.n = 2, .c = 4, .h = 13, .w = 6, .k = 6, .kh = 5, .kw = 2, .dilation_w = 2, .groups = 2},
      {.n = 40, .c = 2, .h = 1, .w = 1, .k = 3, .kh = 1, .kw = 1},
  };
  for (Precision precision : {Precision::tf32, Precision::bf16})
    for (int i : {0, 2, 3}) {
      all.push_back(all[static_cast<std::size_t>(i)]);
      all.back().precision = precision;
    }
  return all;
}

std::vector<NormFusion> fusions() {
  const Dropout elements{0.3f, false, {7, 3, 1, Purpose::dropout}}, planes{0.4f, true, {7, 3, 2, Purpose::dropout}};
  return {{}, {.relu_before = true}, {.relu_before = true, .before = elements}, {.relu_before = true, .before = planes}};
}

template <class T>
T factor(const Dropout& d, std::int64_t element, std::int64_t plane) {
  if (d.p == 0) return 1;
  const std::int64_t i = d.planes ? element / plane : element;
  return keeps(philox(d.key, static_cast<std::uint32_t>(i / 4)).word[i % 4], d.p) ? 1 / (1 - static_cast<T>(d.p)) : T(0);
}

template <class T>
void check_forward(const Backend<Conv2dKernels<T>>& backend, const ConvShape& s, const NormFusion& fusion) {
  using W = Wide<T>;
  const auto& table = *backend.table;
  ConvData<T> data(s);
  auto x = backend.buffer(data.x);
  auto weight = backend.buffer(data.weight), bias = backend.buffer(data.bias);
  Workspace workspace(backend.where, table.workspace(s, ConvPass::forward));
  Output<T> y(backend.where, s.y_size()), z(backend.where, s.y_size());
  const int parts = table.moment_parts(s, fusion.before.p > 0);
  REQUIRE(parts > 0);
  Output<W> moments(backend.where, std::int64_t{3} * s.k * parts);
  table.forward({}, s, x, weight, bias.get(), y.get(), workspace.get());
  table.forward_to_norm({}, s, fusion, x, weight, bias.get(), z.get(), reinterpret_cast<PartialMoments<W>*>(moments.get()),
                        workspace.get());
  const auto plain = wide(y.values()), got = wide(z.values()), partial = moments.values();
  const std::int64_t plane = std::int64_t{s.out_h()} * s.out_w();
  for (std::int64_t i = 0; i < s.y_size(); ++i) {
    const W kept = fusion.relu_before && plain[i] < 0 ? W(0) : plain[i], want = kept * factor<W>(fusion.before, i, plane);
    // What is stored as bf16 is rounded once: behind the dropout here, before it in `plain`.
    if (!(std::abs(got[i] - want) <= 2 * storage_error<T> * std::abs(want)))
      FAIL("z[" << i << "]: expected " << want << ", got " << got[i]);
  }
  const double tolerance = sizeof(W) == 4 ? 1e-5 : 1e-11, count = static_cast<double>(s.n * plane);
  for (int k = 0; k < s.k; ++k) {
    double mean = 0, squares = 0, seen = 0, joined_mean = 0, joined_squares = 0;
    const auto each = [&](auto f) {
      for (std::int64_t i = 0; i < s.n * plane; ++i) f(static_cast<double>(got[(i / plane * s.k + k) * plane + i % plane]));
    };
    each([&](double v) { mean += v / count; });
    each([&](double v) { squares += (v - mean) * (v - mean); });
    for (int p = 0; p < parts; ++p) {
      const W* const part = &partial[static_cast<std::size_t>((k * parts + p) * 3)];
      seen += static_cast<double>(part[0]);
      joined_mean += static_cast<double>(part[0] * part[1]) / count;
    }
    for (int p = 0; p < parts; ++p) {
      const W* const part = &partial[static_cast<std::size_t>((k * parts + p) * 3)];
      joined_squares += static_cast<double>(part[2]) + static_cast<double>(part[0]) * std::pow(part[1] - joined_mean, 2);
    }
    CHECK(seen == count);
    CHECK(std::abs(joined_mean - mean) <= tolerance);
    CHECK(std::abs(joined_squares - squares) <= tolerance * (squares + 1));
  }
}

template <class T>
void check_gradients(const Backend<Conv2dKernels<T>>& backend, const ConvShape& s) {
  const auto& table = *backend.table;
  ConvData<T> data(s);
  const auto apart = run_conv(backend, data, true);
  auto x = backend.buffer(data.x), dy = backend.buffer(data.dy);
  auto weight = backend.buffer(data.weight);
  Output<T> dx(backend.where, s.x_size());
  Output<Wide<T>> dweight(backend.where, s.w_size()), dbias(backend.where, s.k);
  Workspace workspace(backend.where, table.workspace(s, ConvPass::grad_weight));
  table.gradients({}, s, x, dy, weight, dx.get(), dweight.get(), dbias.get(), workspace.get());
  CHECK(wide(dx.values()) == wide(apart.dx));
  CHECK(dweight.values() == apart.dweight);
  CHECK(dbias.values() == apart.dbias);
  workspace.check();
}

template <class T>
void check_all() {
  int served = 0;
  for (const auto& backend : backends<Conv2dKernels<T>>())
    for (const ConvShape& s : shapes()) {
      if (sizeof(T) != 4 && s.precision != Precision::float32) continue;
      INFO(backend.name << ", precision " << static_cast<int>(s.precision) << ", " << describe(s));
      if (backend.table->moment_parts)
        for (const NormFusion& fusion : fusions()) {
          // A GPU's kernels do this for all shapes, a CPU's for some.
          if (backend.where == Where::host && backend.table->moment_parts(s, fusion.before.p > 0) == 0) continue;
          INFO("relu " << fusion.relu_before << ", dropout " << fusion.before.p << ", planes " << fusion.before.planes);
          check_forward(backend, s, fusion);
          ++served;
        }
      if (backend.table->gradients) check_gradients(backend, s);
    }
#if defined(HEDDLE_TEST_CUDA)
  CHECK(served > 0);
#else
  CHECK((served > 0) == (sizeof(T) == 4));
#endif
}

}  // namespace

TEST_CASE("a convolution leaves z and its moments to the norm behind it, and gradients come in one", "[conv][norm]") {
  check_all<float>();
  check_all<double>();
  check_all<BFloat16>();
}

}  // namespace heddle::test
