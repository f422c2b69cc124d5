// Batches: the same ones for any number of workers, from any batch of an epoch on, whoever leaves early.
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "heddle/core/allocator.hpp"
#include "heddle/data/loader.hpp"
#include "heddle/data/synthetic.hpp"
#include "heddle/base/parallel.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/threads.hpp"

using namespace heddle;
using namespace heddle::data;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const Transform busy{RandomHorizontalFlip{},
                     ShiftScaleRotate{},
                     CoarseDropout{.holes = 2, .height = 8, .width = 8, .p = 0.7f},
                     BrightnessContrast{},
                     ColorJitter{.brightness = 0.2f, .contrast = 0.2f, .saturation = 0.2f, .hue = 0.1f},
                     RandomRotation{},
                     RgbShift{},
                     RandomCrop{},
                     Normalize{.mean = cifar10_mean, .std = cifar10_std}};

const ImageDataset& images() {
  static const auto set = synthetic({.count = 333, .seed = 9});
  return set;
}

DataLoaderOptions options(int workers = 0) {
  return {.batch_size = 32, .shuffle = true, .seed = 4, .workers = workers, .prefetch = 3, .transform = busy};
}

struct Seen {
  std::vector<float> pixels;
  std::vector<std::int64_t> labels, index, numbers;
};

template <class Range>
Seen walk(Range&& epoch) {
  Seen seen;
  for (const Batch& batch : epoch) {
    const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    add(seen.pixels, batch.images.template to_vector<float>());
    add(seen.labels, batch.labels.template to_vector<std::int64_t>());
    add(seen.index, batch.index.template to_vector<std::int64_t>());
    seen.numbers.push_back(batch.number);
  }
  return seen;
}

bool same(const Seen& a, const Seen& b) {
  return a.pixels.size() == b.pixels.size() &&
         std::memcmp(a.pixels.data(), b.pixels.data(), a.pixels.size() * sizeof(float)) == 0 && a.labels == b.labels &&
         a.index == b.index && a.numbers == b.numbers;
}

}  // namespace

TEST_CASE("An epoch shows every image once, with its label", "[loader]") {
  const auto labels = images().labels().to_vector<std::int64_t>();
  for (const bool shuffle : {false, true}) {
    auto o = options();
    o.shuffle = shuffle;
    const DataLoader loader(images(), o);
    REQUIRE(loader.size() == 11);
    const Seen seen = walk(loader.epoch(0));
    REQUIRE(seen.numbers.size() == 11);
    REQUIRE(seen.index.size() == 333);
    REQUIRE(std::set(seen.index.begin(), seen.index.end()).size() == 333);
    REQUIRE(std::is_sorted(seen.index.begin(), seen.index.end()) == !shuffle);
    for (std::size_t i = 0; i < 333; ++i) REQUIRE(seen.labels[i] == labels[static_cast<std::size_t>(seen.index[i])]);
  }
}

TEST_CASE("The last, smaller batch comes, or is left out", "[loader]") {
  auto o = options();
  const DataLoader all(images(), o);
  std::vector<std::int64_t> sizes;
  for (const Batch& batch : all.epoch(0)) {
    REQUIRE(batch.images.shape() == Shape{batch.labels.size(0), 3, 32, 32});
    sizes.push_back(batch.labels.size(0));
  }
  REQUIRE(sizes.back() == 13);
  o.drop_last = true;
  const DataLoader whole(images(), o);
  REQUIRE(whole.size() == 10);
  REQUIRE(walk(whole.epoch(0)).index.size() == 320);
}

TEST_CASE("Batches are the same to the bit for any number of workers and threads", "[loader]") {
  const auto pixels = same_on_any_threads([] { return walk(DataLoader(images(), options()).epoch(2)).pixels; });
  const Seen alone = walk(DataLoader(images(), options()).epoch(2));
  REQUIRE(alone.pixels == pixels);
  for (const int workers : {1, 2, 5}) {
    INFO("workers: " << workers);
    REQUIRE(same(walk(DataLoader(images(), options(workers)).epoch(2)), alone));
  }
  auto one_ahead = options(3);
  one_ahead.prefetch = 1;
  REQUIRE(same(walk(DataLoader(images(), one_ahead).epoch(2)), alone));
}

TEST_CASE("Epochs and seeds differ in order and pixels, and repeat", "[loader]") {
  const DataLoader loader(images(), options());
  const Seen first = walk(loader.epoch(0));
  REQUIRE(same(walk(loader.epoch(0)), first));
  const Seen second = walk(loader.epoch(1));
  REQUIRE(second.index != first.index);
  auto o = options();
  o.seed = 5;
  REQUIRE(walk(DataLoader(images(), o).epoch(0)).index != first.index);
}

TEST_CASE("An image's pixels do not depend on the batch it falls in", "[loader]") {
  auto o = options();
  o.shuffle = false;
  const auto whole = walk(DataLoader(images(), o).epoch(3));
  o.batch_size = 7;
  const auto pieces = walk(DataLoader(images(), o).epoch(3));
  REQUIRE(pieces.pixels == whole.pixels);
  o.shuffle = true;
  const auto shuffled = walk(DataLoader(images(), o).epoch(3));
  for (std::size_t i = 0; i < 333; ++i) {
    const auto at = static_cast<std::size_t>(shuffled.index[i]) * 3072;
    REQUIRE(std::equal(shuffled.pixels.begin() + static_cast<std::ptrdiff_t>(i * 3072),
                       shuffled.pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * 3072),
                       whole.pixels.begin() + static_cast<std::ptrdiff_t>(at)));
  }
}

TEST_CASE("An epoch taken up in the middle gives the rest of what it would have given", "[loader]") {
  for (const int workers : {0, 2}) {
    const DataLoader loader(images(), options(workers));
    const Seen whole = walk(loader.epoch(1)), rest = walk(loader.epoch(1, 6));
    REQUIRE(rest.numbers == std::vector<std::int64_t>{6, 7, 8, 9, 10});
    REQUIRE(rest.index == std::vector(whole.index.begin() + 6 * 32, whole.index.end()));
    REQUIRE(rest.pixels == std::vector(whole.pixels.begin() + 6 * 32 * 3072, whole.pixels.end()));
    REQUIRE(walk(loader.epoch(1, 11)).index.empty());
    REQUIRE_THROWS_WITH(loader.epoch(1, 12), ContainsSubstring("from 0 to 11"));
  }
}

#if HD_TEST_FORKS
// The child waited for workers that only its parent has.
TEST_CASE("A child of fork() walks the rest of an epoch without its workers, to the same batches", "[loader]") {
  const Seen rest = walk(DataLoader(images(), options()).epoch(2, 1));
  auto epoch = DataLoader(images(), options(2)).epoch(2);
  epoch.begin();
  CHECK(in_child([&] { return same(walk(epoch), rest) ? 0 : 1; }) == 0);
  CHECK(in_child([&] {
          const auto leaves = std::move(epoch);
          return 0;
        }) == 0);
  CHECK(same(walk(epoch), rest));
}
#endif

TEST_CASE("Leaving an epoch early, or never beginning it, ends its workers", "[loader]") {
  const DataLoader loader(images(), options(3));
  for (int leave_after : {0, 1, 4}) {
    std::int64_t batches = 0;
    for (const Batch& batch : loader.epoch(0)) {
      REQUIRE(batch.number == batches);
      if (batches++ == leave_after) break;
    }
    REQUIRE(batches == leave_after + 1);
  }
  { const auto unused = loader.epoch(0); }
  REQUIRE_THROWS_WITH(
      [&] {
        for (const Batch& batch : loader.epoch(0))
          if (batch.number == 2) throw Error("the step failed");
      }(),
      ContainsSubstring("the step failed"));
  // An epoch outlives its loader.
  auto epoch = DataLoader(images(), options(2)).epoch(0);
  REQUIRE(walk(epoch).index.size() == 333);
}

TEST_CASE("Workers stay at most `prefetch` batches ahead", "[loader]") {
  auto o = options(4);
  o.batch_size = 1;
  o.prefetch = 2;
  const DataLoader loader(images(), o);
  const auto before = memory_stats().allocations;
  auto epoch = loader.epoch(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // The order of the epoch, and images and labels of two batches; a worker without bounds would have made hundreds.
  REQUIRE(memory_stats().allocations - before <= 5);
  REQUIRE(walk(epoch).index.size() == 333);
}

TEST_CASE("What goes wrong in a worker is thrown where its batch is asked for", "[loader]") {
  for (const int workers : {0, 2}) {
    auto o = options(workers);
    o.transform = Transform{CoarseDropout{.height = 40}};
    const DataLoader loader(images(), o);
    auto epoch = loader.epoch(0);  // nothing is asked for yet
    REQUIRE_THROWS_WITH(epoch.begin(), ContainsSubstring("[Transform] expected holes that fit"));
  }
}

TEST_CASE("Loaders refuse settings that make no sense", "[loader]") {
  REQUIRE_THROWS_WITH(DataLoader(images(), {.batch_size = 0}), ContainsSubstring("batch_size"));
  REQUIRE_THROWS_AS(DataLoader(images(), {.workers = max_num_threads() + 1}), Error);
  REQUIRE_THROWS_WITH(DataLoader(images(), {.workers = -1}), ContainsSubstring("workers"));
  REQUIRE_THROWS_WITH(DataLoader(images(), {.prefetch = 0}), ContainsSubstring("prefetch"));
  REQUIRE_THROWS_WITH(DataLoader(ImageDataset()), ContainsSubstring("at least one image"));
  REQUIRE_THROWS_WITH(DataLoader(images(), {.batch_size = 400, .drop_last = true}), ContainsSubstring("drop_last"));
}
