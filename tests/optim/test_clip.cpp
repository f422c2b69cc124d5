// Gradients cut by their norm and by value.
#include <cmath>
#include <limits>
#include <vector>

#include "heddle/optim/optimizer.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::optim;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor parameter(const std::vector<double>& values) {
  Tensor t = tensor(values);
  t.requires_grad_();
  return t;
}

}  // namespace

TEST_CASE("clip_grad_norm_ leaves small gradients alone", "[optim]") {
  Tensor p = parameter({0, 0});
  p.set_grad(tensor<double>({3, 4}));
  REQUIRE(clip_grad_norm_({p}, 10).item() == Approx(5));
  REQUIRE(p.grad().to_vector<double>() == std::vector<double>{3, 4});
  REQUIRE(clip_grad_norm_({p}, 1).item() == Approx(5));
  REQUIRE(p.grad().to_vector<double>()[1] == Approx(0.8));
  Tensor none = parameter({1});
  REQUIRE(clip_grad_norm_({none}, 1).item() == 0);
  Tensor other = tensor<float>({1});
  other.requires_grad_();
  other.set_grad(tensor<float>({1}));
  REQUIRE_THROWS_WITH(clip_grad_norm_({p, other}, 1), ContainsSubstring("one type"));
  REQUIRE_THROWS_AS(clip_grad_norm_({p}, 0), Error);
}

TEST_CASE("clip_grad_value_ cuts each element, as in PyTorch", "[optim]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  Tensor p = parameter(std::vector<double>(7)), none = parameter({1});
  p.set_grad(tensor<double>({-3, -0.5, 0, 0.5, 3, inf, nan}));
  Tensor other = tensor<float>({1, 2});  // of another type: clip_grad_norm_ refuses that, a bound of each element does not
  other.requires_grad_();
  other.set_grad(tensor<float>({0.25F, -7}));
  clip_grad_value_({p, none, other}, 0.75);
  auto got = p.grad().to_vector<double>();
  REQUIRE(std::isnan(got.back()));
  got.pop_back();
  REQUIRE(got == std::vector<double>{-0.75, -0.5, 0, 0.5, 0.75, 0.75});
  REQUIRE(other.grad().to_vector<float>() == std::vector<float>{0.25F, -0.75F});
  REQUIRE_FALSE(none.grad().defined());
  REQUIRE_THROWS_WITH(clip_grad_value_({p}, -1), ContainsSubstring("[clip_grad_value_] expected a value of 0 or more, got -1"));
  REQUIRE_THROWS_AS(clip_grad_value_({p}, nan), Error);
}
