// What the CPU's norms promise beyond the other backends: dx may be dy, y may be x where that is over, masks that forward left behind serve backward, and the
// later rows of a tensor can be done alone. None of these changes a bit of any result.
#include <vector>

#include "kernels/norm/norm.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

struct Result {
  std::vector<float> y, dx, dgamma, dbeta;
  bool operator==(const Result&) const = default;
};

struct Problem {
  std::vector<float> x, dy, gamma, beta;
  Problem(std::int64_t size, std::int64_t affine)
      : x(made_up<float>(size, -2, 2, 1)),
        dy(made_up<float>(size, -1, 1, 2)),
        gamma(made_up<float>(affine, 0.5, 1.5, 3)),
        beta(made_up<float>(affine, -0.5, 0.5, 4)) {}
};

// forward(y, workspace) and backward(dy, dx, dgamma, dbeta, workspace) of either family; backward in place where asked for.
Result run(const Problem& p, std::size_t workspace_bytes, bool in_place, auto&& forward, auto&& backward) {
  std::vector<double> workspace(workspace_bytes / sizeof(double) + 1);
  Result r{std::vector<float>(p.x.size()), p.dy, std::vector<float>(p.gamma.size()), std::vector<float>(p.gamma.size())};
  forward(r.y.data(), workspace.data());
  backward(in_place ? r.dx.data() : p.dy.data(), r.dx.data(), r.dgamma.data(), r.dbeta.data(), workspace.data());
  return r;
}

Result run(const BatchNormShape& s, const NormFusion& fusion, const Problem& p, bool in_place) {
  const auto& k = BatchNormKernels<float>::cpu();
  std::vector<float> mean(s.c), rstd(s.c);
  return run(
      p, k.workspace(s), in_place,
      [&](float* y, void* w) {
        k.forward({}, s, fusion, p.x.data(), p.gamma.data(), p.beta.data(), 1e-3f, {}, mean.data(), rstd.data(), y, w);
      },
      [&](const float* dy, float* dx, float* dgamma, float* dbeta, void* w) {
        k.backward({}, s, fusion, p.x.data(), dy, p.gamma.data(), p.beta.data(), mean.data(), rstd.data(), false, dx, dgamma,
                   dbeta, w);
      });
}
Result run(const GroupNormShape& s, const NormFusion& fusion, const Problem& p, bool in_place) {
  const auto& k = GroupNormKernels<float>::cpu();
  std::vector<float> mean(s.rows()), rstd(s.rows());
  return run(
      p, k.workspace(s), in_place,
      [&](float* y, void* w) {
        k.forward({}, s, fusion, p.x.data(), p.gamma.data(), p.beta.data(), 1e-3f, mean.data(), rstd.data(), y, w);
      },
      [&](const float* dy, float* dx, float* dgamma, float* dbeta, void* w) {
        k.backward({}, s, fusion, p.x.data(), dy, p.gamma.data(), p.beta.data(), mean.data(), rstd.data(), dx, dgamma, dbeta,
                   w);
      });
}

// y where it takes x's place, of what does that: group norm's forward pass and batch norm's inference.
std::vector<float> result_in_place(const GroupNormShape& s, const NormFusion& fusion, const Problem& p) {
  std::vector<float> y = p.x, mean(s.rows()), rstd(s.rows());
  GroupNormKernels<float>::cpu().forward({}, s, fusion, y.data(), p.gamma.data(), p.beta.data(), 1e-3f, mean.data(),
                                         rstd.data(), y.data(), nullptr);
  return y;
}
std::vector<float> inferred(const BatchNormShape& s, const NormFusion& fusion, const Problem& p, bool in_place) {
  std::vector<float> y = p.x;
  BatchNormKernels<float>::cpu().inference({}, s, fusion, in_place ? y.data() : p.x.data(), p.gamma.data(), p.beta.data(), 1e-3f,
                                           p.beta.data(), p.gamma.data(), y.data());
  return y;
}
void check_result_in_place(const GroupNormShape& s, const NormFusion& fusion, const Problem& p) {
  CHECK(result_in_place(s, fusion, p) == run(s, fusion, p, false).y);
}
void check_result_in_place(const BatchNormShape& s, const NormFusion& fusion, const Problem& p) {
  CHECK(inferred(s, fusion, p, true) == inferred(s, fusion, p, false));
}

template <class Shape>
void check(const Shape& s, std::int64_t affine) {
  const Problem p(s.n * s.c * s.inner, affine);
  const Dropout before{0.3f, false, {7, 3, 1, Purpose::dropout}}, after{0.4f, false, {7, 3, 2, Purpose::dropout}};
  const Dropout planes{0.4f, true, {7, 3, 4, Purpose::dropout}};
  for (NormFusion fusion : {NormFusion{.relu_after = true}, NormFusion{.relu_before = true, .before = before},
                            NormFusion{.relu_after = true, .after = after}, NormFusion{.before = before, .after = after},
                            NormFusion{.before = planes, .after = after}}) {
    const Result plain = run(s, fusion, p, false);
    CHECK(run(s, fusion, p, true) == plain);
    check_result_in_place(s, fusion, p);
    if (s.inner == 1 || !fusion.drops_elements()) continue;
    std::vector<std::uint8_t> kept(kept_bytes(s.n * s.c, s.inner) + 1, 0xa5);
    fusion.kept = kept.data();
    CHECK(run(s, fusion, p, false) == plain);
    CHECK(run(s, fusion, p, true) == plain);
    CHECK(kept.back() == 0xa5);
  }
}

}  // namespace

TEST_CASE("batch norm on the CPU: in place, and with masks kept from forward", "[norm]") {
  check(BatchNormShape{3, 5, 1}, 5);
  check(BatchNormShape{2, 3, 49}, 3);
  check(BatchNormShape{9, 20, 256}, 20);
  check(BatchNormShape{17, 7, 1100}, 7);
}

TEST_CASE("group norm on the CPU: in place, and with masks kept from forward", "[norm]") {
  check(GroupNormShape{3, 6, 1, 2, Affine::channel}, 6);
  check(GroupNormShape{2, 6, 49, 2, Affine::channel}, 6);
  check(GroupNormShape{5, 8, 1100, 4, Affine::channel}, 8);
  check(GroupNormShape{5, 8, 256, 1, Affine::element}, 8 * 256);
}

TEST_CASE("group norm on the CPU: the last images alone, with the masks they have in the whole", "[norm]") {
  const GroupNormShape whole{7, 6, 50, 3, Affine::channel}, last{3, 6, 50, 3, Affine::channel};
  const Problem p(whole.n * whole.c * whole.inner, whole.c);
  const std::int64_t skipped = 4 * whole.c * whole.inner;
  Problem part = p;
  part.x.erase(part.x.begin(), part.x.begin() + skipped);
  part.dy.erase(part.dy.begin(), part.dy.begin() + skipped);
  for (const bool planes : {false, true}) {
    NormFusion fusion{.before = {0.3f, planes, {7, 3, 1, Purpose::dropout}},
                      .after = {0.4f, !planes, {7, 3, 2, Purpose::dropout}}};
    const Result all = run(whole, fusion, p, false);
    fusion.before.first = planes ? 4 * whole.c : skipped;
    fusion.after.first = planes ? skipped : 4 * whole.c;
    const Result some = run(last, fusion, part, false);
    CHECK(some.y == std::vector<float>(all.y.begin() + skipped, all.y.end()));
    CHECK(some.dx == std::vector<float>(all.dx.begin() + skipped, all.dx.end()));
  }
}
