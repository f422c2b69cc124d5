// Convolution with prepared weights and a norm on its outputs gives, bit for bit, the convolution and then the norm.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/conv/conv_inference.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/conv_run.hpp"
#include "tests/support/values.hpp"

using namespace heddle;
using namespace heddle::kernels;
using namespace heddle::test;

namespace {

// Aligned to 64, as the kernels ask.
struct Room {
  explicit Room(std::size_t bytes) : memory(bytes / sizeof(double) + 17, std::numeric_limits<double>::quiet_NaN()) {}
  void* get() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    return reinterpret_cast<void*>((address + 63) / 64 * 64);
  }
  std::vector<double> memory;
};

}  // namespace

TEST_CASE("conv inference: prepared weights and a norm on the outputs give what the two ops give") {
  const ConvInferenceKernels& kernels = ConvInferenceKernels::cpu();
  const float none = -std::numeric_limits<float>::infinity();
  const auto numbers = [](std::int64_t count, std::uint64_t seed, double low = -1, double high = 1) {
    return made_up<float>(static_cast<std::size_t>(count), low, high, seed);
  };
  int served = 0;
  for (const ConvShape& s :
       {ConvShape{.n = 3, .c = 5, .h = 32, .w = 32, .k = 20, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
        ConvShape{.n = 5, .c = 16, .h = 8, .w = 8, .k = 13, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
        ConvShape{.n = 2, .c = 17, .h = 7, .w = 9, .k = 64, .kh = 3, .kw = 3, .pad_h = 2, .pad_w = 0},
        ConvShape{.n = 2, .c = 8, .h = 9, .w = 9, .k = 8, .kh = 1, .kw = 1},
        ConvShape{.n = 2, .c = 8, .h = 9, .w = 9, .k = 8, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2}}) {
    INFO(describe(s));
    if (!kernels.serves(s)) continue;
    ++served;
    const auto x = numbers(s.x_size(), 1), w = numbers(s.w_size(), 2), bias = numbers(s.k, 3);
    const auto mean = numbers(s.k, 4), scale = numbers(s.k, 5, 0.5, 2), shift = numbers(s.k, 6);
    Room prepared(kernels.prepared_bytes(s)), workspace(kernels.workspace(s));
    kernels.prepare({}, s, w.data(), prepared.get());
    for (const float* b : {bias.data(), static_cast<const float*>(nullptr)})
      for (int relu = 0; relu < 5; ++relu) {
        ConvEpilogue epilogue{mean.data(), scale.data(), shift.data(), relu & 1 ? 0 : none, relu & 2 ? 0 : none};
        if (relu == 4) epilogue = {};
        std::vector<float> want(static_cast<std::size_t>(s.y_size())), got(want.size(), NAN);
        Room room(Conv2dKernels<float>::cpu().workspace(s, ConvPass::forward));
        Conv2dKernels<float>::cpu().forward({}, s, x.data(), w.data(), b, want.data(), room.get());
        const std::int64_t area = std::int64_t{s.out_h()} * s.out_w();
        double worst = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
          const auto k = static_cast<std::size_t>(static_cast<std::int64_t>(i) / area % s.k);
          if (epilogue.mean)
            want[i] =
                std::max(std::fma(std::max(want[i], epilogue.low_before) - mean[k], scale[k], shift[k]), epilogue.low_after);
        }
        kernels.forward({}, s, x.data(), prepared.get(), b, epilogue, got.data(), workspace.get());
        for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(double{got[i]} - want[i]));
        // Instruction sets without fused multiply-adds round once more.
        if (epilogue.mean)
          REQUIRE(worst < 1e-5);
        else
          REQUIRE(worst == 0);
      }
  }
  REQUIRE(served == 3);
}
