// set_float32_matmul_precision: what it is called, what a GPU then multiplies, and what the gradient remembers.
#include <functional>

#include "heddle/ops/conv.hpp"
#include "heddle/ops/linear.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/precision.hpp"
#include "tests/support/tensors.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("the precision of products goes by PyTorch's names", "[precision]") {
  CHECK(get_float32_matmul_precision() == "highest");
  for (const char* name : {"high", "medium", "highest"}) {
    set_float32_matmul_precision(name);
    CHECK(get_float32_matmul_precision() == name);
  }
  require_error([] { set_float32_matmul_precision("tf32"); },
                "[set_float32_matmul_precision] expected highest, high or medium, got 'tf32'");
  CHECK(get_float32_matmul_precision() == "highest");
}

TEST_CASE("a GPU multiplies what the precision leaves of its factors, also in the backward pass", "[precision]") {
  struct Setting {
    const char* name;
    float factor, on_gpu;  // a number that needs one bit more than the precision has, and what becomes of it
  };
  struct Op {
    const char* name;
    Shape x, weight;
    std::function<Tensor(const Tensor&, const Tensor&)> run;
  };
  const Op ops[] = {
      {"linear", {1, 1}, {1, 1}, [](const Tensor& x, const Tensor& w) { return linear(x, w); }},
      {"matmul", {1, 1}, {1, 1}, [](const Tensor& x, const Tensor& w) { return matmul(x, w); }},
      {"conv2d", {1, 1, 1, 1}, {1, 1, 1, 1}, [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {}); }}};
  for (Device device : test_devices())
    for (const auto& [name, factor, on_gpu] :
         {Setting{"highest", 1 + 0x1p-12f, 1 + 0x1p-12f}, Setting{"high", 1 + 0x1p-12f, 1}, Setting{"medium", 1 + 0x1p-9f, 1}})
      for (const Op& op : ops) {
        INFO(op.name << " in " << name << " on " << device.str());
        const float kept = device.is_cpu() ? factor : on_gpu;
        Tensor x = full(op.x, factor, {.device = device}).requires_grad_();
        Tensor weight = full(op.weight, factor, {.device = device}).requires_grad_();
        set_float32_matmul_precision(name);
        Tensor y = op.run(x, weight);
        set_float32_matmul_precision("highest");
        CHECK(y.to_vector<float>()[0] == kept * kept);
        y.backward(ones_like(y));
        CHECK(x.grad().to_vector<float>()[0] == kept);
        CHECK(weight.grad().to_vector<float>()[0] == kept);
      }
}
