// Records of CIFAR-10 (or of CIFAR-100, where the first byte is odd), and a file of class names in the part behind them.
#include "heddle/data/cifar.hpp"

#include "tests/fuzz/target.hpp"

using namespace heddle;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const fuzz::Input input(data, size);
  fuzz::accepts([&] {
    const auto records = fuzz::part_of(input.bytes().substr(1), 0), names = fuzz::part_of(input.bytes().substr(1), 1);
    const bool hundred = data[0] & 1;
    const auto set = hundred ? data::decode_cifar100(records, names, "a file") : data::decode_cifar10(records, names, "a file");
    fuzz::require(set.num_classes() == (hundred ? 100 : 10), "each class has a name");
    std::int64_t count = 0;
    for (const auto n : data::class_counts(set)) count += n;
    fuzz::require(count == set.size(), "each record has a class");
    if (set.size() > 0) data::channel_stats(set);
  });
  return 0;
}
