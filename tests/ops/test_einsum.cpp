// einsum against PyTorch's numbers, and its gradients.
#include "heddle/ops/cat.hpp"
#include "heddle/ops/einsum.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {
using V = std::vector<double>;
}

TEST_CASE("einsum gives PyTorch's numbers", "[einsum]") {
  for (Device device : test_devices()) {
    const TensorOptions options{float64, device};
    const Tensor a = arange(0, 6, 1, options).reshape({2, 3}), b = arange(-5, 7, 1, options).reshape({3, 4}),
                 c = arange(0, 24, 1, options).reshape({2, 3, 4}) / 7.0, d = arange(0, 9, 1, options).reshape({3, 3});
    struct Case {
      std::string equation;
      std::vector<Tensor> operands;
      Shape shape;
      V first;
    };
    const V product{5, 8, 11, 14, -4, 8, 20, 32};
    const std::vector<Case> cases = {
        {"ij,jk->ik", {a, b}, {2, 4}, product},
        {"ij,jk", {a, b}, {2, 4}, product},
        {"...j,jk", {a, b}, {2, 4}, product},
        {"ij->ji", {a}, {3, 2}, {0, 3, 1, 4, 2, 5}},
        {"ba", {a}, {3, 2}, {0, 3, 1, 4, 2, 5}},
        {"ij->", {a}, {}, {15}},
        {"ij", {a}, {2, 3}, {0, 1, 2, 3, 4, 5}},
        {"ii", {d}, {}, {12}},
        {"ii->i", {d}, {3}, {0, 4, 8}},
        {"ij,ij->ij", {a, a}, {2, 3}, {0, 1, 4, 9, 16, 25}},
        {"i,j->ij", {a.select(1, 0), b[0]}, {2, 4}, {0, 0, 0, 0, -15, -12, -9, -6}},
        {"bij,bjk->bik", {c, c.transpose(1, 2)}, {2, 3, 3}, {0.285714286, 0.775510204, 1.265306122, 0.775510204, 2.571428571}},
        {"...ij,...jk->...ik",
         {c, b.transpose(0, 1)},
         {2, 3, 3},
         {-2.285714286, 1.142857143, 4.571428571, -10.285714286, 2.285714286}},
        {"ij,jk,kl->il", {a, b, b.transpose(0, 1)}, {2, 3}, {-118, 34, 186, -136, 88, 312}},
        {"bnij,bj->bi", {c.unsqueeze(0), c.slice(0, 0, 1).select(1, 0)}, {1, 3}, {2.040816327, 3.020408163, 4}},
        {" i j , j ", {a, a[0]}, {2}, {5, 14}},
        {"ij,kj->ik", {a, a}, {2, 2}, {5, 14, 14, 50}},
        {"ijk,ijk->i", {c, c}, {2}, {10.326530612, 77.918367347}},
        {"i...->...", {c}, {3, 4}, {1.714285714, 2, 2.285714286}},
        {"iij->j", {stack({a, a + 1.0})}, {3}, {4, 6, 8}},
        {"ij,j->i", {a.slice(1, 0, 1), a[0]}, {2}, {0, 9}},
    };
    for (const Case& one : cases) {
      INFO(one.equation);
      const Tensor y = einsum(one.equation, one.operands);
      REQUIRE(y.shape() == one.shape);
      V values = y.to_vector<double>();
      values.resize(one.first.size());
      require_close(tensor(values), one.first, 1e-9);
      std::vector<Tensor> leaves;
      for (const Tensor& operand : one.operands) leaves.push_back(leaf(operand.shape(), device, -1, 1, leaves.size() + 1));
      require_gradients([&](const auto& in) { return einsum(one.equation, in); }, leaves);
    }
    CHECK(einsum("ij,jk->ik", {zeros({2, 0}, options), zeros({0, 3}, options)}).to_vector<double>() == V(6, 0));
    CHECK(einsum("ij,jk->ik", {zeros({0, 2}, options), zeros({2, 3}, options)}).shape() == Shape{0, 3});
    CHECK(einsum("ij,jk->ik", {a.to(bfloat16), b.to(bfloat16)}).to(float64).to_vector<double>() == product);
  }
}

TEST_CASE("diagonal is a view", "[einsum]") {
  Tensor x = arange(0, 12, 1, {float64}).reshape({3, 4});
  CHECK(diagonal(x).to_vector<double>() == V{0, 5, 10});
  CHECK(diagonal(x, 1).to_vector<double>() == V{1, 6, 11});
  CHECK(diagonal(x, -1).to_vector<double>() == V{4, 9});
  CHECK(diagonal(x, 9).shape() == Shape{0});
  CHECK(diagonal(zeros({2, 3, 4}), 0, 2, 0).shape() == Shape{3, 2});
  diagonal(x, 2).fill_(-1);
  CHECK(x.to_vector<double>()[7] == -1);
  require_gradients([](const auto& in) { return diagonal(in[0], -1, 0, 2); }, {leaf({3, 2, 4})});
}

TEST_CASE("einsum says what it expected", "[einsum]") {
  const Tensor a = zeros({2, 3}), b = zeros({4, 5});
  require_error(
      [&] {
        einsum("ij,jk", {a, b});
      },
      "[einsum] expected equal sizes of a letter, got 3 and 4 of [2, 3] and [4, 5]");
  require_error([&] { einsum("ij", {a, b}); }, "[einsum] expected operands for 'ij', 1 of them, got 2");
  require_error([&] { einsum("ijk", {a}); }, "[einsum] expected 3 dimensions of operand 0 for 'ijk', got shape [2, 3]");
  require_error([&] { einsum("i1", {a}); }, "[einsum] expected letters, commas, '...' and '->', got 'i1'");
  require_error([&] { einsum("ij->ik", {a}); },
                "[einsum] expected each letter of the result once, and in an operand, got 'ij->ik'");
  require_error([&] { einsum("ii", {a}); }, "[einsum] expected equal sizes of a letter that an operand has twice, got [2, 3]");
  require_error(
      [&] {
        einsum("ij,jk", {a, zeros({3, 2}, {float64})});
      },
      "[einsum] expected a next operand of float32 on cpu, got float64 on cpu");
  require_error([] { einsum("", {}); }, "[einsum] expected an operand or more, got none");
}
