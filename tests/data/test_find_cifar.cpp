// Finding CIFAR-10: the order of places, and what happens without a network.
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include "heddle/base/connection_error.hpp"
#include "heddle/data/find_cifar.hpp"
#include "tests/data/cifar_files.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::data;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// $CIFAR10_DIR for the length of a test.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* old = std::getenv("CIFAR10_DIR")) before_ = old;
    value ? setenv("CIFAR10_DIR", value, 1) : unsetenv("CIFAR10_DIR");
  }
  ~Environment() { before_ ? setenv("CIFAR10_DIR", before_->c_str(), 1) : unsetenv("CIFAR10_DIR"); }

 private:
  std::optional<std::string> before_;
};

// Without a network: whoever would download says so.
FindOptions small(const std::filesystem::path& folder) {
  return {.download_folder = folder,
          .download = [](const std::filesystem::path&) { throw ConnectionError("[fetch] the server is not to be reached"); },
          .synthetic_train = 30,
          .synthetic_test = 10};
}

}  // namespace

TEST_CASE("Without data and without a network the stand-in serves, and says so", "[download]") {
  const Environment environment(nullptr);
  const TempFolder folder;
  const auto choice = find_cifar10(small(folder / "data"));
  REQUIRE(choice.synthetic);
  REQUIRE(choice.train.size() == 30);
  REQUIRE(choice.test.size() == 10);
  REQUIRE_THAT(choice.message, ContainsSubstring("NOT CIFAR-10") && ContainsSubstring("say nothing about CIFAR-10") &&
                                   ContainsSubstring("the server is not to be reached"));
  REQUIRE(choice.message.find('\n') == std::string::npos);

  auto off = small(folder / "elsewhere");
  off.download = {};
  REQUIRE_THAT(find_cifar10(off).message, ContainsSubstring("downloading is off"));
  off.no_download = "this build has no such thing";
  REQUIRE_THAT(find_cifar10(off).message, ContainsSubstring("elsewhere', and this build has no such thing)"));
  REQUIRE_FALSE(std::filesystem::exists(folder / "elsewhere"));

  auto asked = small(folder / "data");
  asked.folder = "synthetic";
  REQUIRE_THAT(find_cifar10(asked).message, ContainsSubstring("as asked"));
}

// Whatever went wrong with a download, the program drew images and trained on those, as if there were no network.
TEST_CASE("A download that fails is an error, unless there is no connection", "[download]") {
  const Environment environment(nullptr);
  const TempFolder folder;
  auto options = small(folder / "data");
  options.download = [](const std::filesystem::path&) { throw Error("[fetch] expected another checksum"); };
  REQUIRE_THROWS_WITH(find_cifar10(options), ContainsSubstring("another checksum"));
  options.download = [](const std::filesystem::path&) { throw std::runtime_error("the disk is full"); };
  REQUIRE_THROWS_WITH(find_cifar10(options), ContainsSubstring("the disk is full"));
  options.download = [](const std::filesystem::path&) {};  // says that it is done, and is not
  REQUIRE_THROWS_WITH(find_cifar10(options), ContainsSubstring("expected 'data_batch_1.bin' in"));
  // Part of the data is there: nothing is drawn, nor downloaded over it.
  write_file(folder / "data/cifar-10-batches-bin/data_batch_2.bin", "");
  REQUIRE_THROWS_WITH(find_cifar10(small(folder / "data")), ContainsSubstring("cifar-10-batches-bin', found other files"));
}

TEST_CASE("A folder that was named and holds no data is an error, not a stand-in", "[download]") {
  const TempFolder folder;
  {
    const Environment environment(nullptr);
    auto options = small(folder / "data");
    options.folder = folder / "nowhere";
    REQUIRE_THROWS_WITH(find_cifar10(options), ContainsSubstring("[find_cifar10]") && ContainsSubstring("nowhere"));
  }
  const Environment environment((folder / "void").c_str());
  REQUIRE_THROWS_WITH(find_cifar10(small(folder / "data")), ContainsSubstring("void") && ContainsSubstring("$CIFAR10_DIR"));
}

TEST_CASE("CIFAR-10 is looked for where the user says, then in the environment's folder, then at home", "[download]") {
  const TempFolder folder;
  write_cifar10(folder / "there");
  std::filesystem::create_directories(folder / "data");
  {
    const Environment environment(nullptr);
    auto options = small(folder / "data");
    options.folder = folder / "there";
    const auto choice = find_cifar10(options);
    REQUIRE_FALSE(choice.synthetic);
    REQUIRE(choice.train.size() == 50000);
    REQUIRE(choice.test.class_names()[9] == "truck");
    REQUIRE_THAT(choice.message, ContainsSubstring("there"));
  }
  {
    const Environment environment((folder / "there").c_str());
    REQUIRE_THAT(find_cifar10(small(folder / "data")).message, ContainsSubstring("$CIFAR10_DIR"));
  }
  const Environment environment(nullptr);
  REQUIRE_FALSE(find_cifar10(small(folder / "there")).synthetic);
  // Damaged files are an error wherever they are.
  write_file(folder / "data/cifar-10-batches-bin/data_batch_1.bin", "short");
  REQUIRE_THROWS_WITH(find_cifar10(small(folder / "data")), ContainsSubstring("data_batch_1.bin"));
}

