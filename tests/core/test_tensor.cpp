// Tensors: factories, access, writing in place, copies between layouts and types, and what they say when misused.
#include <cstring>
#include <sstream>

#include "heddle/core/tensor.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("factories", "[tensor]") {
  for (Device device : test_devices()) {
    const Tensor x = empty({2, 3}, {.device = device});
    REQUIRE(x.shape() == Shape{2, 3});
    REQUIRE(x.dtype() == float32);
    REQUIRE(x.device() == device);
    REQUIRE(x.is_contiguous());
    REQUIRE(x.size(-1) == 3);
    REQUIRE(x.numel() == 6);
    using V = std::vector<double>;
    for (DType type : {float32, float64, int64, uint8, bfloat16}) {
      const TensorOptions options{type, device};
      const auto values = [](const Tensor& t) {
        std::vector<double> v;
        visit_any(t.dtype(), [&]<class T>(TypeTag<T>) {
          for (T e : t.to_vector<T>()) v.push_back(static_cast<double>(static_cast<float>(e)));
        });
        return v;
      };
      REQUIRE(values(full({3}, 7, options)) == V{7, 7, 7});
      REQUIRE(values(zeros({2}, options)) == V{0, 0});
      REQUIRE(values(ones({2}, options)) == V{1, 1});
      REQUIRE(values(ones_like(full({2}, 3, options))) == V{1, 1});
      REQUIRE(values(zeros_like(full({2}, 3, options))) == V{0, 0});
      REQUIRE(values(arange(1, 6, 2, options)) == V{1, 3, 5});
      REQUIRE(values(eye(2, options)) == V{1, 0, 0, 1});
      REQUIRE(full({}, 9, options).item<int>() == 9);
    }
    REQUIRE(arange(0, 1, 0.25, {float64, device}).to_vector<double>() == V{0, 0.25, 0.5, 0.75});
    REQUIRE(arange(3, 0, -1, {float64, device}).to_vector<double>() == V{3, 2, 1});
    REQUIRE(arange(0, 0).numel() == 0);
    const float memory[] = {1, 2, 3, 4};
    REQUIRE(from_memory(memory, {2, 2}, {.device = device}).to_vector<float>() == std::vector<float>{1, 2, 3, 4});
    REQUIRE(tensor(std::vector<std::uint8_t>{1, 2}, {}, device).dtype() == uint8);
    REQUIRE(tensor(std::vector<double>{1, 2, 3, 4}, Shape{2, 2}, device).shape() == Shape{2, 2});
  }
}

TEST_CASE("a tensor is a handle", "[tensor]") {
  Tensor x = zeros({3});
  Tensor y = x;
  y.fill_(2);
  REQUIRE(x.to_vector<float>() == std::vector<float>{2, 2, 2});
  REQUIRE_FALSE(Tensor().defined());
  REQUIRE(x.defined());
  x.data<float>()[1] = 5;
  REQUIRE(y.to_vector<float>() == std::vector<float>{2, 5, 2});
}

TEST_CASE("writing in place, through any layout", "[tensor]") {
  for (Device device : test_devices()) {
    using V = std::vector<double>;
    Tensor x = zeros({2, 3}, {float64, device});
    Tensor column = x.view_of_memory({2}, {3}, 1);
    REQUIRE_FALSE(column.is_contiguous());
    column.fill_(4);
    REQUIRE(x.to_vector<double>() == V{0, 4, 0, 0, 4, 0});
    column.copy_(tensor(std::vector<double>{7, 8}, {}, device));
    REQUIRE(x.to_vector<double>() == V{0, 7, 0, 0, 8, 0});
    // From another type, another layout, and (where there is one) another device, all at once.
    const Tensor source = tensor(std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}, Shape{3, 2});
    x.copy_(source.view_of_memory({2, 3}, {1, 2}, 0));
    REQUIRE(x.to_vector<double>() == V{1, 3, 5, 2, 4, 6});
    column.copy_(source.view_of_memory({2}, {2}, 0));
    REQUIRE(x.to_vector<double>() == V{1, 1, 5, 2, 3, 6});
    Tensor back = zeros({2, 3});
    back.copy_(x);
    REQUIRE(back.to_vector<float>() == std::vector<float>{1, 1, 5, 2, 3, 6});
    double raw[2];
    column.copy_to(raw);
    REQUIRE(raw[0] == 1);
    REQUIRE(raw[1] == 3);
    x.zero_();
    REQUIRE(x.to_vector<double>() == V(6, 0.0));
    zeros({0, 3}, {.device = device}).fill_(3);
  }
}

TEST_CASE("conversions to whole numbers truncate", "[tensor]") {
  Tensor x = zeros({3}, {.dtype = int64});
  x.copy_(tensor(std::vector<float>{1.9f, -1.9f, 0.5f}));
  REQUIRE(x.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, -1, 0});
}

TEST_CASE("printing shows values, shape, type and device", "[print]") {
  REQUIRE(tensor(std::vector<float>{1, 2.5, -3}).str() == "[1, 2.5, -3]\ntensor(shape=[3], dtype=float32, device=cpu)");
  REQUIRE(full({}, 7, {.dtype = int64}).str() == "7\ntensor(shape=[], dtype=int64, device=cpu)");
  REQUIRE(tensor(std::vector<std::int64_t>{1, 2, 3, 4}, Shape{2, 2}).str() ==
          "[[1, 2],\n [3, 4]]\ntensor(shape=[2, 2], dtype=int64, device=cpu)");
  REQUIRE(arange(0, 1000, 1, {.dtype = int64}).str() ==
          "[0, 1, 2, ..., 997, 998, 999]\ntensor(shape=[1000], dtype=int64, device=cpu)");
  REQUIRE(Tensor().str() == "tensor(undefined)");
  REQUIRE(zeros({0}).str() == "[]\ntensor(shape=[0], dtype=float32, device=cpu)");
  std::ostringstream out;
  out << ones({1});
  REQUIRE(out.str() == "[1]\ntensor(shape=[1], dtype=float32, device=cpu)");
}

TEST_CASE("tensors say what they expected", "[tensor]") {
  const Tensor x = zeros({2, 3});
  require_error([] { Tensor().shape(); },
                "[tensor] expected a tensor, got an undefined one (default-constructed or moved from)");
  require_error([&] { x.data<double>(); }, "[tensor] expected elements of float64, got a float32 tensor of shape [2, 3]");
  require_error([&] { x.to_vector<std::int64_t>(); },
                "[tensor] expected elements of int64, got a float32 tensor of shape [2, 3]");
  require_error([&] { x.item(); }, "[item] expected a tensor of one element, got shape [2, 3]");
  require_error([&] { Tensor(x).copy_(zeros({3, 2})); }, "[copy_] expected a source of shape [2, 3], got [3, 2]");
  require_error([] { empty({2, -1}); }, "[empty] expected sizes of 0 or more, got [2, -1]");
  require_error([] { tensor(std::vector<float>{1, 2}, Shape{3}); }, "[tensor] expected 3 values for shape [3], got 2");
  require_error([] { arange(0, 1, 0); }, "[arange] expected a finite step other than 0, got 0");
  require_error([&] { x.size(2); }, "[size] expected a dimension in [-2, 2), got 2");
}
