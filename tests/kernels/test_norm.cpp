// Normalization against the float64 reference over every option, against finite differences, and to the bit on any number of
// threads.
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/norm/norm.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/reference_norm.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

template <class T>
constexpr double tolerance = std::is_same_v<T, double> ? 1e-11 : 2e-5;

// Largest difference, but for what is lost by having been stored (how often), relative to the largest value expected (and at
// least 1).
template <class T>
double error(const std::vector<T>& got, const std::vector<double>& want, double stored = 1) {
  double worst = 0, scale = 1;
  for (double w : want) scale = std::max(scale, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double all = std::abs(static_cast<double>(static_cast<Wide<T>>(got[i])) - want[i]);
    const double difference = (all - stored * storage_error<T> * std::abs(want[i])) / scale;
    if (!(difference <= worst)) worst = difference;  // a NaN is the worst of all, and stays
  }
  return worst;
}

// Every combination of neighbours: relu and dropout of either kind, before and after.
std::vector<NormFusion> fusions() {
  std::vector<NormFusion> all;
  const Dropout none, elements{0.3f, false, {7, 3, 1, Purpose::dropout}}, planes{0.4f, true, {7, 3, 2, Purpose::dropout}};
  for (bool relu_before : {false, true})
    for (bool relu_after : {false, true})
      for (Dropout before : {none, elements, planes})
        for (Dropout after : {none, elements, planes}) {
          after.key.call += 10;
          all.push_back({relu_before, before, relu_after, after});
        }
  return all;
}
std::string words(auto&&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}
std::string str(const Dropout& d) {
  return d.p == 0 ? "none" : d.planes ? "planes" : "elements";
}
std::string str(const NormFusion& f) {
  return words("relu before ", f.relu_before, ", dropout before ", str(f.before), ", relu after ", f.relu_after,
               ", dropout after ", str(f.after));
}
std::string str(const BatchNormShape& s) {
  return words("[", s.n, ", ", s.c, ", ", s.inner, "]");
}
std::string str(const GroupNormShape& s) {
  return words("[", s.n, ", ", s.c, ", ", s.inner, "] in ", s.groups, " groups, affine ", static_cast<int>(s.affine));
}

template <class T>
struct BatchNormRun {
  std::vector<T> y, dx;
  std::vector<Wide<T>> mean, rstd, running_mean, running_var, dgamma, dbeta;
  std::vector<T> all() const {
    std::vector<T> values;
    for (auto* part : {&y, &mean, &rstd, &running_mean, &running_var, &dx, &dgamma, &dbeta})
      values.insert(values.end(), part->begin(), part->end());
    return values;
  }
};

// The problem of one test: inputs of all kernels.
template <class T>
struct Problem {
  std::vector<T> x, dy;
  std::vector<Wide<T>> gamma, beta;
  Problem(std::size_t size, std::size_t affine, double mean = 0.3)
      : x(made_up<T>(size, mean - 2, mean + 2, 1)),
        dy(made_up<T>(size, -1, 1, 2)),
        gamma(made_up<Wide<T>>(affine, 0.5, 1.5, 3)),
        beta(made_up<Wide<T>>(affine, -0.5, 0.5, 4)) {}
};

template <class T>
auto nans(const auto& backend, std::size_t count) {
  return backend.buffer(std::vector<T>(count, static_cast<T>(std::nanf(""))));
}

template <class T>
BatchNormRun<T> run(const Backend<BatchNormKernels<T>>& b, const BatchNormShape& s, const NormFusion& fusion,
                    const Problem<T>& p, bool affine, Wide<T> eps, Wide<T> momentum,
                    const std::vector<PartialMoments<Wide<T>>>* moments = nullptr) {
  const std::size_t size = p.x.size(), c = s.c;
  auto x = b.buffer(p.x), dy = b.buffer(p.dy), gamma = b.buffer(p.gamma), beta = b.buffer(p.beta);
  auto y = nans<T>(b, size), dx = nans<T>(b, size);
  auto mean = nans<Wide<T>>(b, c), rstd = nans<Wide<T>>(b, c), dgamma = nans<Wide<T>>(b, c), dbeta = nans<Wide<T>>(b, c);
  auto running_mean = b.buffer(std::vector<Wide<T>>(c, 0.5)), running_var = b.buffer(std::vector<Wide<T>>(c, 2));
  auto batches = b.buffer(std::vector<std::int64_t>{41});
  auto workspace = b.buffer(std::vector<double>(b.table->workspace(s) / sizeof(double) + 1, std::nan("")));
  const RunningStatistics<Wide<T>> running{momentum, running_mean, running_var, batches};
  if (moments) {
    auto parts = b.buffer(*moments);
    b.table->forward_from_moments({}, s, fusion, parts, static_cast<int>(moments->size() / c), x, gamma, beta, eps, running,
                                  mean, rstd, y);
  } else {
    b.table->forward({}, s, fusion, x, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, eps, running, mean, rstd,
                     y, workspace.get());
  }
  b.table->backward({}, s, fusion, x, dy, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, mean, rstd, false, dx,
                    affine ? dgamma.get() : nullptr, affine ? dbeta.get() : nullptr, workspace.get());
  CHECK(batches.host()[0] == 42);
  return {y.host(), dx.host(), mean.host(), rstd.host(), running_mean.host(), running_var.host(), dgamma.host(), dbeta.host()};
}

template <class T>
void check_batch_norm(const Backend<BatchNormKernels<T>>& b, const BatchNormShape& s, const NormFusion& fusion, bool affine) {
  INFO(b.name << ": " << str(s) << ", " << str(fusion) << ", affine " << affine);
  const Problem<T> p(s.n * s.c * s.inner, s.c);
  const Wide<T> eps = 1e-3f, momentum = 0.1f;
  const auto got = run(b, s, fusion, p, affine, eps, momentum);
  const auto reference = NormReference::batch(s, affine);
  const auto want = reference.forward(fusion, wide(p.x), p.gamma, p.beta, static_cast<double>(eps));
  const auto gradients =
      reference.backward(fusion, want, wide(p.x), wide(p.dy), p.gamma, p.beta, static_cast<double>(eps), false);
  std::vector<double> rstd, running_mean, running_var;
  for (int c = 0; c < s.c; ++c) {
    const double m = static_cast<double>(momentum), count = reference.count();
    rstd.push_back(1 / std::sqrt(want.variance[c] + static_cast<double>(eps)));
    running_mean.push_back(0.5 * (1 - m) + m * want.mean[c]);
    running_var.push_back(2 * (1 - m) + m * want.variance[c] * count / (count - 1));
  }
  CHECK(error(got.mean, want.mean) < tolerance<T>);
  CHECK(error(got.rstd, rstd) < tolerance<T>);
  CHECK(error(got.y, want.y) < tolerance<T>);
  CHECK(error(got.running_mean, running_mean) < tolerance<T>);
  CHECK(error(got.running_var, running_var) < tolerance<T>);
  CHECK(error(got.dx, gradients.dx) < tolerance<T>);
  if (!affine) return;
  CHECK(error(got.dgamma, gradients.dgamma) < tolerance<T>);
  CHECK(error(got.dbeta, gradients.dbeta) < tolerance<T>);
}

// Given statistics: inference, and its gradient.
template <class T>
void check_inference(const Backend<BatchNormKernels<T>>& b, const BatchNormShape& s, const NormFusion& fusion, bool affine) {
  INFO(b.name << ": inference " << str(s) << ", " << str(fusion) << ", affine " << affine);
  const Problem<T> p(s.n * s.c * s.inner, s.c);
  const Wide<T> eps = 1e-3f;
  const auto given_mean = made_up<Wide<T>>(s.c, -1, 1, 5), given_variance = made_up<Wide<T>>(s.c, 0.5, 2, 6);
  std::vector<double> m(given_mean.begin(), given_mean.end()), v(given_variance.begin(), given_variance.end());
  std::vector<Wide<T>> given_rstd;
  for (double value : v) given_rstd.push_back(static_cast<Wide<T>>(1 / std::sqrt(value + static_cast<double>(eps))));
  auto x = b.buffer(p.x), dy = b.buffer(p.dy), gamma = b.buffer(p.gamma), beta = b.buffer(p.beta);
  auto mean = b.buffer(given_mean), variance = b.buffer(given_variance), rstd = b.buffer(given_rstd);
  auto y = nans<T>(b, p.x.size()), dx = nans<T>(b, p.x.size());
  auto dgamma = nans<Wide<T>>(b, s.c), dbeta = nans<Wide<T>>(b, s.c);
  auto workspace = b.buffer(std::vector<double>(b.table->workspace(s) / sizeof(double) + 1, std::nan("")));
  b.table->inference({}, s, fusion, x, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, eps, mean, variance, y);
  b.table->backward({}, s, fusion, x, dy, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, mean, rstd, true, dx,
                    affine ? dgamma.get() : nullptr, affine ? dbeta.get() : nullptr, workspace.get());
  const auto reference = NormReference::batch(s, affine);
  const auto want = reference.forward(fusion, wide(p.x), p.gamma, p.beta, static_cast<double>(eps), &m, &v);
  const auto gradients =
      reference.backward(fusion, want, wide(p.x), wide(p.dy), p.gamma, p.beta, static_cast<double>(eps), true);
  CHECK(error(y.host(), want.y) < tolerance<T>);
  CHECK(error(dx.host(), gradients.dx) < tolerance<T>);
  if (!affine) return;
  CHECK(error(dgamma.host(), gradients.dgamma) < tolerance<T>);
  CHECK(error(dbeta.host(), gradients.dbeta) < tolerance<T>);
}

template <class T>
struct GroupNormRun {
  std::vector<T> y, dx;
  std::vector<Wide<T>> mean, rstd, dgamma, dbeta;
};
template <class T>
GroupNormRun<T> run(const Backend<GroupNormKernels<T>>& b, const GroupNormShape& s, const NormFusion& fusion,
                    const Problem<T>& p, Wide<T> eps) {
  const bool affine = s.affine != Affine::none;
  auto x = b.buffer(p.x), dy = b.buffer(p.dy), gamma = b.buffer(p.gamma), beta = b.buffer(p.beta);
  auto y = nans<T>(b, p.x.size()), dx = nans<T>(b, p.x.size());
  auto mean = nans<Wide<T>>(b, s.rows()), rstd = nans<Wide<T>>(b, s.rows());
  auto dgamma = nans<Wide<T>>(b, p.gamma.size()), dbeta = nans<Wide<T>>(b, p.gamma.size());
  auto workspace = b.buffer(std::vector<double>(b.table->workspace(s) / sizeof(double) + 1, std::nan("")));
  b.table->forward({}, s, fusion, x, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, eps, mean, rstd, y,
                   workspace.get());
  b.table->backward({}, s, fusion, x, dy, affine ? gamma.get() : nullptr, affine ? beta.get() : nullptr, mean, rstd, dx,
                    affine ? dgamma.get() : nullptr, affine ? dbeta.get() : nullptr, workspace.get());
  return {y.host(), dx.host(), mean.host(), rstd.host(), dgamma.host(), dbeta.host()};
}

template <class T>
void check_group_norm(const Backend<GroupNormKernels<T>>& b, const GroupNormShape& s, const NormFusion& fusion) {
  INFO(b.name << ": " << str(s) << ", " << str(fusion));
  const Problem<T> p(s.n * s.c * s.inner, s.affine_size());
  const Wide<T> eps = 1e-3f;
  const auto got = run(b, s, fusion, p, eps);
  const auto reference = NormReference::group(s);
  const auto want = reference.forward(fusion, wide(p.x), p.gamma, p.beta, static_cast<double>(eps));
  const auto gradients =
      reference.backward(fusion, want, wide(p.x), wide(p.dy), p.gamma, p.beta, static_cast<double>(eps), false);
  std::vector<double> rstd;
  for (double v : want.variance) rstd.push_back(1 / std::sqrt(v + static_cast<double>(eps)));
  CHECK(error(got.mean, want.mean) < tolerance<T>);
  CHECK(error(got.rstd, rstd) < tolerance<T>);
  CHECK(error(got.y, want.y) < tolerance<T>);
  CHECK(error(got.dx, gradients.dx) < tolerance<T>);
  if (s.affine == Affine::none) return;
  CHECK(error(got.dgamma, gradients.dgamma) < tolerance<T>);
  CHECK(error(got.dbeta, gradients.dbeta) < tolerance<T>);
}

// Statistics and results from z and its moments in parts, as a convolution leaves them, and the gradients of that z, against
// those from x. A dropped z must be the same number in every type: dropout doubles.
template <class T>
void check_behind_conv(const Backend<BatchNormKernels<T>>& b, const BatchNormShape& s, NormFusion fusion) {
  fusion.before.p = fusion.before.p > 0 ? 0.5f : 0;
  INFO(b.name << ": behind a convolution " << str(s) << ", " << str(fusion));
  const Problem<T> p(s.n * s.c * s.inner, s.c);
  auto made = wide(p.x);
  const auto factors = dropout_reference(fusion.before, static_cast<std::int64_t>(made.size()), s.inner);
  for (std::size_t i = 0; i < made.size(); ++i)
    made[i] = (fusion.relu_before && made[i] < 0 ? 0 : made[i]) * static_cast<Wide<T>>(factors[i]);
  const int parts = 3;  // of images: every third one
  std::vector<PartialMoments<Wide<T>>> moments;
  for (int c = 0; c < s.c; ++c)
    for (int part = 0; part < parts; ++part) {
      double count = 0, mean = 0, squares = 0;
      const auto each = [&](auto f) {
        for (std::int64_t n = part; n < s.n; n += parts)
          for (std::int64_t i = 0; i < s.inner; ++i) f(static_cast<double>(made[(n * s.c + c) * s.inner + i]));
      };
      each([&](double v) { count += 1, mean += v; });
      mean /= count;
      each([&](double v) { squares += (v - mean) * (v - mean); });
      moments.push_back({static_cast<Wide<T>>(count), static_cast<Wide<T>>(mean), static_cast<Wide<T>>(squares)});
    }
  const auto want = run(b, s, fusion, p, true, 1e-3f, 0.1f);
  auto given = p;
  for (std::size_t i = 0; i < made.size(); ++i) given.x[i] = static_cast<T>(made[i]);
  fusion.before_applied = true;
  const auto got = run(b, s, fusion, given, true, 1e-3f, 0.1f, &moments);
  const auto stored = [](const auto& values) {
    const auto all = wide(values);
    return std::vector<double>(all.begin(), all.end());
  };
  CHECK(error(got.y, stored(want.y), 2) < tolerance<T>);
  CHECK(error(got.dx, stored(want.dx), 2) < tolerance<T>);
  for (auto part : {&BatchNormRun<T>::mean, &BatchNormRun<T>::rstd, &BatchNormRun<T>::running_mean,
                    &BatchNormRun<T>::running_var, &BatchNormRun<T>::dgamma, &BatchNormRun<T>::dbeta})
    CHECK(error(got.*part, stored(want.*part)) < tolerance<T>);
}

const std::vector<BatchNormShape> batch_shapes{{5, 3, 35},   {3, 4, 1},   {4, 1, 7},     {130, 300, 1}, {2, 40, 16}, {2, 9, 81},
                                               {1, 2, 2500}, {6, 33, 49}, {20, 2, 1024}, {8, 20, 64},   {2, 2, 8200}};
std::vector<GroupNormShape> group_shapes() {
  std::vector<GroupNormShape> all;
  for (Affine affine : {Affine::none, Affine::channel, Affine::element})
    for (GroupNormShape s : {GroupNormShape{3, 6, 35, 2},
                             {2, 5, 1100, 5},
                             {4, 12, 1, 3},
                             {3, 1, 77, 1},
                             {37, 8, 16, 1},
                             {1, 20, 49, 5},
                             {3, 64, 1, 1},
                             {2, 16, 1024, 1},
                             {1, 2, 12000, 1},
                             {1, 3, 20004, 1}}) {
      s.affine = affine;
      all.push_back(s);
    }
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("batch norm with every neighbour agrees with the reference", "[norm][batch]", float, double, BFloat16) {
  for (const auto& b : backends<BatchNormKernels<TestType>>())
    for (const auto& fusion : fusions()) {
      check_batch_norm<TestType>(b, {5, 3, 35}, fusion, true);
      check_batch_norm<TestType>(b, {6, 5, 1}, fusion, true);
      check_inference<TestType>(b, {5, 3, 35}, fusion, true);
      check_inference<TestType>(b, {6, 5, 1}, fusion, true);
      check_batch_norm<TestType>(b, {3, 2, 20}, fusion, true);
      check_inference<TestType>(b, {3, 2, 20}, fusion, true);
      check_batch_norm<TestType>(b, {3, 2, 24}, fusion, true);
      check_inference<TestType>(b, {3, 2, 24}, fusion, true);
    }
}

TEMPLATE_TEST_CASE("batch norm of every shape agrees with the reference", "[norm][batch][large]", float, double, BFloat16) {
  const NormFusion plain, full = fusions()[4 * 9 - 5];
  for (const auto& b : backends<BatchNormKernels<TestType>>())
    for (const auto& s : batch_shapes)
      for (const auto& fusion : {plain, full})
        for (bool affine : {true, false}) {
          check_batch_norm<TestType>(b, s, fusion, affine);
          check_inference<TestType>(b, s, fusion, affine);
        }
}

TEMPLATE_TEST_CASE("batch norm from a convolution's moments is batch norm", "[norm][batch]", float, double, BFloat16) {
  for (const auto& b : backends<BatchNormKernels<TestType>>())
    for (const auto& fusion : fusions()) {
      // A convolution drops only behind a ReLU, and on a CPU nothing.
      if (!b.table->forward_from_moments || (fusion.before.p > 0 && (!fusion.relu_before || b.where == Where::host))) continue;
      for (const BatchNormShape& s : {BatchNormShape{6, 3, 20}, {5, 2, 24}, {9, 5, 7}, {40, 33, 1}})
        check_behind_conv<TestType>(b, s, fusion);
    }
}

TEMPLATE_TEST_CASE("group norm with every neighbour agrees with the reference", "[norm][group]", float, double, BFloat16) {
  for (const auto& b : backends<GroupNormKernels<TestType>>())
    for (const auto& fusion : fusions())
      for (Affine affine : {Affine::none, Affine::channel, Affine::element}) {
        check_group_norm<TestType>(b, {3, 6, 35, 2, affine}, fusion);
        check_group_norm<TestType>(b, {5, 12, 1, 3, affine}, fusion);
        check_group_norm<TestType>(b, {2, 4, 20, 2, affine}, fusion);
        check_group_norm<TestType>(b, {2, 4, 24, 2, affine}, fusion);
      }
}

TEMPLATE_TEST_CASE("group, layer and instance norm of every shape agree with the reference", "[norm][group][large]", float,
                   double, BFloat16) {
  const NormFusion plain, full = fusions()[4 * 9 - 5];
  for (const auto& b : backends<GroupNormKernels<TestType>>())
    for (const auto& s : group_shapes())
      for (const auto& fusion : {plain, full}) check_group_norm<TestType>(b, s, fusion);
}

TEST_CASE("batch norm without running statistics leaves none", "[norm][batch]") {
  const BatchNormShape s{4, 3, 10};
  const Problem<float> p(120, 3);
  for (const auto& b : backends<BatchNormKernels<float>>()) {
    auto x = b.buffer(p.x), y = b.buffer(std::vector<float>(120)), mean = b.buffer(std::vector<float>(3)),
         rstd = b.buffer(std::vector<float>(3));
    auto workspace = b.buffer(std::vector<double>(b.table->workspace(s) / sizeof(double) + 1));
    b.table->forward({}, s, {}, x, nullptr, nullptr, 1e-5f, {}, mean, rstd, y, workspace.get());
    CHECK(error(y.host(), NormReference::batch(s, false).forward({}, p.x, p.gamma, p.beta, 1e-5).y) < 1e-5);
  }
}

// A mean of 10,000 and a deviation of 1: the sum of squares minus the square of the sum would lose every digit in float.
TEST_CASE("variance survives a large mean", "[norm][large]") {
  const BatchNormShape s{16, 10, 256};
  std::vector<float> x = made_up<float>(16 * 10 * 256, 10000 - std::sqrt(3.0), 10000 + std::sqrt(3.0));
  const auto reference = NormReference::batch(s, false);
  const std::vector<float> none;
  const auto want = reference.forward({}, x, none, none, 1e-5);
  Problem<float> p(x.size(), 10);
  p.x = x;
  for (const auto& b : backends<BatchNormKernels<float>>()) {
    INFO(b.name);
    const auto got = run<float>(b, s, {}, p, false, 1e-5f, 0.1f);
    for (int c = 0; c < s.c; ++c) {
      CHECK(std::abs(got.mean[c] - want.mean[c]) <= 0.0005);  // half a unit in the last place of 10,000
      CHECK(got.rstd[c] * std::sqrt(want.variance[c] + 1e-5) == Approx(1).epsilon(2e-6));
    }
  }
  const GroupNormShape g{16, 10, 256, 5, Affine::none};
  const auto rows = NormReference::group(g).forward({}, x, none, none, 1e-5);
  for (const auto& b : backends<GroupNormKernels<float>>()) {
    INFO(b.name);
    const auto got = run<float>(b, g, {}, p, 1e-5f);
    for (int r = 0; r < g.rows(); ++r) CHECK(got.rstd[r] * std::sqrt(rows.variance[r] + 1e-5) == Approx(1).epsilon(2e-6));
  }
}

// A first image far from all the others is the worst case of a variance that is summed around the first image's mean.
TEST_CASE("variance survives an outlying first image", "[norm][large]") {
  const BatchNormShape s{64, 9, 64};
  Problem<float> p(64 * 9 * 64, 9);
  for (int i = 0; i < 9 * 64; ++i) p.x[i] += 1e6f;
  const auto want = NormReference::batch(s, false).forward({}, p.x, p.gamma, p.beta, 1e-5);
  for (const auto& b : backends<BatchNormKernels<float>>()) {
    const auto got = run<float>(b, s, {}, p, false, 1e-5f, 0.1f);
    for (int c = 0; c < s.c; ++c) CHECK(got.rstd[c] * std::sqrt(want.variance[c] + 1e-5) == Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("norm gradients agree with finite differences", "[norm]") {
  const NormFusion fusion{true, {0.2f, false, {3, 1, 4, Purpose::dropout}}, true, {0.3f, true, {3, 1, 5, Purpose::dropout}}};
  // loss = sum of y * dy; the numeric gradient of one input, by central differences.
  const auto numeric = [](std::vector<double>& values, std::size_t i, const std::vector<double>& dy, const auto& forward) {
    const double h = 1e-6, old = values[i];
    double loss[2];
    for (int side : {0, 1}) {
      values[i] = side ? old + h : old - h;
      const auto y = forward();
      loss[side] = 0;
      for (std::size_t j = 0; j < y.size(); ++j) loss[side] += y[j] * dy[j];
    }
    values[i] = old;
    return (loss[1] - loss[0]) / (2 * h);
  };
  const auto compare = [&](Problem<double>& p, const auto& got, const auto& forward) {
    for (auto [values, gradient] : {std::pair{&p.x, &got.dx}, {&p.gamma, &got.dgamma}, {&p.beta, &got.dbeta}})
      for (std::size_t i = 0; i < values->size(); i += 1 + values->size() / 17)
        CHECK((*gradient)[i] == Approx(numeric(*values, i, p.dy, forward)).margin(1e-7).epsilon(1e-6));
  };
  for (const auto& b : backends<BatchNormKernels<double>>()) {
    const BatchNormShape s{4, 3, 21};
    Problem<double> p(4 * 3 * 21, 3);
    const auto got = run(b, s, fusion, p, true, 1e-3, 0.1);
    compare(p, got, [&] { return run(b, s, fusion, p, true, 1e-3, 0.1).y; });
  }
  for (const auto& b : backends<GroupNormKernels<double>>())
    for (Affine affine : {Affine::none, Affine::channel, Affine::element}) {
      const GroupNormShape s{2, 6, 19, 3, affine};
      Problem<double> p(2 * 6 * 19, s.affine_size());
      const auto got = run(b, s, fusion, p, 1e-3);
      compare(p, got, [&] { return run(b, s, fusion, p, 1e-3).y; });
    }
}

TEST_CASE("norms give the same bits on any number of threads", "[norm][large]") {
  const NormFusion fusion = fusions()[4 * 9 - 5];
  for (const auto& b : backends<BatchNormKernels<float>>())
    for (const auto& s : batch_shapes) {
      const Problem<float> p(s.n * s.c * s.inner, s.c);
      same_on_any_threads([&] { return run(b, s, fusion, p, true, 1e-5f, 0.1f).all(); });
    }
  for (const auto& b : backends<GroupNormKernels<float>>())
    for (const auto& s : group_shapes()) {
      const Problem<float> p(s.n * s.c * s.inner, s.affine_size());
      same_on_any_threads([&] {
        const auto got = run(b, s, fusion, p, 1e-5f);
        std::vector<float> values;
        for (auto* part : {&got.y, &got.mean, &got.rstd, &got.dx, &got.dgamma, &got.dbeta})
          if (s.affine != Affine::none || part != &got.dgamma)
            for (float v : *part)
              if (v == v) values.push_back(v);
        return values;
      });
    }
}
