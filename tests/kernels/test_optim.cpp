// Optimizer kernels step by step against PyTorch's numbers (tests/optim/make_reference.py), and clipping.
#include <cmath>
#include <memory>
#include <vector>

#include "kernels/optim/optim.hpp"
#include "tests/optim/step_reference.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/threads.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

// The reference's parameter, cut into slices of two and three elements.
template <class T>
struct Parameter {
  using Values = std::unique_ptr<Buffer<T>>;
  Values value, gradient, state0, state1;
  explicit Parameter(Where where)
      : value(make(where, reference_start)),
        state0(std::make_unique<Buffer<T>>(where, reference_size)),
        state1(std::make_unique<Buffer<T>>(where, reference_size)) {}
  static Values make(Where where, const double* from) {
    return std::make_unique<Buffer<T>>(where, std::vector<T>(from, from + reference_size));
  }
  std::vector<ParameterSlice<T>> slices(Where where, int step) {
    gradient = make(where, reference_gradient[step]);
    return {{value->get(), gradient->get(), state0->get(), state1->get(), 2},
            {value->get() + 2, gradient->get() + 2, state0->get() + 2, state1->get() + 2, 3}};
  }
  void require(const double* want) {
    for (int i = 0; i < reference_size; ++i)
      REQUIRE(static_cast<double>(value->host()[static_cast<std::size_t>(i)]) ==
              Approx(want[i]).epsilon(sizeof(T) == 4 ? 2e-6 : 1e-13).margin(sizeof(T) == 4 ? 1e-6 : 1e-14));
  }
};

}  // namespace

TEMPLATE_TEST_CASE("SGD takes PyTorch's steps", "[optim]", float, double) {
  using T = TestType;
  for (const auto& backend : backends<OptimKernels<T>>())
    for (bool from_device : {false, true})
      for (const auto& r : sgd_reference) {
        INFO(backend.name << ": lr " << r.lr << " momentum " << r.momentum << " dampening " << r.dampening << " weight decay "
                          << r.weight_decay << " nesterov " << r.nesterov);
        Parameter<T> p(backend.where);
        for (int step = 0; step < reference_steps; ++step) {
          INFO("step " << step);
          const SgdOptions options{r.lr, r.momentum, r.dampening, r.weight_decay, r.nesterov, step == 0};
          auto on_device = backend.buffer(std::vector<SgdOptions>{options});
          auto slices = p.slices(backend.where, step);
          backend.table->sgd({}, 2, slices.data(), from_device ? SgdOptions{} : options,
                             from_device ? on_device.get() : nullptr);
          p.require(r.value[step]);
        }
      }
}

TEMPLATE_TEST_CASE("Adam and AdamW take PyTorch's steps", "[optim]", float, double) {
  using T = TestType;
  for (const auto& backend : backends<OptimKernels<T>>())
    for (bool from_device : {false, true})
      for (const auto& r : adam_reference) {
        INFO(backend.name << (r.decoupled ? ": AdamW, lr " : ": Adam, lr ") << r.lr << " weight decay " << r.weight_decay);
        Parameter<T> p(backend.where);
        for (int step = 0; step < reference_steps; ++step) {
          INFO("step " << step);
          const AdamOptions options{r.lr, r.beta1, r.beta2, r.eps, r.weight_decay, r.decoupled, step + 1};
          auto on_device = backend.buffer(std::vector<AdamOptions>{options});
          auto slices = p.slices(backend.where, step);
          backend.table->adam({}, 2, slices.data(), from_device ? AdamOptions{} : options,
                              from_device ? on_device.get() : nullptr);
          p.require(r.value[step]);
        }
      }
}

TEMPLATE_TEST_CASE("gradient norm and clipping over many slices of all sizes", "[optim]", float, double) {
  using T = TestType;
  const std::int64_t sizes[] = {1, 0, 7, 20000, 3, 16384, 16383, 1, 40001, 8, 0};
  for (const auto& backend : backends<OptimKernels<T>>())
    for (double max_norm : {0.5, 1e9}) {
      INFO(backend.name << ", " << max_norm);
      std::vector<T> all;
      const auto gradients = same_on_any_threads([&] {
        std::vector<std::unique_ptr<Buffer<T>>> buffers;
        std::vector<ParameterSlice<T>> slices;
        all.clear();
        for (auto size : sizes) {
          const auto values = made_up<T>(static_cast<std::size_t>(size), -1, 1, static_cast<std::uint64_t>(size));
          all.insert(all.end(), values.begin(), values.end());
          buffers.push_back(std::make_unique<Buffer<T>>(backend.where, values));
          slices.push_back({nullptr, buffers.back()->get(), nullptr, nullptr, size});
        }
        auto norm = backend.buffer(std::vector<double>(1));
        const int count = static_cast<int>(slices.size());
        auto workspace =
            backend.buffer(std::vector<double>(backend.table->workspace(count, slices.data()) / 8 + 1, std::nan("")));
        backend.table->gradient_norm({}, count, slices.data(), norm, workspace.get());
        long double squares = 0;
        for (T v : all) squares += static_cast<long double>(v) * static_cast<long double>(v);
        REQUIRE(norm.host()[0] == Approx(static_cast<double>(std::sqrt(squares))).epsilon(1e-12));
        backend.table->clip({}, static_cast<int>(slices.size()), slices.data(), max_norm, norm);
        std::vector<T> out;
        for (std::size_t i = 0; i < slices.size(); ++i)
          out.insert(out.end(), buffers[i]->host().begin(), buffers[i]->host().begin() + sizes[i]);
        return out;
      });
      long double squares = 0;
      for (T v : gradients) squares += static_cast<long double>(v) * static_cast<long double>(v);
      if (max_norm == 0.5)
        REQUIRE(static_cast<double>(std::sqrt(squares)) == Approx(0.5).epsilon(1e-5));
      else
        REQUIRE(gradients == all);
    }
}

TEMPLATE_TEST_CASE("a step is the same on any number of threads, wherever slices end", "[optim]", float, double) {
  using T = TestType;
  for (const auto& backend : backends<OptimKernels<T>>())
    for (bool adam : {false, true}) {
      INFO(backend.name);
      const auto start = made_up<T>(100000), gradient = made_up<T>(100000, -1, 1, 2);
      same_on_any_threads([&] {
        auto value = backend.buffer(start), g = backend.buffer(gradient);
        auto m = backend.buffer(std::vector<T>(start.size())), v = backend.buffer(std::vector<T>(start.size()));
        std::vector<ParameterSlice<T>> slices;
        for (std::int64_t at = 0, size = 1; at < 100000; at += size, size = std::min<std::int64_t>(size * 2 + 1, 100000 - at))
          slices.push_back({value.get() + at, g.get() + at, m.get() + at, v.get() + at, size});
        for (int step = 1; step <= 3; ++step)
          if (adam)
            backend.table->adam({}, static_cast<int>(slices.size()), slices.data(), {.step = step}, nullptr);
          else
            backend.table->sgd({}, static_cast<int>(slices.size()), slices.data(),
                               {.momentum = 0.9, .nesterov = true, .first_step = step == 1}, nullptr);
        return value.host();
      });
    }
}

// On the GPU 80 slices are one launch.
TEST_CASE("two hundred slices are all updated, clipped and counted", "[optim]") {
  for (const auto& backend : backends<OptimKernels<float>>()) {
    INFO(backend.name);
    auto value = backend.buffer(std::vector<float>(2000)), gradient = backend.buffer(std::vector<float>(2000, 3.0f));
    auto norm = backend.buffer(std::vector<double>(1));
    std::vector<ParameterSlice<float>> slices;
    for (int i = 0; i < 200; ++i) slices.push_back({value.get() + 10 * i, gradient.get() + 10 * i, nullptr, nullptr, 10});
    auto workspace = backend.buffer(std::vector<double>(backend.table->workspace(200, slices.data()) / sizeof(double) + 1));
    backend.table->gradient_norm({}, 200, slices.data(), norm, workspace.get());
    REQUIRE(norm.host()[0] == Approx(std::sqrt(2000 * 9.0)));
    backend.table->clip({}, 200, slices.data(), norm.host()[0] / 2, norm);
    backend.table->sgd({}, 200, slices.data(), {.lr = 1}, nullptr);
    for (float v : value.host()) REQUIRE(v == Approx(-1.5f));
  }
}
