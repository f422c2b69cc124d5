// One seed's numbers on each instruction set of this machine.
#include <vector>

#include "heddle/base/isa.hpp"
#include "kernels/random/random.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

TEST_CASE("random numbers are the same bits on every instruction set", "[random]") {
  using kernels::CpuTable, kernels::Isa, kernels::RandomKernels, kernels::Variant;
  const auto check_all = []<class T>(T) {
    const kernels::RandomKey key{.seed = 12345, .call = 6};
    const auto drawn = [&](const RandomKernels<T>& table) {
      std::vector<T> numbers(2000);
      table.uniform({}, 1000, key, T(-0.19245), T(0.19245), numbers.data());
      table.normal({}, 1000, key, T(0.1), T(0.7), numbers.data() + 1000);
      return numbers;
    };
    const auto base = drawn(CpuTable<Isa::base, RandomKernels<T>>::get(Variant::fast));
#if defined(__x86_64__) && !defined(HEDDLE_WITHOUT_V3)
    if (kernels::best_isa() >= Isa::v3) CHECK(drawn(CpuTable<Isa::v3, RandomKernels<T>>::get(Variant::fast)) == base);
#endif
#if defined(__x86_64__) && !defined(HEDDLE_WITHOUT_V4)
    if (kernels::best_isa() >= Isa::v4) CHECK(drawn(CpuTable<Isa::v4, RandomKernels<T>>::get(Variant::fast)) == base);
#endif
    CHECK(base.size() == 2000);
  };
  check_all(float());
  check_all(double());
}
