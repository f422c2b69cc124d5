// Norms: values against their definitions, gradients over their options, running statistics, and that a norm fused with its
// neighbours is the same as one layer after another.
#include "heddle/core/random.hpp"
#include "heddle/ops/activation.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/norm.hpp"
#include "heddle/ops/reduce.hpp"
#include "kernels/random/philox.hpp"
#include "tests/support/tensors.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

// (x - mean) / sqrt(var + eps) over `dims`, from the ops of elementwise.hpp and reduce.hpp.
Tensor normalized(const Tensor& x, const Shape& dims, double eps) {
  return (x - mean(x, dims, true)) / sqrt(var(x, dims, 0, true) + eps);
}

Tensor by_channel(const Tensor& v, const Tensor& x) {
  Shape shape(std::vector<std::int64_t>(static_cast<std::size_t>(x.dim()), 1));
  shape[1] = v.numel();
  return v.reshape(shape);
}

}  // namespace

TEST_CASE("batch_norm in training", "[norm]") {
  for (Device device : test_devices())
    for (const Shape& shape :
         {Shape{4, 3}, Shape{2, 3, 5}, Shape{3, 2, 4, 5}, Shape{2, 10, 3, 3}, Shape{2, 1, 3, 4}, Shape{1, 20, 2, 3}}) {
      INFO(shape.str());
      const Tensor x = leaf(shape, device, -2, 3), w = leaf({shape[1]}, device, 0.5, 2, 2),
                   b = leaf({shape[1]}, device, -1, 1, 3);
      const Shape dims = shape.rank() == 2 ? Shape{0} : shape.rank() == 3 ? Shape{0, 2} : Shape{0, 2, 3};
      const Tensor want = normalized(x.detach(), dims, 1e-3);
      const BatchNormOptions options{.training = true, .eps = 1e-3};
      require_close(batch_norm(x, {}, {}, {}, {}, options), want, 1e-10);
      require_close(batch_norm(x, {}, {}, w, b, options), want * by_channel(w.detach(), x) + by_channel(b.detach(), x), 1e-10);
      require_close(batch_norm(x, {}, {}, w, {}, options), want * by_channel(w.detach(), x), 1e-10);
      require_gradients([&](const auto& in) { return batch_norm(in[0], {}, {}, in[1], in[2], options); }, {x, w, b});
      require_gradients([&](const auto& in) { return batch_norm(in[0], {}, {}, {}, {}, options); }, {x});
      require_gradients([&](const auto& in) { return batch_norm(in[0], {}, {}, {}, in[1], options); }, {x, b});
    }
}

TEST_CASE("batch_norm moves the running statistics as PyTorch does, and evaluates with them", "[norm]") {
  for (Device device : test_devices()) {
    const Tensor x = leaf({3, 2, 4, 5}, device, -2, 3), w = leaf({2}, device, 0.5, 2, 2), b = leaf({2}, device, -1, 1, 3);
    Tensor running_mean = made({2}, device, -1, 1, 4), running_var = made({2}, device, 1, 2, 5);
    const Tensor old_mean = running_mean.clone(), old_var = running_var.clone();
    batch_norm(x, running_mean, running_var, w, b, {.training = true, .momentum = 0.3});
    require_close(running_mean, old_mean * 0.7 + mean(x.detach(), {0, 2, 3}) * 0.3);
    require_close(running_var, old_var * 0.7 + var(x.detach(), {0, 2, 3}) * 0.3);

    const Tensor before = running_mean.clone();
    const Tensor xd = x.detach();
    require_close(batch_norm(x, running_mean, running_var, w, b, {.eps = 1e-3}),
                  (xd - by_channel(running_mean, x)) / sqrt(by_channel(running_var, x) + 1e-3) * by_channel(w.detach(), x) +
                      by_channel(b.detach(), x));
    require_same_bits(running_mean, before);
    // eps large enough to be missed where it is forgotten.
    require_gradients([&](const auto& in) { return batch_norm(in[0], running_mean, running_var, in[1], in[2], {.eps = 0.1}); },
                      {x, w, b});
    require_gradients([&](const auto& in) { return batch_norm(in[0], running_mean, running_var); }, {x});
    // Without running statistics, evaluation takes the batch's own.
    require_same_bits(batch_norm(x, {}, {}, w, b), batch_norm(x, {}, {}, w, b, {.training = true}));
  }
}

TEST_CASE("group_norm and instance_norm", "[norm]") {
  for (Device device : test_devices())
    for (auto [c, groups] : {std::array{4, 2}, {6, 3}, {3, 1}, {10, 5}, {20, 5}, {4, 4}}) {
      INFO(c << " channels in " << groups << " groups");
      const Tensor x = leaf({2, c, 3, 4}, device, -2, 3), w = leaf({c}, device, 0.5, 2, 2), b = leaf({c}, device, -1, 1, 3);
      const Tensor want = normalized(x.detach().reshape({2, groups, -1}), {2}, 1e-5).reshape(x.shape());
      require_close(group_norm(x, groups), want, 1e-10);
      const Tensor affine = want * by_channel(w.detach(), x) + by_channel(b.detach(), x);
      require_close(group_norm(x, groups, w, b), affine, 1e-10);
      if (groups == c) {
        require_close(instance_norm(x), want, 1e-10);
        require_close(instance_norm(x, w, b), affine, 1e-10);
        require_gradients([](const auto& in) { return instance_norm(in[0], in[1], in[2]); }, {x, w, b});
      }
      require_gradients([g = groups](const auto& in) { return group_norm(in[0], g, in[1], in[2], 1e-4); }, {x, w, b});
      require_gradients([g = groups](const auto& in) { return group_norm(in[0], g); }, {x});
    }
  for (Device device : test_devices()) {
    const Tensor x = leaf({5, 6}, device);
    require_gradients([](const auto& in) { return group_norm(in[0], 2); }, {x});
  }
}

TEST_CASE("layer_norm over any trailing shape", "[norm]") {
  for (Device device : test_devices())
    for (const auto& [shape, over] : std::vector<std::pair<Shape, Shape>>{{Shape{3, 7}, Shape{7}},
                                                                          {Shape{2, 3, 4, 5}, Shape{3, 4, 5}},
                                                                          {Shape{2, 3, 4, 5}, Shape{4, 5}},
                                                                          {Shape{2, 3, 4, 5}, Shape{5}},
                                                                          {Shape{2, 3, 4}, Shape{3, 4}},
                                                                          {Shape{6}, Shape{6}},
                                                                          {Shape{3, 4}, Shape{3, 4}},
                                                                          {Shape{2, 10, 3, 3}, Shape{10, 3, 3}}}) {
      INFO(shape.str() << " over " << over.str());
      const Tensor x = leaf(shape, device, -2, 3), w = leaf(over, device, 0.5, 2, 2), b = leaf(over, device, -1, 1, 3);
      Shape dims;
      for (int d = 0; d < over.rank(); ++d) dims.push_back(-1 - d);
      const Tensor want = normalized(x.detach(), dims, 1e-5);
      require_close(layer_norm(x, over), want, 1e-10);
      require_close(layer_norm(x, over, w, b), want * w.detach() + b.detach(), 1e-10);
      require_gradients([o = over](const auto& in) { return layer_norm(in[0], o, in[1], in[2]); }, {x, w, b});
      require_gradients([o = over](const auto& in) { return layer_norm(in[0], o); }, {x});
    }
}

namespace {

// What a norm with neighbours stands for.
Tensor one_by_one(const Tensor& x, const NormNeighbours& n, const std::function<Tensor(const Tensor&)>& norm) {
  const auto drop = [](const Tensor& t, const DropoutSpec& spec) {
    return spec.planes ? dropout2d(t, spec.p) : dropout(t, spec.p);
  };
  Tensor y = n.relu_before ? relu(x) : x;
  y = norm(drop(y, n.dropout_before));
  return drop(n.relu_after ? relu(y) : y, n.dropout_after);
}

using Norm = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const NormNeighbours&)>;
struct Named {
  std::string name;
  Shape affine;
  Norm norm;
};

std::vector<Named> norms(Device device) {
  const Tensor running_mean = made({6}, device, -0.2, 0.2, 7).to(float32),
               running_var = made({6}, device, 0.5, 1, 8).to(float32);
  const auto like = [](const Tensor& running, const Tensor& x) { return running.to(x.dtype()); };
  return {{"batch", {6}, [](auto& x, auto& w, auto& b, auto& n) { return batch_norm(x, {}, {}, w, b, {.training = true}, n); }},
          {"batch, evaluating",
           {6},
           [=](auto& x, auto& w, auto& b, auto& n) {
             return batch_norm(x, like(running_mean, x), like(running_var, x), w, b, {}, n);
           }},
          {"group", {6}, [](auto& x, auto& w, auto& b, auto& n) { return group_norm(x, 3, w, b, 1e-5, n); }},
          {"instance", {6}, [](auto& x, auto& w, auto& b, auto& n) { return instance_norm(x, w, b, 1e-5, n); }},
          {"layer", {6, 5, 7}, [](auto& x, auto& w, auto& b, auto& n) {
             return layer_norm(x, {6, 5, 7}, w, b, 1e-5, n);
           }}};
}

std::vector<NormNeighbours> neighbours() {
  std::vector<NormNeighbours> all;
  for (int bits = 1; bits < 16; ++bits)
    for (bool planes : {false, true}) {
      if (planes && !(bits & 10)) continue;
      all.push_back({.relu_before = (bits & 1) != 0,
                     .dropout_before = {.p = bits & 2 ? 0.25 : 0.0, .planes = planes},
                     .relu_after = (bits & 4) != 0,
                     .dropout_after = {.p = bits & 8 ? 0.4 : 0.0, .planes = planes && (bits & 2) == 0}});
    }
  return all;
}

std::string describe(const NormNeighbours& n) {
  const auto drop = [](const DropoutSpec& s) { return s.p == 0 ? std::string() : s.planes ? " dropout2d" : " dropout"; };
  return (n.relu_before ? " relu" : "") + drop(n.dropout_before) + " norm" + (n.relu_after ? " relu" : "") +
         drop(n.dropout_after);
}

}  // namespace

TEST_CASE("a norm fused with its neighbours is the same as one after another", "[norm][fusion]") {
  for (Device device : test_devices())
    for (DType type : {float64, float32})
      for (const auto& [name, affine, norm] : norms(device))
        for (const NormNeighbours& n : neighbours()) {
          INFO(name << ":" << describe(n) << " in " << name_of(type));
          const auto run = [&, norm = norm, affine = affine](bool fused) {
            const Tensor x = made({3, 6, 5, 7}, device).to(type).requires_grad_();
            const Tensor w = made(affine, device, 0.5, 2, 2).to(type).requires_grad_();
            const Tensor b = made(affine, device, -1, 1, 3).to(type).requires_grad_();
            manual_seed(11);
            const Tensor y = fused ? norm(x, w, b, n) : one_by_one(x, n, [&](const Tensor& z) { return norm(z, w, b, {}); });
            const std::uint64_t calls = default_generator().next(kernels::Purpose{}).call;
            y.backward(made(y.shape(), device, -1, 1, 4).to(type));
            return std::pair(std::vector{y.detach(), x.grad(), w.grad(), b.grad()}, calls);
          };
          const auto [fused, fused_calls] = run(true);
          const auto [plain, plain_calls] = run(false);
          REQUIRE(fused_calls == plain_calls);
          for (std::size_t i = 0; i < fused.size(); ++i) require_close(fused[i], plain[i], type == float64 ? 1e-11 : 2e-5);
        }
}

TEST_CASE("a norm that may consume its input takes the memory of one that nobody shares or records", "[norm][fusion]") {
  const NormNeighbours plain{.relu_after = true}, consuming{.relu_after = true, .consume_input = true};
  for (const auto& [name, affine, norm] : norms(cpu)) {
    if (name == "batch") continue;  // in training, which reads x again
    INFO(name);
    const Tensor w = made(affine, cpu, 0.5, 2, 2), b = made(affine, cpu, -1, 1, 3);
    const auto run = [&, norm = norm](const Tensor& x, const NormNeighbours& n) { return norm(x, w, b, n); };
    const Tensor kept = made({3, 6, 5, 7}, cpu), want = run(kept, plain);
    const Tensor x = kept.clone();
    const void* const memory = x.raw_data();
    const auto values = kept.to_vector<double>();
    CHECK(run(kept, plain).raw_data() != kept.raw_data());
    {
      const Tensor shared = x, y = run(x, consuming);
      CHECK(y.raw_data() != memory);
      CHECK(x.to_vector<double>() == values);
    }
    {
      const Tensor view = x.reshape({3, 6, 35}), y = run(x, consuming);
      CHECK(y.raw_data() != memory);
      CHECK(x.to_vector<double>() == values);
    }
    {
      Tensor trained = kept.clone().requires_grad_();
      CHECK(run(trained, consuming).raw_data() != trained.raw_data());
      CHECK(trained.to_vector<double>() == values);
    }
    const Tensor y = run(x, consuming);
    CHECK(y.raw_data() == memory);
    require_same_bits(y, want);
  }
}

TEST_CASE("gradients of norms fused with their neighbours", "[norm][fusion]") {
  for (Device device : test_devices())
    for (const auto& [name, affine, norm] : norms(device)) {
      const Tensor x = leaf({2, 6, 5, 7}, device), w = leaf(affine, device, 0.5, 2, 2), b = leaf(affine, device, -1, 1, 3);
      const NormNeighbours n{
          .relu_before = true, .dropout_before = {.p = 0.25, .planes = true}, .relu_after = true, .dropout_after = {.p = 0.4}};
      INFO(name);
      require_gradients(
          [&, norm = norm](const auto& in) {
            manual_seed(5);
            return norm(in[0], in[1], in[2], n);
          },
          {x, w, b}, {.atol = 1e-5});
    }
}

TEST_CASE("norms give the same bits on any number of threads", "[norm]") {
  for (const auto& [name, affine, norm] : norms(cpu)) {
    INFO(name);
    same_on_any_threads([&, norm = norm, affine = affine] {
      const Tensor x = made({9, 6, 5, 7}).to(float32).requires_grad_(),
                   w = made(affine, cpu, 0.5, 2, 2).to(float32).requires_grad_(),
                   b = made(affine, cpu, -1, 1, 3).to(float32).requires_grad_();
      manual_seed(3);
      const Tensor y = norm(x, w, b, {.relu_before = true, .dropout_after = {.p = 0.3}});
      sum(y * y).backward();
      std::vector<float> all;
      for (const Tensor& t : {y, x.grad(), w.grad(), b.grad()})
        for (float v : t.to_vector<float>()) all.push_back(v);
      return all;
    });
  }
}

TEST_CASE("a norm notices that its input, or its running statistics, were overwritten before backward", "[norm]") {
  const Tensor x = leaf({4, 3, 2, 2});
  const Tensor hidden = x * 2.0;
  const Tensor y = sum(batch_norm(hidden, {}, {}, {}, {}, {.training = true}));
  hidden.detach().zero_();
  require_error(
      [&] { y.backward(); },
      "[batch_norm] expected the tensor of shape [4, 3, 2, 2] that backward needs as it was, got one written in place since "
      "forward");
  Tensor running_mean = zeros({3}, {.dtype = float64}), running_var = ones({3}, {.dtype = float64});
  const Tensor evaluated = sum(batch_norm(x, running_mean, running_var));
  batch_norm(x.detach(), running_mean, running_var, {}, {}, {.training = true});
  require_error(
      [&] { evaluated.backward(); },
      "[batch_norm] expected the tensor of shape [3] that backward needs as it was, got one written in place since forward");
}

TEST_CASE("norms say what they expected", "[norm]") {
  const Tensor x = zeros({8, 6, 4, 4});
  require_error([&] { batch_norm(zeros({6}), {}, {}); }, "[batch_norm] expected an input [n, c, ...], got [6]");
  require_error([&] { batch_norm(x, zeros({6}), {}); },
                "[batch_norm] expected running_mean and running_var both, or none, got one");
  require_error([&] { batch_norm(x, zeros({5}), zeros({6})); },
                "[batch_norm] expected a running_mean of shape [6] for an input [8, 6, 4, 4], got [5]");
  require_error(
      [&] {
        batch_norm(zeros({1, 6}), {}, {}, {}, {}, {.training = true});
      },
      "[batch_norm] expected more than one value a channel when training, got input [1, 6]");
  require_error([&] { group_norm(x, 4); },
                "[group_norm] expected groups that divide the 6 channels of the input [8, 6, 4, 4], got 4");
  require_error([&] { group_norm(x, 2, zeros({3})); },
                "[group_norm] expected a weight of shape [6] for an input [8, 6, 4, 4], got [3]");
  require_error(
      [&] {
        instance_norm(zeros({8, 6, 1, 1}));
      },
      "[instance_norm] expected an input [n, c, ...] of more than one element a channel, got [8, 6, 1, 1]");
  require_error(
      [&] {
        layer_norm(x, {6, 4, 5});
      },
      "[layer_norm] expected an input [..., [6, 4, 5]] to normalise over [6, 4, 5], got [8, 6, 4, 4]");
  require_error([&] { layer_norm(x, {4}, {}, {}, 1e-5, {.dropout_after = {.p = 0.1, .planes = true}}); },
                "[layer_norm] expected a dropout of planes beside a norm that keeps the planes of [n, c, ...] whole, got input "
                "[8, 6, 4, 4]");
  require_error([&] { group_norm(x, 2, {}, {}, 1e-5, {.dropout_before = {.p = 1.0}}); },
                "[group_norm] expected neighbouring dropouts with a probability in [0, 1), got 1");
}
