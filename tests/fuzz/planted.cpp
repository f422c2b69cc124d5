// A target with a fault of each kind, which its input names: what the driver and target.cpp are to notice.
#include <unistd.h>

#include <limits>
#include <memory>
#include <stdexcept>

#include "heddle/core/tensor.hpp"
#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size, 100'000);
  const std::string_view fault = input.bytes();
  volatile std::size_t seen = 0;
  if (fault == "promise") fuzz::require(false, "planted");
  if (fault == "memory") seen = *std::make_unique<char[]>(200'000).get() != 0;
  if (fault == "tensor") seen = zeros({200'000}, {.dtype = uint8}).data<std::uint8_t>()[0];
  if (fault == "message") fuzz::accepts([] { throw Error("a bell \a"); });
  if (fault == "exception") fuzz::accepts([] { throw std::runtime_error("of another type"); });
  if (fault == "overflow") seen = data[size];
  if (fault == "integer") {
    volatile int most = std::numeric_limits<int>::max();
    most = most + 1;
  }
  if (fault == "hang")
    for (;;) ::pause();
  (void)seen;
  return 0;
}
