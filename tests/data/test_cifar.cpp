// Reading CIFAR's files, whole and damaged.
#include <fstream>

#include "heddle/data/cifar.hpp"
#include "tests/data/cifar_files.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::data;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("CIFAR-10 is read in order, from its folder or the one above", "[cifar]") {
  const TempFolder folder;
  REQUIRE_FALSE(has_cifar10(folder.path()));
  write_cifar10(folder.path());
  for (const auto& place : {folder.path(), folder / "cifar-10-batches-bin"}) {
    REQUIRE(has_cifar10(place));
    const auto train = read_cifar10(place, Split::train), test = read_cifar10(place, Split::test);
    REQUIRE(train.images().shape() == Shape{50000, 3, 32, 32});
    REQUIRE(test.size() == 10000);
    REQUIRE(train.class_names()[3] == "cat");
    REQUIRE(class_counts(train) == std::vector<std::int64_t>(10, 5000));
    const std::uint8_t* images = train.images().data<const std::uint8_t>();
    const std::int64_t* labels = train.labels().data<const std::int64_t>();
    for (const std::int64_t i : {0, 1, 9999, 10000, 27182, 49999}) {
      REQUIRE(labels[i] == i % 10);
      for (const std::int64_t k : {0, 1, 1024, 3071})
        REQUIRE(images[i * 3072 + k] == expected_pixel(static_cast<int>(i / 10000) + 1, i % 10000, k));
    }
    REQUIRE(test.images().data<const std::uint8_t>()[5] == expected_pixel(6, 0, 5));
  }

  SECTION("a file of another size is named, with both sizes") {
    std::filesystem::resize_file(folder / "cifar-10-batches-bin/data_batch_3.bin", 30729999);
    REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::train),
                        ContainsSubstring("[read_cifar10] expected 30730000 bytes") && ContainsSubstring("data_batch_3.bin") &&
                            ContainsSubstring("got 30729999"));
    REQUIRE(read_cifar10(folder.path(), Split::test).size() == 10000);
  }
  SECTION("a missing file is named") {
    std::filesystem::remove(folder / "cifar-10-batches-bin/data_batch_5.bin");
    REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::train), ContainsSubstring("data_batch_5.bin"));
  }
  SECTION("a label that names no class is shown with its record") {
    std::fstream file(folder / "cifar-10-batches-bin/data_batch_2.bin", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3073 * 4711);
    file.put(10);
    file.close();
    REQUIRE_THROWS_WITH(read_cifar10(folder.path(), Split::train),
                        ContainsSubstring("data_batch_2.bin") && ContainsSubstring("got 10 in record 4711"));
  }
  SECTION("without its file of names, classes have numbers") {
    write_file(folder / "cifar-10-batches-bin/batches.meta.txt", "only one\n");
    REQUIRE(read_cifar10(folder.path(), Split::test).class_names()[3] == "class 3");
  }
  // Bytes that JSON does not hold ended a training when it saved its model.
  SECTION("names are text that JSON holds and a terminal may see") {
    write_file(folder / "cifar-10-batches-bin/batches.meta.txt", "\x1b[2Jair\xff\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    REQUIRE(read_cifar10(folder.path(), Split::test).class_names()[0] == "\\x1b[2Jair\\xff");
  }
}

TEST_CASE("CIFAR-100 is read with its fine labels", "[cifar]") {
  const TempFolder folder;
  write_file(folder / "cifar-100-binary/test.bin", cifar_bytes(1, 10000, 2, 100));
  const auto test = read_cifar100(folder.path(), Split::test);
  REQUIRE(test.size() == 10000);
  REQUIRE(test.num_classes() == 100);
  REQUIRE(test.labels().data<const std::int64_t>()[4242] == 42);
  REQUIRE(test.images().data<const std::uint8_t>()[4242 * 3072 + 9] == expected_pixel(1, 4242, 9));
  REQUIRE_THROWS_WITH(read_cifar100(folder.path(), Split::train),
                      ContainsSubstring("[read_cifar100]") && ContainsSubstring("train.bin"));
  write_file(folder / "cifar-100-binary/train.bin", "short");
  REQUIRE_THROWS_WITH(read_cifar100(folder.path(), Split::train),
                      ContainsSubstring("expected 153700000 bytes") && ContainsSubstring("got 5"));
}

TEST_CASE("A data set's parts must fit each other", "[dataset]") {
  const Tensor images = zeros({4, 3, 2, 2}, {.dtype = uint8});
  const std::vector<std::string> names = {"a", "b"};
  const auto labels = [](std::vector<std::int64_t> v) { return tensor(v); };
  const ImageDataset good(images, labels({0, 1, 1, 1}), names);
  REQUIRE(class_counts(good) == std::vector<std::int64_t>{1, 3});
  REQUIRE(good.subset(2).size() == 2);
  REQUIRE(class_counts(good.subset(2)) == std::vector<std::int64_t>{1, 1});
  REQUIRE(good.subset(0).size() == 0);
  REQUIRE(ImageDataset().size() == 0);
  REQUIRE_THROWS_WITH(good.subset(5), ContainsSubstring("from 0 to 4") && ContainsSubstring("got 5"));
  REQUIRE_THROWS_WITH(ImageDataset(images, labels({0, 1}), names), ContainsSubstring("each of 4 images, got 2"));
  REQUIRE_THROWS_WITH(ImageDataset(images, labels({0, 1, 2, 0}), names), ContainsSubstring("got 2 at record 2"));
  REQUIRE_THROWS_WITH(ImageDataset(images, labels({0, -1, 0, 0}), names), ContainsSubstring("got -1 at record 1"));
  REQUIRE_THROWS_WITH(ImageDataset(zeros({4, 3, 2, 2}), labels({0, 0, 0, 0}), names), ContainsSubstring("uint8"));
  REQUIRE_THROWS_WITH(ImageDataset(zeros({4, 2, 2, 2}, {.dtype = uint8}), labels({0, 0, 0, 0}), names),
                      ContainsSubstring("channels"));
}

TEST_CASE("Mean and deviation by channel", "[dataset]") {
  // Channel c of image i is 10 * c + i everywhere, for 600 images in several pieces of the parallel sum.
  const std::int64_t n = 600;
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < n; ++i)
    for (int c = 0; c < 3; ++c)
      for (int k = 0; k < 4; ++k) bytes.push_back(static_cast<std::uint8_t>(10 * c + i % 5));
  const ImageDataset set(tensor(bytes, Shape{n, 3, 2, 2}), zeros({n}, {.dtype = int64}), {"a"});
  const auto stats = channel_stats(set);
  for (std::size_t c = 0; c < 3; ++c) {
    REQUIRE(stats.mean[c] * 255 == Approx(10.0 * static_cast<double>(c) + 2));
    REQUIRE(stats.std[c] * 255 == Approx(std::sqrt(2.0)));
  }
  REQUIRE_THROWS_AS(channel_stats(ImageDataset()), Error);
}
