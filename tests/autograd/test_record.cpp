// Ops recorded by hand: what record() asks of them, saved tensors, and the gradient check that finds a wrong one.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/autograd/gradcheck.hpp"
#include "heddle/autograd/record.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;
using autograd::Grads;
using autograd::Needs;
using autograd::Saved;

namespace {

// x cubed with a gradient of factor * x^2, which is right for 3.
Tensor cube(const Tensor& x, double factor) {
  const Tensor y = no_grad([&] { return x * x * x; });
  return autograd::record("cube", {x}, y, [factor, x = Saved(x)](const Tensor& dy, const Needs&) -> Grads {
    return {dy * square(x.get("cube")) * factor};
  });
}

}  // namespace

TEST_CASE("gradcheck passes a right gradient and finds a wrong one", "[gradcheck]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3}, device, 1, 2);
    const auto right = autograd::gradcheck([](const auto& in) { return cube(in[0], 3); }, {x});
    REQUIRE(right.passed);
    REQUIRE(right.message.empty());
    const auto wrong = autograd::gradcheck([](const auto& in) { return cube(in[0], 3.01); }, {x});
    REQUIRE_FALSE(wrong.passed);
    REQUIRE(wrong.worst > 0.005);
    REQUIRE(wrong.message.find("input 0, element ") == 0);
    REQUIRE_FALSE(autograd::gradcheck([](const auto& in) { return cube(in[0], std::nan("")); }, {x}).passed);
    // A gradient that is missing altogether counts as zero.
    REQUIRE_FALSE(autograd::gradcheck([](const auto& in) { return in[0].detach() * in[1]; }, {x, leaf({3}, device)}).passed);
  }
  require_error([] { autograd::gradcheck([](const auto& in) { return in[0] * 2.0; }, {ones({2}).requires_grad_()}); },
                "[gradcheck] expected dense float64 inputs, got float32 of shape [2]");
}

TEST_CASE("gradcheck leaves its inputs as they were", "[gradcheck]") {
  const Tensor x = leaf({3});
  const auto before = x.to_vector<double>();
  autograd::gradcheck([](const auto& in) { return cube(in[0], 3); }, {x});
  REQUIRE(x.to_vector<double>() == before);
  REQUIRE_FALSE(x.grad().defined());
}

TEST_CASE("an op is told which gradients are wanted", "[record]") {
  const Tensor a = leaf({2}), b = made({2});
  std::vector<bool> seen;
  const Tensor y = autograd::record("pair", {a, b, Tensor{}}, no_grad([&] { return a + b; }),
                                    [&](const Tensor& dy, const Needs& needs) -> Grads {
                                      seen = {needs[0], needs[1], needs[2]};
                                      return {dy, {}, {}};
                                    });
  sum(y).backward();
  REQUIRE(seen == std::vector<bool>{true, false, false});
  REQUIRE_FALSE(b.grad().defined());
}

TEST_CASE("nothing is recorded that nobody will differentiate", "[record]") {
  bool destroyed_early = false;
  struct Witness {
    bool* flag;
    ~Witness() { *flag = true; }
  };
  {
    auto witness = std::make_shared<Witness>(&destroyed_early);
    const Tensor x = ones({2});
    const Tensor y =
        autograd::record("op", {x}, zeros({2}), [witness](const Tensor& dy, const Needs&) -> Grads { return {dy}; });
    witness.reset();
    REQUIRE(destroyed_early);
    REQUIRE_FALSE(y.requires_grad());
  }
}

TEST_CASE("record holds an op to its shapes and counts", "[record]") {
  const Tensor x = leaf({2});
  const auto op = [&](Grads grads) {
    return autograd::record("op", {x}, zeros({2}, {.dtype = float64}),
                            [grads](const Tensor&, const Needs&) -> Grads { return grads; });
  };
  require_error([&] { sum(op({})).backward(); }, "[op] expected backward to give 1 gradients, got 0");
  require_error([&] { sum(op({zeros({3}, {.dtype = float64})})).backward(); },
                "[op] expected a gradient of shape [2] for input 0, got [3]");
}

TEST_CASE("a saved tensor that is overwritten is noticed", "[record]") {
  const Tensor x = leaf({3});
  Tensor hidden = x + 1.0;
  const Tensor y = sum(cube(hidden, 3));
  hidden.detach().select(0, 1).fill_(0);  // through a view: the memory is what counts
  require_error(
      [&] { y.backward(); },
      "[cube] expected the tensor of shape [3] that backward needs as it was, got one written in place since forward");
  // Reading it, or writing what was not saved, is fine.
  Tensor sums = x + 1.0;
  const Tensor z = sum(sums * 2.0);
  sums.detach().fill_(0);
  z.backward();
  REQUIRE(x.grad().to_vector<double>() == std::vector<double>{2, 2, 2});
}
