// Errors, devices and element types.
#include <string>

#include "heddle/base/check.hpp"
#include "heddle/base/device.hpp"
#include "heddle/base/dtype.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

template <class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct Counted {
  int* formatted;
  std::string str() const { return std::to_string(++*formatted); }
};

}  // namespace

TEST_CASE("an error names the place, what was expected and what came") {
  CHECK(message_of([] { fail("conv2d", "expected 3 channels, got 4"); }) == "[conv2d] expected 3 channels, got 4");
  CHECK(message_of([] { check(1 > 2, "op", "expected {} or {}, got {}", 1, "two", 3.5); }) == "[op] expected 1 or two, got 3.5");
  CHECK_THROWS_AS(fail("op", "no"), std::runtime_error);
  CHECK(message_of([] { fail("", ""); }) == "[] ");
}

TEST_CASE("a check that holds formats nothing") {
  int formatted = 0;
  check(true, "op", "{}", Counted{&formatted});
  CHECK(formatted == 0);
  CHECK(message_of([&] { check(false, "op", "{}", Counted{&formatted}); }) == "[op] 1");
  CHECK(formatted == 1);
}

TEST_CASE("devices read back what they print") {
  for (const char* text : {"cpu", "cuda:0", "cuda:7"}) CHECK(Device::parse(text).str() == text);
  CHECK(Device::parse("cuda") == cuda);
  CHECK(Device::parse("cuda:1") == Device{DeviceType::cuda, 1});
  CHECK(Device::parse("cpu").is_cpu());
  CHECK_FALSE(Device::parse("cuda").is_cpu());
  CHECK(Device{} == cpu);
  for (const char* text : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", " cpu"})
    CHECK(message_of([&] { Device::parse(text); }) == "[device] expected cpu, cuda or cuda:N, got '" + std::string(text) + "'");
}

TEST_CASE("element types know their size, name and C++ type") {
  CHECK(size_of(float32) == sizeof(float));
  CHECK(size_of(float64) == sizeof(double));
  CHECK(size_of(int64) == sizeof(std::int64_t));
  CHECK(size_of(uint8) == 1);
  CHECK(size_of(bfloat16) == 2);
  CHECK(name_of(float32) == "float32");
  CHECK(name_of(float64) == "float64");
  CHECK(name_of(int64) == "int64");
  CHECK(name_of(uint8) == "uint8");
  CHECK(name_of(bfloat16) == "bfloat16");
  CHECK((is_floating_point(float32) && is_floating_point(float64) && is_floating_point(bfloat16)));
  CHECK_FALSE((is_floating_point(int64) || is_floating_point(uint8)));
  for (DType type : {float32, float64, int64, uint8, bfloat16}) {
    const auto [size, back] = visit_any(type, [](auto tag) {
      using T = typename decltype(tag)::type;
      return std::pair(sizeof(T), dtype_of<T>);
    });
    CHECK(size == size_of(type));
    CHECK(back == type);
  }
}

TEST_CASE("a floating-point type is asked for by name") {
  CHECK(visit_floating(float32, "op", [](auto tag) { return sizeof(typename decltype(tag)::type); }) == 4);
  CHECK(visit_floating(float64, "op", [](auto tag) { return sizeof(typename decltype(tag)::type); }) == 8);
  CHECK(message_of([] { visit_floating(uint8, "norm", [](auto) {}); }) == "[norm] expected float32 or float64, got uint8");
  CHECK(message_of([] { visit_floating(bfloat16, "softmax", [](auto) {}); }) ==
        "[softmax] expected float32 or float64, got bfloat16");
}
