// Writes in place. `y = x * 2; y.slice(0, 0, 2).fill_(0); sum(y).backward()` once gave gradients of what had been overwritten;
// leaves that require grad were written to, and so were tensors of one element expanded to many. Each is refused now, or right.
#include "heddle/autograd/grad_mode.hpp"
#include "heddle/base/format.hpp"
#include "heddle/core/random.hpp"
#include "heddle/core/write.hpp"
#include "heddle/nn/init.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/reduce.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Tensor counted(const Shape& shape, Device device = cpu) {
  return arange(0, static_cast<double>(shape.numel()), 1, {float32, device}).reshape(shape);
}

}  // namespace

TEST_CASE("a write in place to what autograd holds is refused by the op's name", "[write]") {
  const Tensor leaf_x = leaf({4});
  const Tensor y = leaf_x * 2.0;
  struct Write {
    const char* op;
    std::function<void(Tensor&)> write;
  };
  const std::vector<Write> writes = {
      {"fill_", [](Tensor& t) { t.fill_(1); }},
      {"fill_", [](Tensor& t) { t.zero_(); }},
      {"copy_", [](Tensor& t) { t.copy_(zeros(t.shape())); }},
      {"uniform_", [](Tensor& t) { uniform_(t, 0, 1); }},
      {"normal_", [](Tensor& t) { normal_(t, 0, 1); }},
  };
  const std::vector<Tensor> held = {leaf_x,
                                    y,
                                    y.slice(0, 0, 2),
                                    y.select(0, 1),
                                    y.reshape({2, 2}).transpose(0, 1),
                                    leaf_x.slice(0, 1, 3),
                                    leaf_x.unsqueeze(0)};
  for (const auto& [op, write] : writes)
    for (Tensor t : held) {
      if (!t.is_contiguous() && std::string(op).find("_") > 5) continue;  // random numbers take dense tensors alone
      const std::string message = error_of([&] { write(t); });
      INFO(op << ": " << message);
      CHECK(message.starts_with(strings::format("[{}] expected a tensor without gradient to write to", op)));
      CHECK(message.find("NoGradGuard") != std::string::npos);
    }
  CHECK(error_of([&] { Tensor(leaf_x).fill_(0); }).find("a leaf that requires grad of shape [4]") != std::string::npos);
  CHECK(error_of([&] { zeros({4}, {float64}).copy_(y); }).find("[copy_] expected a source without gradient") == 0);
  // Nothing was written.
  sum(y).backward();
  CHECK(leaf_x.grad().to_vector<double>() == std::vector<double>{2, 2, 2, 2});
}

TEST_CASE("an undefined tensor is not written to", "[write]") {
  require_error([] { Tensor().fill_(1); }, "[fill_] expected a tensor to write to, got an undefined one");
}

TEST_CASE("without gradients writes are allowed, and backward notices what it misses", "[write]") {
  Tensor x = leaf({3});
  no_grad([&] { x.fill_(3); });
  CHECK(x.to_vector<double>() == std::vector<double>{3, 3, 3});
  const Tensor y = x * x;
  no_grad([&] { x.fill_(4); });
  CHECK(error_of([&] { sum(y).backward(); }).find("[mul] expected the tensor of shape [3] that backward needs as it was") == 0);
  x.detach().fill_(5);
  CHECK(x.to_vector<double>() == std::vector<double>{5, 5, 5});
  // A parameter is initialised anew without a guard of the caller's.
  nn::init::constant_(x, 6);
  nn::init::uniform_(x, 0, 1);
  CHECK(x.to_vector<double>()[0] < 1);
  CHECK(x.requires_grad());
}

TEST_CASE("places that max gave out are not overwritten unseen", "[write]") {
  const Tensor x = leaf({2, 3});
  auto [values, places] = max(x, 1);
  places.fill_(0);
  CHECK(error_of([&] { sum(values).backward(); }).find("[max] expected the tensor of shape [2, 1] that backward needs") == 0);
}

TEST_CASE("a gradient that grows while a graph has saved it is noticed", "[write]") {
  const Tensor x = leaf({2}), w = leaf({2});
  sum(x * 2.0).backward();
  const Tensor y = sum(x.grad() * w);
  sum(x * 3.0).backward();
  CHECK(error_of([&] { y.backward(); }).find("[mul] expected the tensor of shape [2] that backward needs as it was") == 0);
}

TEST_CASE("a tensor whose elements share memory is not written to", "[write]") {
  const Tensor one = zeros({1});
  for (const auto& write : std::vector<std::function<void(Tensor)>>{[](Tensor t) { t.fill_(1); },
                                                                    [](Tensor t) {
                                                                      t.copy_(tensor(std::vector<float>{1, 2, 3, 4}));
                                                                    }}) {
    const std::string message = error_of([&] { write(one.expand({4})); });
    CHECK(message.find(
              "expected a tensor whose elements each have memory of their own to write to, got shape [4] with strides [0]") !=
          std::string::npos);
  }
  CHECK(one.item() == 0);
  CHECK(detail::overlaps_itself({2, 3}, {1, 1}));
  CHECK(detail::overlaps_itself({3, 2}, {2, 3}));
  CHECK_FALSE(detail::overlaps_itself({3, 2}, {2, 1}));
  CHECK_FALSE(detail::overlaps_itself({2, 3}, {1, 2}));
  CHECK_FALSE(detail::overlaps_itself({1, 4}, {0, 1}));
  CHECK_FALSE(detail::overlaps_itself({0, 4}, {0, 0}));
  ones({1, 4}).expand({1, 4}).fill_(2);  // nothing is repeated
}

TEST_CASE("copies between overlapping slices are as of a clone", "[write]") {
  for (Device device : test_devices()) {
    const auto check = [&](const Shape& shape, const std::function<Tensor(const Tensor&)>& from,
                           const std::function<Tensor(const Tensor&)>& to) {
      const Tensor memory = counted(shape, device), expected = counted(shape, device);
      to(expected).copy_(from(counted(shape, device)));
      to(memory).copy_(from(memory));
      require_same_bits(memory, expected);
    };
    const auto part = [](std::int64_t begin, std::int64_t end) {
      return [=](const Tensor& t) { return t.slice(0, begin, end); };
    };
    check({100000}, part(0, 99999), part(1, 100000));
    check({100000}, part(1, 100000), part(0, 99999));
    check({10}, part(0, 5), [](const Tensor& t) { return t.slice(0, 0, 10, 2); });
    check({300, 200}, part(0, 299), part(1, 300));
    check(
        {70, 70}, [](const Tensor& t) { return t.transpose(0, 1); }, [](const Tensor& t) { return t; });
    check(
        {5}, [](const Tensor& t) { return t.slice(0, 2, 3).expand({5}); }, [](const Tensor& t) { return t; });
    check({6}, part(0, 6), part(0, 6));
  }
}
